//! What was found before, so that only what is new since then is shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::checks::find;
use crate::diagnose::Report;
use crate::exemption::Exempted;
use crate::finding::Finding;
use crate::severity::Severity;

/// The findings of an earlier report, as they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// When the report was made, in seconds since the Unix epoch.
    pub at: i64,
    /// What was found.
    pub findings: Vec<Known>,
}

/// A finding of an earlier report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What tells it from others.
    pub fingerprint: String,
    /// The check that found it.
    pub check: String,
    /// How grave it was.
    pub severity: Severity,
    /// What it is about, for people.
    pub subject: String,
    /// What was wrong, for people.
    pub summary: String,
}

/// How a report differs from an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// When the earlier one was made, in seconds since the Unix epoch.
    pub at: i64,
    /// How many findings were known then, no less grave, and are not shown.
    pub known: usize,
    /// What is gone.
    pub gone: Vec<Known>,
    /// What may be there still: not all was looked at that would tell.
    pub unknown: Vec<Known>,
}

impl Baseline {
    /// Returns the findings of a report, to be kept.
    pub fn of(report: &Report, at: i64) -> Self {
        let known = report.findings.iter().map(|finding| Known {
            fingerprint: finding.fingerprint(),
            check: finding.check.to_owned(),
            severity: finding.severity,
            subject: finding.subject.to_string(),
            summary: finding.summary.clone(),
        });
        Self { at, findings: known.collect() }
    }
}

impl Report {
    /// Leaves of its findings those that are new since `baseline` or graver than then, and notes the others.
    pub fn since(&mut self, baseline: &Baseline) {
        let mut before: BTreeMap<&str, Severity> = BTreeMap::new();
        for known in &baseline.findings {
            let worst = before.entry(&known.fingerprint).or_insert(known.severity);
            *worst = known.severity.max(*worst);
        }
        let mut now: BTreeSet<_> = self.findings.iter().map(Finding::fingerprint).collect();
        now.extend(self.exempted.iter().map(Exempted::fingerprint));
        let all = self.findings.len();
        self.findings.retain(|finding| {
            before.get(finding.fingerprint().as_str()).is_none_or(|severity| finding.severity > *severity)
        });
        let mut since = Since { at: baseline.at, known: all - self.findings.len(), ..Since::default() };
        for known in baseline.findings.iter().filter(|known| !now.contains(&known.fingerprint)) {
            let to = if self.looked_whole(&known.check) { &mut since.gone } else { &mut since.unknown };
            to.push(known.clone());
        }
        self.since = Some(since);
    }

    /// Returns whether a check was run over all that it needs.
    fn looked_whole(&self, id: &str) -> bool {
        let has_gap = |needs: &[crate::Need]| self.gaps.iter().any(|gap| needs.contains(&gap.need));
        self.run.contains(&id) && find(id).is_some_and(|check| !has_gap(check.needs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Gap;
    use crate::finding::Findings;
    use crate::need::Need;
    use crate::subject::Subject;

    const CHECK: &str = "etcd/space";

    fn found(summary: &str, severity: Severity) -> Vec<Finding> {
        let mut findings = Findings::new(CHECK, true, std::sync::Arc::default());
        findings.add(severity, Subject::etcd(), summary, "", Vec::new());
        findings.into_parts().0.collect()
    }

    fn report(findings: Vec<Finding>) -> Report {
        Report { findings, run: vec![CHECK], ..Report::default() }
    }

    #[test]
    fn what_was_known_is_not_new_whatever_its_numbers() {
        let baseline = Baseline::of(&report(found("1.5 GiB of 2.0 GiB", Severity::Warning)), 7);
        let mut now = report(found("900 MiB of 2.0 GiB", Severity::Warning));
        now.since(&baseline);
        assert!(now.findings.is_empty(), "{now:?}");
        assert_eq!(now.since, Some(Since { at: 7, known: 1, ..Since::default() }));
    }

    #[test]
    fn what_is_graver_or_something_else_is_new() {
        let baseline = Baseline::of(&report(found("1.5 GiB of 2.0 GiB", Severity::Warning)), 7);
        for findings in
            [found("1.9 GiB of 2.0 GiB", Severity::Critical), found("the alarm is raised", Severity::Warning)]
        {
            let mut now = report(findings);
            now.since(&baseline);
            assert_eq!(now.findings.len(), 1, "{now:?}");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_not_gone() {
        let baseline = Baseline::of(&report(found("full", Severity::Warning)), 7);
        let mut whole = report(Vec::new());
        whole.since(&baseline);
        let since = whole.since.expect("it was compared");
        assert_eq!((since.gone.as_slice(), since.unknown.len()), (baseline.findings.as_slice(), 0));
        let mut not_run = Report::default();
        let needed = find(CHECK).expect("it is there").needs[0];
        let mut partly = report(Vec::new());
        partly.gaps = vec![Gap { need: needed, why: String::new() }];
        let mut elsewhere = report(Vec::new());
        elsewhere.gaps = vec![Gap { need: Need::Certificates, why: String::new() }];
        for (report, gone) in [(&mut not_run, 0), (&mut partly, 0), (&mut elsewhere, 1)] {
            report.since(&baseline);
            let since = report.since.as_ref().expect("it was compared");
            assert_eq!((since.gone.len(), since.unknown.len()), (gone, 1 - gone));
        }
    }
}
