//! Exit codes.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface; `stanchion --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Success = 0,
    /// Something failed that is none of the below.
    Failure = 1,
    /// The command line is wrong. clap exits with this too.
    Usage = 2,
    /// What was checked is not in order: a damaged store, a raised alarm.
    Unhealthy = 3,
    /// A server cannot be reached, or refused.
    Unavailable = 4,
    /// The disk is full, cannot be written, or is in use.
    Storage = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
