//! The server as an operator meets it: where it listens, who gets in, what it tells of itself, how it ends and comes
//! back, and the commands for its upkeep.

#[cfg(test)]
#[path = "server/alarm.rs"]
mod alarm;
#[cfg(test)]
#[path = "server/commands.rs"]
mod commands;
#[cfg(test)]
#[path = "server/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "server/listen.rs"]
mod listen;
#[cfg(test)]
#[path = "server/metrics.rs"]
mod metrics;
#[cfg(test)]
#[path = "server/restart.rs"]
mod restart;
#[cfg(test)]
#[path = "server/snapshot.rs"]
mod snapshot;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "server/tls.rs"]
mod tls;
#[cfg(test)]
#[path = "server/watch.rs"]
mod watch;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_secs(100);
