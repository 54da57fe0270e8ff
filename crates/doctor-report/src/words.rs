//! What formats share: names, moments, and text that is safe to show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};
use stanchion_doctor_core::{Finding, Report, Severity};

/// Adds a line to a text.
pub(crate) fn line(text: &mut String, line: fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all that is written");
}

/// Writes a moment as RFC 3339, `2026-11-21T16:00:00Z`.
pub(crate) fn moment(at: i64) -> String {
    DateTime::from_timestamp(at, 0)
        .map_or_else(|| format!("{at} s"), |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Writes a count with its noun: `1 check`, `3 checks`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Names what a finding is about; of several the cause, and how many there are.
pub(crate) fn about(finding: &Finding) -> String {
    match finding.affected.as_slice() {
        [] => finding.subject.to_string(),
        [one] if finding.count == 1 => one.to_string(),
        several => {
            let names: Vec<_> = several.iter().map(|one| one.name.as_str()).collect();
            let more = finding.count - several.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} ({}{more})", finding.subject, names.join(", "))
        }
    }
}

/// Returns the findings of each severity that has some, the gravest first.
pub(crate) fn by_severity(report: &Report) -> Vec<(Severity, Vec<&Finding>)> {
    let of = |severity| report.findings.iter().filter(move |finding| finding.severity == severity).collect();
    let all = Severity::ALL.map(|severity| (severity, of(severity)));
    all.into_iter().filter(|(_, findings): &(_, Vec<_>)| !findings.is_empty()).collect()
}

/// Returns how many findings of each severity there are, the gravest first.
pub(crate) fn counts<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> [usize; 3] {
    let mut counts = [0; 3];
    for finding in findings {
        for (count, severity) in counts.iter_mut().zip(Severity::ALL) {
            *count += usize::from(finding.severity == severity);
        }
    }
    counts
}

/// Something that was not read, and the checks that were not run for it.
pub(crate) struct Silence<'a> {
    pub(crate) need: &'static str,
    pub(crate) why: &'a str,
    pub(crate) checks: Vec<&'static str>,
}

/// Returns what was not read: what was asked for, or what nobody asked for.
pub(crate) fn silences(report: &Report, unasked: bool) -> Vec<Silence<'_>> {
    let mut silences: BTreeMap<(&'static str, &str), Vec<&'static str>> = BTreeMap::new();
    for check in report.not_run.iter().filter(|check| check.unasked == unasked) {
        silences.entry((check.need.name(), &check.why)).or_default().push(check.check);
    }
    silences.into_iter().map(|((need, why), checks)| Silence { need, why, checks }).collect()
}

/// Writes text so that it stays one line and does nothing to whoever shows it: control characters, and such that turn the
/// direction of writing around, are written as escapes.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_acting) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => safe.extend(c.escape_default()),
            c if is_acting(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_acting(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown() {
        assert_eq!(printable("ü 1.5 GiB"), "ü 1.5 GiB");
        assert_eq!(printable("\x1b[2Ja\nb\u{202e}c"), "\\u{1b}[2Ja\\nb\\u{202e}c");
    }

    #[test]
    fn moments_are_of_utc() {
        assert_eq!(moment(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(moment(i64::MAX), format!("{} s", i64::MAX));
    }
}
