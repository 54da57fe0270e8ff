//! Which findings are taken back: by whom, why, and until when.
//!
//! ```text
//!   entries of files ──┐
//!                      ├─► Exemptions ── asked by Findings about every single thing that is found
//!   marks of objects ──┘                 what is taken back is counted, never dropped in silence
//! ```
//!
//! An exemption always has a reason. One that has ended takes nothing back any more, and is a finding itself
//! (`exemptions/expired`). A finding is looked at before it is joined with others of its cause, so that one Pod of forty may be
//! exempt, or all of them through their Deployment or their namespace.

pub(crate) mod entry;
pub(crate) mod glob;
pub(crate) mod mark;
pub(crate) mod until;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::finding::fingerprint;
use crate::severity::Severity;
use crate::subject::Subject;
use glob::Glob;
use mark::Marks;
use until::Until;

/// One entry of a file, or one annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub(crate) checks: Checks,
    pub(crate) target: Target,
    pub(crate) reason: String,
    pub(crate) until: Option<Until>,
    /// Who says so, for people.
    pub(crate) by: String,
}

/// Which checks an exemption is about: one by its id, or all of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checks(String);

impl Checks {
    /// Reads the id of a check or the name of a group; none if there is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_known = crate::ALL.iter().any(|check| check.id == text || check.group.name() == text);
        is_known.then(|| Self(text.to_owned()))
    }

    fn include(&self, check: &str) -> bool {
        self.0 == check || check.split('/').next() == Some(&self.0)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// What an exemption is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One object, or what it is the cause of.
    Object(Subject),
    /// A namespace and everything in it.
    Namespace(String),
    /// Whatever matches.
    Matching(Pattern),
}

/// What has to match; what is not given matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) kind: Option<String>,
    pub(crate) namespace: Option<Glob>,
    pub(crate) name: Option<Glob>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Pattern {
    fn matches(&self, subject: &Subject, labels: &BTreeMap<String, String>) -> bool {
        let Self { kind, namespace, name, labels: wanted } = self;
        kind.as_ref().is_none_or(|kind| *kind == subject.kind)
            && namespace.as_ref().is_none_or(|glob| {
                subject.namespace.as_deref().is_some_and(|namespace| glob.matches(namespace))
            })
            && name.as_ref().is_none_or(|glob| glob.matches(&subject.name))
            && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// Findings that one exemption has taken back, as reports tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exempted {
    /// The check that found it.
    pub check: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about: where several are of one cause, that.
    pub subject: Subject,
    /// What is wrong, in a sentence without the subject.
    pub summary: String,
    /// How many it is about.
    pub count: usize,
    /// Why that is all right.
    pub reason: String,
    /// Until when, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who says so.
    pub by: String,
}

impl Exempted {
    /// Returns the fingerprint that the finding would have.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.check, &self.subject, &self.summary)
    }
}

/// All exemptions, so that those of one thing are found without looking at each.
#[derive(Clone, Debug, Default)]
pub struct Exemptions {
    all: Vec<Exemption>,
    by_object: BTreeMap<Subject, Vec<usize>>,
    by_namespace: BTreeMap<String, Vec<usize>>,
    by_pattern: Vec<usize>,
    labels: BTreeMap<Subject, BTreeMap<String, String>>,
    now: i64,
}

impl Exemptions {
    /// Takes those that files give and those that objects carry. Also returns what cannot be understood.
    pub(crate) fn new(given: Vec<Exemption>, marks: &Marks, now: i64) -> (Self, Vec<String>) {
        let (marked, mut missing) = marks.exemptions();
        if marks.is_blind() && given.iter().any(Exemption::has_labels) {
            missing.push(
                "exemptions by labels: no objects were read whose labels could be looked at".to_owned(),
            );
        }
        let mut exemptions = Self { labels: marks.labels().clone(), now, ..Self::default() };
        for exemption in given.into_iter().chain(marked) {
            let number = exemptions.all.len();
            let numbers = match &exemption.target {
                Target::Object(subject) => exemptions.by_object.entry(subject.clone()).or_default(),
                Target::Namespace(name) => exemptions.by_namespace.entry(name.clone()).or_default(),
                Target::Matching(_) => &mut exemptions.by_pattern,
            };
            numbers.push(number);
            exemptions.all.push(exemption);
        }
        (exemptions, missing)
    }

    /// Returns the number of the first that takes back what `check` finds about `subject`.
    pub(crate) fn find(&self, check: &str, subject: &Subject) -> Option<usize> {
        let of_object = self.by_object.get(subject);
        let namespace = match subject.kind.as_str() {
            "Namespace" => Some(&subject.name),
            _ => subject.namespace.as_ref(),
        };
        let of_namespace = namespace.and_then(|name| self.by_namespace.get(name));
        let near = of_object.into_iter().chain(of_namespace).flatten();
        near.chain(&self.by_pattern).copied().find(|number| {
            let exemption = &self.all[*number];
            exemption.checks.include(check)
                && !self.is_over(exemption)
                && match &exemption.target {
                    Target::Object(_) | Target::Namespace(_) => true,
                    Target::Matching(pattern) => pattern.matches(subject, self.labels_of(subject)),
                }
        })
    }

    pub(crate) fn get(&self, number: usize) -> &Exemption {
        &self.all[number]
    }

    /// Returns those that have ended.
    pub(crate) fn over(&self) -> impl Iterator<Item = &Exemption> {
        self.all.iter().filter(|exemption| self.is_over(exemption))
    }

    fn is_over(&self, exemption: &Exemption) -> bool {
        exemption.until.as_ref().is_some_and(|until| until.is_over(self.now))
    }

    fn labels_of(&self, subject: &Subject) -> &BTreeMap<String, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        self.labels.get(subject).unwrap_or(NONE)
    }
}

impl Exemption {
    /// Returns something that it takes back, of which nothing is counted yet.
    pub(crate) fn exempted(
        &self,
        check: &'static str,
        severity: Severity,
        subject: Subject,
        summary: &str,
    ) -> Exempted {
        let until = self.until.as_ref().map(|until| until.text().to_owned());
        let (summary, reason, by) = (summary.to_owned(), self.reason.clone(), self.by.clone());
        Exempted { check, severity, subject, summary, count: 0, reason, until, by }
    }

    fn has_labels(&self) -> bool {
        matches!(&self.target, Target::Matching(pattern) if !pattern.labels.is_empty())
    }

    /// Adds the keys of the labels that have to be known of objects.
    pub fn wanted_labels(&self, keys: &mut BTreeSet<String>) {
        if let Target::Matching(pattern) = &self.target {
            keys.extend(pattern.labels.keys().cloned());
        }
    }
}

#[cfg(test)]
mod tests;
