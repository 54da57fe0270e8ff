//! etcd, as its members tell.

pub(super) mod alarm;
pub(super) mod commit;
pub(super) mod compaction;
pub(super) mod fillers;
pub(super) mod fragmentation;
pub(super) mod fsync;
pub(super) mod growth;
pub(super) mod latency;
pub(super) mod member;
pub(super) mod quorum;
pub(super) mod snapshot;
pub(super) mod space;
pub(super) mod timing;
pub(super) mod version;

use crate::facts::etcd::Member;
use crate::subject::Subject;

/// Names a member as what a finding is about.
fn subject(member: &Member) -> Subject {
    Subject::new("etcd member", member.label())
}

#[cfg(test)]
mod tests;
