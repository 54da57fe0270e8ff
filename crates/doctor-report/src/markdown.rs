//! A report as Markdown, for comments and tickets.
//!
//! Whatever comes from objects is in code or escaped: it makes no links, no markup and calls nobody.

use std::borrow::Cow;

use stanchion_doctor_core::{Exempted, Finding, Known, Report, Since, find};

use crate::document::Document;
use crate::words::{about, by_severity, counted, counts, line, moment, printable, silences};

/// Writes a report as Markdown.
pub fn markdown(document: &Document<'_>) -> String {
    let report = document.report;
    let mut text = String::new();
    let [critical, warning, info] = counts(&report.findings);
    let new = if report.since.is_some() { " new" } else { "" };
    line(&mut text, format_args!("# What the doctor found\n"));
    line(
        &mut text,
        format_args!(
            "**{critical} critical, {warning} warning, {info} info{new}**; {} run at {} in {:.1} s by stanchion {}.",
            counted(report.run.len(), "check"),
            moment(document.at),
            document.took.as_secs_f64(),
            escaped(document.version)
        ),
    );
    for (severity, findings) in by_severity(report) {
        line(&mut text, format_args!("\n## {}", capital(severity.name())));
        for finding in findings {
            one(&mut text, finding);
        }
    }
    if let Some(since) = &report.since {
        changes(&mut text, since);
    }
    if !report.exempted.is_empty() {
        line(&mut text, format_args!("\n## Exempt\n"));
        report.exempted.iter().for_each(|exempted| taken_back(&mut text, exempted));
    }
    not_looked_at(&mut text, report);
    text
}

fn one(text: &mut String, finding: &Finding) {
    line(text, format_args!("\n### {}: {}\n", finding.check, code(&about(finding))));
    line(text, format_args!("{}\n", capital(&escaped(&finding.summary))));
    line(text, format_args!("- **Do**: {}", escaped(&finding.advice)));
    for evidence in &finding.evidence {
        let (what, value, source) =
            (escaped(&evidence.what), code(&evidence.value), escaped(&evidence.source));
        line(text, format_args!("- {what}: {value} ({source})"));
    }
    if let Some(check) = find(finding.check) {
        let see: Vec<_> = check.basis.iter().map(|basis| format!("<{basis}>")).collect();
        line(text, format_args!("\n{} See {}.", escaped(check.meaning), see.join(", ")));
    }
}

fn changes(text: &mut String, since: &Since) {
    line(text, format_args!("\n## Since {}\n", moment(since.at)));
    line(
        text,
        format_args!("- {} that {} known then", since.known, if since.known == 1 { "was" } else { "were" }),
    );
    let known =
        |known: &Known| format!("{} {}: {}", known.check, code(&known.subject), escaped(&known.summary));
    for gone in &since.gone {
        line(text, format_args!("- gone: {}", known(gone)));
    }
    for unknown in &since.unknown {
        line(text, format_args!("- not looked at: {}", known(unknown)));
    }
}

fn taken_back(text: &mut String, exempted: &Exempted) {
    let until =
        exempted.until.as_ref().map_or_else(String::new, |until| format!(", until {}", escaped(until)));
    let (subject, reason, by) =
        (code(&exempted.subject.to_string()), escaped(&exempted.reason), escaped(&exempted.by));
    line(
        text,
        format_args!("- {} {subject} ({}): {reason}{until} (by {by})", exempted.check, exempted.count),
    );
}

fn not_looked_at(text: &mut String, report: &Report) {
    let (failed, unasked) = (silences(report, false), silences(report, true));
    if failed.is_empty() && unasked.is_empty() && report.gaps.is_empty() {
        return;
    }
    line(text, format_args!("\n## Not looked at\n"));
    for silence in &failed {
        let (why, checks) = (code(silence.why), silence.checks.join(", "));
        line(text, format_args!("- **could not be read**: {}: {why}; not run: {checks}", silence.need));
    }
    for gap in &report.gaps {
        line(text, format_args!("- **could not be read**: {}: {}", gap.need.name(), code(&gap.why)));
    }
    for silence in &unasked {
        let (why, checks) = (code(silence.why), silence.checks.join(", "));
        line(text, format_args!("- {}: {why}; not run: {checks}", silence.need));
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Writes text as code: between more backticks than it has in a row.
pub(crate) fn code(text: &str) -> String {
    let text = printable(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space is taken away at both ends again.
    format!("{fence} {text} {fence}")
}

/// Writes text so that Markdown takes nothing of it for markup, address or name of somebody.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    const MARKUP: &str = "\\`*_[]<>|~#&!{}";
    let is_special = |c: char| MARKUP.contains(c) || c == '@' || c == ':';
    let text = printable(text);
    if !text.contains(is_special) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 8);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            // Otherwise what looks like an address is made one.
            (':', Some('/')) => safe.push_str("\\:"),
            // Otherwise whoever has that name is called. Nothing is seen of a space of no width.
            ('@', Some(next)) if next.is_alphanumeric() => safe.push_str("@\u{200b}"),
            (c, _) if MARKUP.contains(c) => safe.extend(['\\', c]),
            (c, _) => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{document, report};

    #[test]
    fn what_is_special_is_escaped() {
        assert_eq!(escaped("plain, 1.5 GiB: full (75 %)"), "plain, 1.5 GiB: full (75 %)");
        assert_eq!(
            escaped("<b> [x](y) **z** a_b | `c`"),
            "\\<b\\> \\[x\\](y) \\*\\*z\\*\\* a\\_b \\| \\`c\\`"
        );
        assert_eq!(escaped("https://evil @team a\nb"), "https\\://evil @\u{200b}team a\\\\nb");
    }

    #[test]
    fn code_has_a_fence_that_is_not_in_it() {
        assert_eq!(code("web"), "` web `");
        assert_eq!(code("a `` b ` c"), "``` a `` b ` c ```");
    }

    #[test]
    fn a_report_has_its_parts_and_no_markup_of_others() {
        let report = report();
        let text = markdown(&document(&report));
        for part in [
            "**1 critical, 1 warning, 1 info new**; 3 checks run at 2027-01-15T08:00:00Z in 1.5 s",
            "## Critical\n\n### etcd/alarm: ``",
            "## Warning\n\n### etcd/space: ``",
            "- gone: etcd/space ` etcd cluster `: full",
            "## Exempt\n\n- etcd/alarm",
            "- **could not be read**: certificates: ` a: refused `; not run: certs/key",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert!(!text.contains('\x1b'), "{text}");
        for line in text.lines() {
            let marked = outside_code(line).replace("\\<", "");
            for hostile in ["<script", "https://evil", "@team"] {
                assert!(!marked.contains(hostile), "{line}");
            }
        }
    }

    /// Returns a line without what stands in double fences, which names with a backtick get.
    fn outside_code(line: &str) -> String {
        line.split("``").step_by(2).collect()
    }
}
