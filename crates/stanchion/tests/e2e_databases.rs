//! Databases on the embedded cluster: real servers, real faults, a client that knows what was acknowledged.

#[cfg(test)]
#[path = "databases/commands.rs"]
mod commands;
#[cfg(test)]
#[path = "databases/faults.rs"]
mod faults;
#[cfg(test)]
#[expect(dead_code, reason = "other suites use more of it")]
#[path = "up/ground.rs"]
mod ground;
#[cfg(test)]
#[path = "databases/lag.rs"]
mod lag;
#[cfg(test)]
#[path = "databases/lifecycle.rs"]
mod lifecycle;
#[cfg(test)]
#[path = "databases/orders.rs"]
mod orders;
#[cfg(test)]
#[path = "databases/outside.rs"]
mod outside;
#[cfg(test)]
#[path = "databases/own_keys.rs"]
mod own_keys;
#[cfg(test)]
#[path = "databases/rescue.rs"]
mod rescue;
#[cfg(test)]
mod support;

use std::time::Duration;

/// Longer than any of these takes, by far; those of the long suite go on for ten rounds.
fn limit() -> Duration {
    Duration::from_secs(if support::long() { 3_000 } else { 280 })
}

/// How often each fault is repeated on one cluster.
fn rounds() -> usize {
    if support::long() { 10 } else { 1 }
}
