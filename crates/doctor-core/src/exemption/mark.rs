//! What objects say about themselves: annotations that exempt them, and the labels that exemptions ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::until::Until;
use super::{Checks, Exemption, Target};
use crate::subject::Subject;

/// How the name of an annotation begins that exempts; the check follows, with a dot in place of the slash.
pub(crate) const PREFIX: &str = "doctor.stanchion.dev/exempt.";
/// What everything under this prefix is about is an exemption; another word is a mistake.
const DOMAIN: &str = "doctor.stanchion.dev/";

/// Returns the name of the annotation that exempts from a check.
pub fn annotation_of(check: &str) -> String {
    format!("{PREFIX}{}", check.replacen('/', ".", 1))
}

/// What objects say about themselves. Only what is of use here is kept of what is taken.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    wanted: BTreeSet<String>,
    /// How many objects were looked at.
    seen: usize,
    annotations: Vec<(Subject, String, String)>,
    labels: BTreeMap<Subject, BTreeMap<String, String>>,
}

impl Marks {
    /// Prepares to keep the labels of these keys.
    pub fn wanting(labels: BTreeSet<String>) -> Self {
        Self { wanted: labels, ..Self::default() }
    }

    /// Takes what is of use from the annotations and labels of an object, a namespace among them.
    pub fn take(
        &mut self,
        subject: &Subject,
        annotations: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
    ) {
        self.seen += 1;
        let of_use = annotations.iter().filter(|(key, _)| key.starts_with(DOMAIN));
        self.annotations.extend(of_use.map(|(key, value)| (subject.clone(), key.clone(), value.clone())));
        let wanted = self.wanted.iter().filter_map(|key| Some((key.clone(), labels.get(key)?.clone())));
        let wanted: BTreeMap<_, _> = wanted.collect();
        if !wanted.is_empty() {
            self.labels.insert(subject.clone(), wanted);
        }
    }

    /// Returns whether no object was looked at.
    pub(crate) fn is_blind(&self) -> bool {
        self.seen == 0
    }

    pub(crate) fn labels(&self) -> &BTreeMap<Subject, BTreeMap<String, String>> {
        &self.labels
    }

    /// Reads the exemptions that objects carry. Also returns what cannot be understood.
    pub(crate) fn exemptions(&self) -> (Vec<Exemption>, Vec<String>) {
        let (mut exemptions, mut wrong) = (Vec::new(), Vec::new());
        for (subject, key, value) in &self.annotations {
            match exemption(subject, key, value) {
                Ok(exemption) => exemptions.push(exemption),
                Err(why) => wrong.push(format!("the annotation {key} of {subject}: {why}")),
            }
        }
        (exemptions, wrong)
    }
}

/// Reads `exempt.etcd.space: "reason; until 2027-01-31"`.
fn exemption(subject: &Subject, key: &str, value: &str) -> Result<Exemption, String> {
    let name = key.strip_prefix(PREFIX).ok_or_else(|| format!("only {PREFIX}CHECK means something"))?;
    let checks =
        Checks::parse(&name.replacen('.', "/", 1)).ok_or_else(|| format!("there is no check {name:?}"))?;
    let (reason, until) = match value.rsplit_once(';').map(|(reason, end)| (reason, end.trim())) {
        Some((reason, end)) if is_end(end) => {
            let until = end.strip_prefix("until ").and_then(|date| Until::parse(date.trim()));
            (reason, Some(until.ok_or_else(|| format!("{end:?} is not of the form `until 2027-01-31`"))?))
        }
        _ => (value, None),
    };
    let reason = reason.trim();
    if reason.is_empty() {
        return Err("there is no reason".to_owned());
    }
    let target = match subject.kind.as_str() {
        "Namespace" => Target::Namespace(subject.name.clone()),
        _ => Target::Object(subject.clone()),
    };
    let by = format!("annotation of {subject}");
    Ok(Exemption { checks, target, reason: reason.to_owned(), until, by })
}

/// Whether what follows the last semicolon is meant as an end, and not as a part of the reason.
fn is_end(text: &str) -> bool {
    ["until", "expires", "expiry"]
        .iter()
        .any(|word| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}
