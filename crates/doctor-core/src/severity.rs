//! How grave a finding is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave a finding is, from what is worth knowing to what is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is to be done.
    Info,
    /// It will hurt some day, or makes something else worse.
    Warning,
    /// It hurts already, or will soon.
    Critical,
}

impl Severity {
    /// All, the gravest first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Info];

    /// Returns the name that people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
