//! What is wrong.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::severity::Severity;
use crate::subject::Subject;

/// So many of what a finding is about are named; the others are counted.
const NAMED: usize = 5;

/// Something that was read and says that something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What was read: `size`, `restarts`.
    pub what: String,
    /// What it is.
    pub value: String,
    /// From where.
    pub source: String,
}

impl Evidence {
    /// States what was read, and from where.
    pub fn new(what: impl Into<String>, value: impl fmt::Display, source: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.to_string(), source: source.into() }
    }
}

/// Something that is wrong, or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check that found it.
    pub check: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about: where several are of one cause, that.
    pub subject: Subject,
    /// What is wrong, in a sentence without the subject.
    pub summary: String,
    /// What to do.
    pub advice: String,
    /// How it is known.
    pub evidence: Vec<Evidence>,
    /// What it is about, if that is not the subject alone: some of them by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<Subject>,
    /// How many it is about.
    pub count: usize,
    /// Whether `stanchion doctor fix` can repair it.
    pub fixable: bool,
}

/// What one check has found so far. Findings of one cause are one.
#[derive(Debug)]
pub struct Findings {
    check: &'static str,
    fixable: bool,
    found: BTreeMap<(Subject, String), Finding>,
}

impl Findings {
    pub(crate) fn new(check: &'static str, fixable: bool) -> Self {
        Self { check, fixable, found: BTreeMap::new() }
    }

    /// Adds what is wrong with `subject` itself.
    pub fn add(
        &mut self,
        severity: Severity,
        subject: Subject,
        summary: impl Into<String>,
        advice: impl Into<String>,
        evidence: Vec<Evidence>,
    ) {
        let (summary, advice) = (summary.into(), advice.into());
        let finding = Finding {
            check: self.check,
            severity,
            subject: subject.clone(),
            summary: summary.clone(),
            advice,
            evidence,
            affected: Vec::new(),
            count: 1,
            fixable: self.fixable,
        };
        self.found.insert((subject, summary), finding);
    }

    /// Adds what is wrong with `subject` because of `cause`, which others may share: with the same summary they are one
    /// finding, with the gravest severity and the first evidence.
    pub fn add_of(
        &mut self,
        severity: Severity,
        cause: &Subject,
        subject: Subject,
        summary: impl Into<String>,
        advice: impl Into<String>,
        evidence: Vec<Evidence>,
    ) {
        let (summary, advice) = (summary.into(), advice.into());
        let finding = self.found.entry((cause.clone(), summary.clone())).or_insert_with(|| Finding {
            check: self.check,
            severity,
            subject: cause.clone(),
            summary,
            advice,
            evidence,
            affected: Vec::new(),
            count: 0,
            fixable: self.fixable,
        });
        finding.severity = finding.severity.max(severity);
        finding.count += 1;
        if finding.affected.len() < NAMED {
            finding.affected.push(subject);
        }
    }

    pub(crate) fn into_findings(self) -> impl Iterator<Item = Finding> {
        self.found.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_cause_is_one_finding() {
        let mut findings = Findings::new("pods/x", false);
        let cause = Subject::namespaced("Deployment", "a", "web");
        for number in 0..40 {
            let pod = Subject::namespaced("Pod", "a", format!("web-{number}"));
            let severity = if number == 7 { Severity::Critical } else { Severity::Warning };
            findings.add_of(severity, &cause, pod, "it is ill", "mend it", Vec::new());
        }
        let found: Vec<_> = findings.into_findings().collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].count, found[0].affected.len()), (40, NAMED));
        assert_eq!((found[0].severity, &found[0].subject), (Severity::Critical, &cause));
    }
}
