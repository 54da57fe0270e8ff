//! The names of clusters and of their instances.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of an instance: it is the name of a Pod, and its host name.
const LONGEST: usize = 63;

/// A name that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a name: it takes 1 to {LONGEST} of a-z, 0-9 and -, with a letter or digit at both ends"
)]
pub struct NameError {
    /// What was given.
    pub text: String,
}

/// The name of an instance, which is that of its Pod: a DNS label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceName(Arc<str>);

impl InstanceName {
    /// Reads a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if is_label(text) { Ok(Self(text.into())) } else { Err(NameError { text: text.to_owned() }) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for InstanceName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<InstanceName> for String {
    fn from(name: InstanceName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A cluster: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl ClusterName {
    /// Reads both names.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        for text in [namespace, name] {
            if !is_label(text) {
                return Err(NameError { text: text.to_owned() });
            }
        }
        Ok(Self { namespace: namespace.into(), name: name.into() })
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the name in its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    (1..=LONGEST).contains(&bytes.len())
        && bytes.iter().all(|c| inner(*c))
        && ends.iter().all(|end| end.is_some_and(|c| *c != b'-'))
}
