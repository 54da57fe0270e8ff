//! Runs checks over facts.

use std::cmp::Reverse;

use serde::Serialize;

use crate::baseline::Since;
use crate::check::Check;
use crate::exemption::Exempted;
use crate::facts::Facts;
use crate::finding::{Finding, Findings};
use crate::need::{Need, Reading};
use crate::severity::Severity;

/// A check that was not run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotRun {
    /// Which.
    pub check: &'static str,
    /// What of its facts there is not.
    pub need: Need,
    /// Why not.
    pub why: String,
    /// Whether nobody asked for it or there is no such thing, so that nothing is wrong with that.
    pub unasked: bool,
}

/// Something of which only a part could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Of what.
    pub need: Need,
    /// What could not be read, and why.
    pub why: String,
}

/// What came of a diagnosis.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is wrong, the gravest first.
    pub findings: Vec<Finding>,
    /// The checks that were run.
    pub run: Vec<&'static str>,
    /// The checks that were not.
    pub not_run: Vec<NotRun>,
    /// What is only partly known.
    pub gaps: Vec<Gap>,
    /// What was found and taken back.
    pub exempted: Vec<Exempted>,
    /// How it differs from an earlier one, if it was compared with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

impl Report {
    /// Returns the gravest severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns whether something that was asked for could not be read at all, or only in part.
    pub fn is_incomplete(&self) -> bool {
        !self.gaps.is_empty() || self.not_run.iter().any(|check| !check.unasked)
    }
}

/// Runs `checks` as far as what they need was read.
pub fn diagnose<'a>(facts: &Facts, checks: impl IntoIterator<Item = &'a Check>) -> Report {
    let mut report = Report::default();
    for check in checks {
        if let Some((need, why, unasked)) = check.needs.iter().find_map(|need| lacking(facts, *need)) {
            report.not_run.push(NotRun { check: check.id, need, why, unasked });
            continue;
        }
        let mut findings = Findings::new(check.id, check.fix.is_some(), facts.exemptions.clone());
        (check.run)(facts, &mut findings);
        let (findings, exempted) = findings.into_parts();
        report.findings.extend(findings);
        report.exempted.extend(exempted);
        report.run.push(check.id);
    }
    for (need, reading) in &facts.readings {
        if let Reading::Partly { missing, .. } = reading {
            report.gaps.extend(missing.iter().map(|why| Gap { need: *need, why: why.clone() }));
        }
    }
    report.findings.sort_by(|one, other| {
        let key = |finding: &Finding| (Reverse(finding.severity), finding.check, finding.subject.clone());
        key(one).cmp(&key(other))
    });
    report
}

/// Returns why there is nothing of a kind of facts, and whether nobody asked.
fn lacking(facts: &Facts, need: Need) -> Option<(Need, String, bool)> {
    match facts.readings.get(&need) {
        Some(Reading::Read { .. } | Reading::Partly { .. }) => None,
        Some(Reading::Absent { source, why }) => Some((need, format!("{source}: {why}"), true)),
        Some(Reading::Failed { source, why }) => Some((need, format!("{source}: {why}"), false)),
        None => Some((need, format!("not asked for; {}", need.asked_with()), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Group;
    use crate::subject::Subject;

    const CHECK: Check = Check {
        id: "etcd/test",
        group: Group::Etcd,
        severity: Severity::Critical,
        title: "",
        meaning: "",
        basis: &[],
        needs: &[Need::EtcdStatus, Need::EtcdMetrics],
        fix: None,
        run: |_, findings| {
            for severity in [Severity::Info, Severity::Critical, Severity::Warning] {
                findings.add(severity, Subject::new("etcd", severity.name()), "", "", Vec::new());
            }
        },
    };

    fn read() -> Reading {
        Reading::Read { source: "here".to_owned() }
    }

    #[test]
    fn what_was_not_read_is_no_finding() {
        let mut facts = Facts::new(0);
        let report = diagnose(&facts, [&CHECK]);
        assert!(report.findings.is_empty() && !report.is_incomplete(), "{report:?}");
        assert_eq!(report.not_run[0].need, Need::EtcdStatus);
        facts.note(Need::EtcdStatus, read());
        facts.note(
            Need::EtcdMetrics,
            Reading::Failed { source: "there".to_owned(), why: "refused".to_owned() },
        );
        let report = diagnose(&facts, [&CHECK]);
        assert!(report.findings.is_empty() && report.is_incomplete(), "{report:?}");
        assert_eq!(report.not_run[0].why, "there: refused");
    }

    #[test]
    fn the_gravest_comes_first_and_gaps_are_told() {
        let mut facts = Facts::new(0);
        facts.note(Need::EtcdStatus, read());
        let missing = vec!["b: no answer".to_owned()];
        facts.note(Need::EtcdMetrics, Reading::Partly { source: "a".to_owned(), missing });
        let report = diagnose(&facts, [&CHECK]);
        let severities: Vec<_> = report.findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, Severity::ALL);
        assert_eq!(report.worst(), Some(Severity::Critical));
        assert!(report.is_incomplete());
        assert_eq!(report.gaps[0].why, "b: no answer");
    }
}
