//! What all objects have.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use stanchion_machinery::time;

use crate::subject::Subject;

/// The metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its identity.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations, without those that hold whole objects.
    #[serde(deserialize_with = "short")]
    pub annotations: BTreeMap<String, String>,
    /// Who it belongs to.
    pub owner_references: Vec<Owner>,
    /// Who has to see to something before it goes.
    pub finalizers: Vec<String>,
    /// How often its spec has changed.
    pub generation: i64,
    /// When it was made, in seconds since the Unix epoch.
    #[serde(rename = "creationTimestamp", deserialize_with = "moment")]
    pub created: Option<i64>,
    /// When somebody last changed it, its status aside; none if the API does not tell.
    #[serde(rename = "managedFields", deserialize_with = "changed")]
    pub changed: Option<i64>,
    /// When it was asked to go, the grace period included.
    #[serde(rename = "deletionTimestamp", deserialize_with = "moment")]
    pub deleted: Option<i64>,
}

/// Who an object belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is the one that manages the object.
    pub controller: bool,
}

/// A condition in a status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Which: `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Since when.
    #[serde(rename = "lastTransitionTime", deserialize_with = "moment")]
    pub since: Option<i64>,
}

impl Meta {
    /// Returns the namespace, empty for what has none.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// Returns what findings call an object of this kind.
    pub fn subject(&self, kind: &str) -> Subject {
        Subject::of(kind, self.namespace.as_deref(), &self.name)
    }

    /// Returns who manages it.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Returns whether people or an update replace it soon: it is being deleted.
    pub fn is_going(&self) -> bool {
        self.deleted.is_some()
    }
}

/// Returns the condition of this kind.
pub(crate) fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// Reads a moment as seconds since the Unix epoch; one that cannot be understood is as if it was not there.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| time::parse(&text)).map(|micros| micros.div_euclid(1_000_000)))
}

/// Reads when fields were last set, of who set what.
fn changed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    /// Who has set fields.
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Setter {
        subresource: String,
        #[serde(deserialize_with = "moment")]
        time: Option<i64>,
    }
    let setters: Vec<Setter> = nullable(deserializer)?;
    Ok(setters.into_iter().filter(|one| one.subresource != "status").filter_map(|one| one.time).max())
}

/// Reads what may be `null`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Values longer than this are objects in an annotation, as `kubectl apply` leaves them.
const LONGEST: usize = 1024;

pub(crate) fn short<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let mut all: BTreeMap<String, String> = nullable(deserializer)?;
    all.retain(|_, value| value.len() <= LONGEST);
    Ok(all)
}
