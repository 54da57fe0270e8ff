//! What parts of the cluster warned of.

use serde::Deserialize;

use super::meta::{Meta, moment};
use crate::subject::Subject;

/// An Event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is about.
    pub involved_object: Involved,
    /// Why, in one word: `FailedScheduling`.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// How often.
    pub count: Option<i64>,
    /// When last.
    #[serde(deserialize_with = "moment")]
    pub last_timestamp: Option<i64>,
    /// When, if it was told once.
    #[serde(rename = "eventTime", deserialize_with = "moment")]
    pub told: Option<i64>,
}

/// What an Event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Involved {
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
}

impl Event {
    /// Returns when it was told last.
    pub fn at(&self) -> Option<i64> {
        self.last_timestamp.or(self.told).or(self.meta.created)
    }

    /// Returns what it is about.
    pub fn about(&self) -> Subject {
        let Involved { kind, namespace, name, .. } = &self.involved_object;
        Subject::of(kind, namespace.as_deref().filter(|namespace| !namespace.is_empty()), name)
    }
}
