//! What happens to the primary.

use clap::ValueEnum;
use serde::Serialize;

/// What happens to the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// All processes of the database get SIGKILL; what manages it lives on.
    Killed,
    /// All processes of the database and of what manages it get SIGKILL, and come back when clients can write again.
    NodeKilled,
    /// All of them get SIGSTOP, and SIGCONT when clients can write again.
    Frozen,
    /// Somebody asks for another primary.
    Switchover,
}

impl Case {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Killed => "database killed",
            Self::NodeKilled => "database and its manager killed",
            Self::Frozen => "database and its manager frozen",
            Self::Switchover => "switchover",
        }
    }
}
