//! What only the machine that a member runs on can tell.

use std::time::Duration;

/// With which timeouts a member runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From where that is known.
    pub source: String,
    /// How often the leader says that it is there.
    pub heartbeat: Duration,
    /// After how long of silence a member stands for election.
    pub election: Duration,
}

/// The disk that a member's database is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The member's data directory, as it is reached from here.
    pub directory: String,
    /// How much more the disk takes.
    pub free: u64,
}
