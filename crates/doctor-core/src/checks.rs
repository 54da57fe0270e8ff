//! All checks.

mod certs;
mod etcd;

use crate::check::Check;

/// All checks, in the order of their ids.
pub const ALL: &[&Check] = &[
    &certs::chain::CHECK,
    &certs::expiry::CHECK,
    &certs::key::CHECK,
    &certs::names::CHECK,
    &etcd::alarm::CHECK,
    &etcd::commit::CHECK,
    &etcd::compaction::CHECK,
    &etcd::fillers::CHECK,
    &etcd::fragmentation::CHECK,
    &etcd::fsync::CHECK,
    &etcd::growth::CHECK,
    &etcd::member::CHECK,
    &etcd::quorum::CHECK,
    &etcd::snapshot::CHECK,
    &etcd::space::CHECK,
    &etcd::timing::CHECK,
    &etcd::version::CHECK,
];

/// Returns the check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    ALL.iter().copied().find(|check| check.id == id)
}

#[cfg(test)]
mod tests;
