//! What is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::exemption::{Exempted, Exemptions};
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

impl Finding {
    /// Returns what tells it from others, over many runs: the check, what it is about, and what is wrong without its numbers.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.check, &self.subject, &self.summary)
    }
}

/// Returns a fingerprint: 32 hexadecimal digits.
pub(crate) fn fingerprint(check: &str, subject: &Subject, summary: &str) -> String {
    /// No part of what is hashed has it.
    const END: [u8; 1] = [0];
    let Subject { kind, namespace, name } = subject;
    let namespace = namespace.as_deref().unwrap_or_default();
    let summary = without_numbers(summary);
    let mut hash = Sha256::new();
    for part in [check, kind, namespace, name, &summary] {
        hash.update(part);
        hash.update(END);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (half, _) = digest.split_first_chunk::<16>().expect("it has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}

/// Leaves out words with digits, and units, which may change with them: what remains is the same in the next run.
fn without_numbers(summary: &str) -> String {
    const UNITS: [&str; 14] =
        ["%", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "ms", "s", "min", "h", "d", "day", "days"];
    let is_kept = |word: &&str| {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '%');
        !bare.contains(|c: char| c.is_ascii_digit()) && !UNITS.contains(&bare)
    };
    summary.split_whitespace().filter(is_kept).collect::<Vec<_>>().join(" ")
}

/// What one check has found so far. Findings of one cause are one.
#[derive(Debug)]
pub struct Findings {
    check: &'static str,
    fixable: bool,
    found: BTreeMap<(Subject, String), Finding>,
    exemptions: Arc<Exemptions>,
    /// What was taken back, by the number of the exemption and what it is about.
    exempted: BTreeMap<(usize, Subject), Exempted>,
}

impl Findings {
    pub(crate) fn new(check: &'static str, fixable: bool, exemptions: Arc<Exemptions>) -> Self {
        Self { check, fixable, found: BTreeMap::new(), exemptions, exempted: BTreeMap::new() }
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
        if self.take_back(severity, &subject, &[&subject], &summary) {
            return;
        }
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
        if self.take_back(severity, cause, &[&subject, cause], &summary) {
            return;
        }
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

    /// Counts something as exempt if one of what it is about is.
    fn take_back(&mut self, severity: Severity, cause: &Subject, about: &[&Subject], summary: &str) -> bool {
        let Some(number) = about.iter().find_map(|subject| self.exemptions.find(self.check, subject)) else {
            return false;
        };
        let exempted = self.exempted.entry((number, cause.clone())).or_insert_with(|| {
            self.exemptions.get(number).exempted(self.check, severity, cause.clone(), summary)
        });
        exempted.severity = exempted.severity.max(severity);
        exempted.count += 1;
        true
    }

    /// Returns what was found, and what of it was taken back.
    pub(crate) fn into_parts(self) -> (impl Iterator<Item = Finding>, impl Iterator<Item = Exempted>) {
        (self.found.into_values(), self.exempted.into_values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_whatever_the_numbers() {
        let of = |summary: &str| fingerprint("etcd/space", &Subject::etcd(), summary);
        assert_eq!(of("it is 1.5 GiB, 75 % of its quota"), of("it is 900 MiB, 44 % of its quota"));
        assert_eq!(of("it ends in 25 h"), of("it ends in 6 days"));
        assert_ne!(of("the alarm NOSPACE is raised"), of("the alarm CORRUPT is raised"));
        assert_ne!(of("x"), fingerprint("etcd/alarm", &Subject::etcd(), "x"));
        let (one, other) = (Subject::namespaced("Pod", "a", "b"), Subject::new("Pod", "a/b"));
        assert_ne!(fingerprint("x", &one, ""), fingerprint("x", &other, ""));
        assert_eq!(of("x"), "17d275c24cca3b4efecb69f6f33c46ff", "baselines that people keep have it");
    }

    #[test]
    fn what_has_one_cause_is_one_finding() {
        let mut findings = Findings::new("pods/x", false, Arc::default());
        let cause = Subject::namespaced("Deployment", "a", "web");
        for number in 0..40 {
            let pod = Subject::namespaced("Pod", "a", format!("web-{number}"));
            let severity = if number == 7 { Severity::Critical } else { Severity::Warning };
            findings.add_of(severity, &cause, pod, "it is ill", "mend it", Vec::new());
        }
        let found: Vec<_> = findings.into_parts().0.collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].count, found[0].affected.len()), (40, NAMED));
        assert_eq!((found[0].severity, &found[0].subject), (Severity::Critical, &cause));
    }
}
