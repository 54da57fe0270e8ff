//! A report for people at a terminal.

use stanchion_doctor_core::{Finding, Report, Since, find};

use crate::document::Document;
use crate::words::{about, by_severity, counted, counts, line, moment, printable, silences};

/// Writes a report: findings by severity, one line each, and what was not looked at.
pub fn table(document: &Document<'_>, explain: bool) -> String {
    let report = document.report;
    let mut text = String::new();
    let width = report.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for (severity, findings) in by_severity(report) {
        line(&mut text, format_args!("{}", severity.name().to_uppercase()));
        for finding in findings {
            let (about, summary) = (about(finding), &finding.summary);
            let said = format!("{:width$}  {about}: {summary}", finding.check);
            line(&mut text, format_args!("  {}", printable(&said)));
            if explain {
                explanation(&mut text, finding);
            }
        }
        text.push('\n');
    }
    if let Some(since) = &report.since {
        changes(&mut text, since);
    }
    taken_back(&mut text, report);
    not_looked_at(&mut text, report);
    let [critical, warning, info] = counts(&report.findings);
    let new = if report.since.is_some() { " new" } else { "" };
    let run = counted(report.run.len(), "check");
    line(&mut text, format_args!("{critical} critical, {warning} warning, {info} info{new}; {run} run"));
    text
}

fn explanation(text: &mut String, finding: &Finding) {
    for evidence in &finding.evidence {
        let mut lines = evidence.value.lines();
        let first = lines.next().unwrap_or_default();
        let said = format!("{}: {first}  ({})", evidence.what, evidence.source);
        line(text, format_args!("      {}", printable(&said)));
        for more in lines {
            line(text, format_args!("        {}", printable(more)));
        }
    }
    line(text, format_args!("      do: {}", printable(&finding.advice)));
    if let Some(check) = find(finding.check) {
        line(text, format_args!("      {}", check.meaning));
        for basis in check.basis {
            line(text, format_args!("      see {basis}"));
        }
    }
}

/// Says what is gone since the baseline, and what nobody can tell of.
fn changes(text: &mut String, since: &Since) {
    line(text, format_args!("since {}: {} known", moment(since.at), since.known));
    for (what, all) in [("gone", &since.gone), ("not looked at", &since.unknown)] {
        for known in all {
            let said = format!("{}  {}: {}", known.check, known.subject, known.summary);
            line(text, format_args!("  {what}: {}", printable(&said)));
        }
    }
    text.push('\n');
}

/// Says what was found and is exempt.
fn taken_back(text: &mut String, report: &Report) {
    for exempted in &report.exempted {
        let until = exempted.until.as_ref().map_or_else(String::new, |until| format!(", until {until}"));
        let count = if exempted.count > 1 { format!(" ({})", exempted.count) } else { String::new() };
        let said = format!(
            "{}  {}{count}: {}{until} (by {})",
            exempted.check, exempted.subject, exempted.reason, exempted.by
        );
        line(text, format_args!("exempt: {}", printable(&said)));
    }
    if !report.exempted.is_empty() {
        text.push('\n');
    }
}

/// Says what could not be read although it was asked for, and what nobody asked for.
fn not_looked_at(text: &mut String, report: &Report) {
    let before = text.len();
    for silence in silences(report, false) {
        let said = format!("{}: {}", silence.need, silence.why);
        line(text, format_args!("could not read: {}", printable(&said)));
        line(text, format_args!("  not run: {}", silence.checks.join(", ")));
    }
    for gap in &report.gaps {
        line(text, format_args!("could not read: {}: {}", gap.need.name(), printable(&gap.why)));
    }
    for silence in silences(report, true) {
        line(text, format_args!("{}: {}", silence.need, printable(silence.why)));
        line(text, format_args!("  not run: {}", silence.checks.join(", ")));
    }
    if text.len() > before {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{HOSTILE, document, report};

    #[test]
    fn a_finding_is_a_line_and_nothing_acts() {
        let report = report();
        let text = table(&document(&report), false);
        assert!(text.starts_with("CRITICAL\n  etcd/alarm"), "{text}");
        assert_eq!(text.matches("etcd/alarm").count(), 2, "a line, and one that is exempt:\n{text}");
        assert!(text.contains("could not read: certificates: a: refused\n  not run: certs/key"), "{text}");
        assert!(text.contains("gone: etcd/space  etcd cluster: full"), "{text}");
        assert!(text.ends_with("1 critical, 1 warning, 1 info new; 3 checks run\n"), "{text}");
        for text in [text, table(&document(&report), true)] {
            assert!(!text.contains(HOSTILE) && !text.contains('\x1b'), "{text}");
        }
    }

    #[test]
    fn an_explanation_has_all_that_is_known() {
        let report = report();
        let text = table(&document(&report), true);
        for part in [
            "log: first  (the log)\n        second",
            "do: mend it",
            "see https://etcd.io",
            "With the alarm NOSPACE",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }
}
