//! What is done about findings: plans of steps, made before anything is touched.

pub(crate) mod certs;
pub(crate) mod dns;
pub(crate) mod etcd;
pub(crate) mod objects;
pub(crate) mod volumes;
pub(crate) mod workloads;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Why nothing is planned: something that would have to hold does not, or is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// What does not hold, and what to do about it.
    pub why: String,
}

impl Refusal {
    /// Says what does not hold.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A step as people see it before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What is done.
    pub what: String,
    /// What stands still meanwhile, and for how long about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// How it is undone; nothing if there is nothing to undo, or no way to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

/// About how long something takes, for people: whole seconds, at least one.
pub(crate) fn about(time: Duration) -> String {
    format!("about {} s", time.as_secs_f64().ceil().max(1.0))
}
