//! Exemptions as files give them.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::glob::Glob;
use super::until::Until;
use super::{Checks, Exemption, Pattern, Target};

/// An entry of a file, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExemptionEntry {
    /// The check, by its id, or a group of them.
    pub check: String,
    /// The kind of what it is about.
    pub kind: Option<String>,
    /// The namespace; `*` stands for anything.
    pub namespace: Option<String>,
    /// The name; `*` stands for anything.
    pub name: Option<String>,
    /// Labels that it has.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Why what is found is all right.
    pub reason: String,
    /// Until when: a date, of which all is within, or a moment (RFC 3339).
    pub expires: Option<String>,
}

/// Why an entry cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExemptionError {
    /// There is no such check.
    #[error("there is no check and no group {0:?}")]
    Check(String),
    /// Nobody says why.
    #[error("the reason is empty")]
    Reason,
    /// Its end cannot be understood.
    #[error("{0:?} is no date (2027-01-31) and no moment (2027-01-31T12:00:00Z)")]
    Expires(String),
}

impl ExemptionEntry {
    /// Makes an exemption of it, which `by` names for people.
    pub fn exemption(self, by: impl Into<String>) -> Result<Exemption, ExemptionError> {
        let Self { check, kind, namespace, name, labels, reason, expires } = self;
        let checks = Checks::parse(&check).ok_or(ExemptionError::Check(check))?;
        if reason.trim().is_empty() {
            return Err(ExemptionError::Reason);
        }
        let until = match expires {
            Some(text) => Some(Until::parse(&text).ok_or(ExemptionError::Expires(text))?),
            None => None,
        };
        let pattern =
            Pattern { kind, namespace: namespace.map(Glob::new), name: name.map(Glob::new), labels };
        let target = Target::Matching(pattern);
        Ok(Exemption { checks, target, reason: reason.trim().to_owned(), until, by: by.into() })
    }
}
