//! The same etcdctl commands against a real etcd and against the store: both say the same, revisions included.
//!
//! `support/transcript.rs` says what is replaced before comparing, and lists the fields that differ on purpose.

#[cfg(test)]
#[path = "transcript/auth.rs"]
mod auth;
#[cfg(test)]
#[path = "transcript/compaction.rs"]
mod compaction;
#[cfg(test)]
#[path = "transcript/delete.rs"]
mod delete;
#[cfg(test)]
#[path = "transcript/election.rs"]
mod election;
#[cfg(test)]
#[path = "transcript/get.rs"]
mod get;
#[cfg(test)]
#[path = "transcript/lease.rs"]
mod lease;
#[cfg(test)]
#[path = "transcript/maintenance.rs"]
mod maintenance;
#[cfg(test)]
#[path = "transcript/mirror.rs"]
mod mirror;
#[cfg(test)]
#[path = "transcript/put.rs"]
mod put;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "transcript/txn.rs"]
mod txn;
#[cfg(test)]
#[path = "transcript/watch.rs"]
mod watch;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_secs(100);
