//! What an answer to a probe means, in the words users know.

use super::{Kind, Outcome};

/// So much of an answer is kept for messages, in bytes.
pub const OUTPUT_MAX: usize = 10 * 1024;
/// So often a question is put again when it could not be put at all.
pub const ATTEMPTS: u32 = 3;

/// An answer with what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was found.
    pub outcome: Outcome,
    /// What to say about it.
    pub output: String,
}

impl Verdict {
    fn new(outcome: Outcome, output: impl AsRef<str>) -> Self {
        Self { outcome, output: cut(output.as_ref()).to_owned() }
    }

    /// Judges the status of an HTTP answer. A redirect to another host is not followed, and counts as success.
    pub fn http(status: u16, body: &str) -> Self {
        match status {
            200..400 => Self::new(Outcome::Success, body),
            _ => Self::new(Outcome::Failure, format!("HTTP probe failed with statuscode: {status}")),
        }
    }

    /// Judges how a command ended.
    pub fn exec(code: i32, output: &str) -> Self {
        Self::new(if code == 0 { Outcome::Success } else { Outcome::Failure }, output)
    }

    /// Judges a connection that was opened.
    pub fn connected() -> Self {
        Self::new(Outcome::Success, "")
    }

    /// Judges a connection or request that failed, or an answer that did not come in time.
    pub fn failed(why: &str) -> Self {
        Self::new(Outcome::Failure, why)
    }
}

/// Words the Event about a failure.
pub fn unhealthy(kind: Kind, output: &str) -> String {
    format!("{} probe failed: {output}", kind.as_str())
}

/// Words the Event about a question that could not be put.
pub fn errored(kind: Kind, error: &str) -> String {
    format!("{} probe errored: {error}", kind.as_str())
}

/// Cuts a text to what is kept, at the border of a character.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(OUTPUT_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        for (status, outcome) in [
            (200, Outcome::Success),
            (204, Outcome::Success),
            (302, Outcome::Success),
            (399, Outcome::Success),
            (199, Outcome::Failure),
            (400, Outcome::Failure),
            (503, Outcome::Failure),
        ] {
            assert_eq!(Verdict::http(status, "").outcome, outcome, "{status}");
        }
        let failed = Verdict::http(503, "x");
        assert_eq!(
            unhealthy(Kind::Liveness, &failed.output),
            "Liveness probe failed: HTTP probe failed with statuscode: 503"
        );
        assert_eq!(Verdict::exec(0, "ok").outcome, Outcome::Success);
        assert_eq!(Verdict::exec(1, "no").outcome, Outcome::Failure);
        assert_eq!(Verdict::connected().outcome, Outcome::Success);
        assert_eq!(errored(Kind::Startup, "no pid"), "Startup probe errored: no pid");
    }

    #[test]
    fn long_answers_are_cut_between_characters() {
        let text = "é".repeat(OUTPUT_MAX);
        assert_eq!(Verdict::failed(&text).output.len(), OUTPUT_MAX);
        let text = format!("x{text}");
        assert_eq!(Verdict::failed(&text).output.len(), OUTPUT_MAX - 1);
    }
}
