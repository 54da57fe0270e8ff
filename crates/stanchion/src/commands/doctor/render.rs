//! A report for people.

use std::collections::BTreeMap;

use stanchion_doctor_core::{Finding, Report, Severity, find};

use crate::output::line;

/// Writes a report: findings by severity, one line each, and what was not looked at.
pub(super) fn report(report: &Report, explain: bool) -> String {
    let mut text = String::new();
    let width = report.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for severity in Severity::ALL {
        let findings: Vec<_> =
            report.findings.iter().filter(|finding| finding.severity == severity).collect();
        if findings.is_empty() {
            continue;
        }
        line(&mut text, format_args!("{}", severity.name().to_uppercase()));
        for finding in findings {
            let check = finding.check;
            let subject = subject(finding);
            line(&mut text, format_args!("  {check:width$}  {subject}: {}", finding.summary));
            if explain {
                explanation(&mut text, finding);
            }
        }
        text.push('\n');
    }
    not_looked_at(&mut text, report);
    let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let [critical, warning, info] = Severity::ALL.map(count);
    let run = report.run.len();
    line(&mut text, format_args!("{critical} critical, {warning} warning, {info} info; {run} checks run"));
    text
}

/// Names what a finding is about; of several the cause, and how many there are.
fn subject(finding: &Finding) -> String {
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

fn explanation(text: &mut String, finding: &Finding) {
    for evidence in &finding.evidence {
        line(text, format_args!("      {}: {}  ({})", evidence.what, evidence.value, evidence.source));
    }
    line(text, format_args!("      do: {}", finding.advice));
    if let Some(check) = find(finding.check) {
        line(text, format_args!("      {}", check.meaning));
        for basis in check.basis {
            line(text, format_args!("      see {basis}"));
        }
    }
}

/// Says what could not be read although it was asked for, and what nobody asked for.
fn not_looked_at(text: &mut String, report: &Report) {
    let mut failed: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut unasked: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for check in &report.not_run {
        let of = if check.unasked { &mut unasked } else { &mut failed };
        of.entry((check.need.name(), &check.why)).or_default().push(check.check);
    }
    for ((need, why), checks) in &failed {
        line(text, format_args!("could not read: {need}: {why}\n  not run: {}", checks.join(", ")));
    }
    for gap in &report.gaps {
        line(text, format_args!("could not read: {}: {}", gap.need.name(), gap.why));
    }
    for ((need, why), checks) in &unasked {
        line(text, format_args!("{need}: {why}\n  not run: {}", checks.join(", ")));
    }
    if !failed.is_empty() || !report.gaps.is_empty() || !unasked.is_empty() {
        text.push('\n');
    }
}
