//! Probes: what is asked of a container, when, and what the answers mean.
//!
//! A [`Probe`] is the validated form of what the Pod says. A [`Worker`] decides when to ask and how often the
//! same answer has to come; the shell asks and hands the answer in. [`verdict`] turns what came back into an answer.

mod check;
mod settings;
pub mod verdict;
mod worker;

pub use check::{Check, CheckError, Scheme, host_or, resolve_port};
pub use settings::{Probe, ProbeError};
pub use worker::{Change, Seen, Step, Worker};

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Whether the container has come up. The others wait for it.
    Startup,
    /// Whether it is able to serve.
    Readiness,
    /// Whether it is still alive.
    Liveness,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Yes.
    Success,
    /// No.
    Failure,
}

impl Kind {
    /// Returns it as it stands at the start of a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }

    /// Returns what holds before the first answer.
    pub fn initial(self) -> Option<Outcome> {
        match self {
            Self::Startup => None,
            Self::Readiness => Some(Outcome::Failure),
            Self::Liveness => Some(Outcome::Success),
        }
    }
}
