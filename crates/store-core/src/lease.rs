//! Leases: keys that live as long as somebody keeps their lease alive.
//!
//! Time that passes while the store is down does not count, because nobody could renew then.
//! What is left of a lease is written down whenever it has shrunk noticeably since it was last
//! written, so after a crash a lease has at least the time it had left, and little more.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use crate::error::StoreError;
use crate::types::{LeaseId, Millis};

/// The shortest time to live in seconds; shorter ones are raised to it. etcd's, at its default timings.
pub const MIN_TTL: i64 = 2;
/// The longest time to live in seconds, as in etcd.
pub const MAX_TTL: i64 = 9_000_000_000;
/// What is left of a lease is written down again when it has shrunk by this, or by a twentieth of its time to live.
const CHECKPOINT_MILLIS: Millis = 10_000;

/// One lease.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Its time to live in seconds.
    pub ttl: i64,
    /// When it ends.
    pub expiry: Millis,
    /// The keys that live under it.
    pub keys: BTreeSet<Bytes>,
    /// What was left of it by the newest record in the log.
    recorded: Millis,
}

impl Lease {
    /// Returns what is left at `now`, in milliseconds.
    pub fn remaining(&self, now: Millis) -> Millis {
        self.expiry.saturating_sub(now)
    }

    /// Returns what was left of it by the newest record in the log, in milliseconds.
    pub fn recorded(&self) -> Millis {
        self.recorded
    }

    fn full(&self) -> Millis {
        seconds(self.ttl)
    }
}

/// What a renewal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The time to live in seconds, all of it left.
    pub ttl: i64,
    /// The log says that less is left: it has to be told otherwise.
    pub must_record: bool,
}

/// Every lease, and the order in which they end.
#[derive(Debug, Default)]
pub struct Leases {
    by_id: HashMap<LeaseId, Lease>,
    by_expiry: BTreeSet<(Millis, LeaseId)>,
}

impl Leases {
    /// Checks the time to live of a grant; returns the one that will be granted.
    pub fn granted_ttl(ttl: i64) -> Result<i64, StoreError> {
        if ttl > MAX_TTL { Err(StoreError::LeaseTtlTooLarge) } else { Ok(ttl.max(MIN_TTL)) }
    }

    /// Adds a lease with `remaining` milliseconds left; one with that id is replaced.
    pub fn insert(&mut self, id: LeaseId, ttl: i64, remaining: Millis, now: Millis) {
        let expiry = now.saturating_add(remaining);
        let lease = Lease { ttl, expiry, keys: BTreeSet::new(), recorded: remaining };
        if let Some(before) = self.by_id.insert(id, lease) {
            self.by_expiry.remove(&(before.expiry, id));
        }
        self.by_expiry.insert((expiry, id));
    }

    /// Takes a lease away.
    pub fn remove(&mut self, id: LeaseId) -> Option<Lease> {
        let lease = self.by_id.remove(&id)?;
        self.by_expiry.remove(&(lease.expiry, id));
        Some(lease)
    }

    /// Returns the lease, ended or not.
    pub fn get(&self, id: LeaseId) -> Option<&Lease> {
        self.by_id.get(&id)
    }

    /// Gives the lease its whole time again, unless it has ended. The caller tells the log if it must be told.
    pub fn renew(&mut self, id: LeaseId, now: Millis) -> Option<Renewal> {
        let lease = self.by_id.get_mut(&id).filter(|lease| lease.expiry > now)?;
        self.by_expiry.remove(&(lease.expiry, id));
        lease.expiry = now.saturating_add(lease.full());
        self.by_expiry.insert((lease.expiry, id));
        Some(Renewal { ttl: lease.ttl, must_record: lease.recorded < lease.full() })
    }

    /// Sets what is left of a lease, as the log has it.
    pub fn set_remaining(&mut self, id: LeaseId, remaining: Millis, now: Millis) {
        let Some(lease) = self.by_id.get_mut(&id) else {
            return;
        };
        self.by_expiry.remove(&(lease.expiry, id));
        lease.expiry = now.saturating_add(remaining);
        lease.recorded = remaining;
        self.by_expiry.insert((lease.expiry, id));
    }

    /// Returns what is left of each lease of which noticeably less is left than the log says, at most `limit`.
    pub fn due_checkpoints(&self, now: Millis, limit: usize) -> Vec<(LeaseId, Millis)> {
        let due = self.by_id.iter().filter_map(|(id, lease)| {
            let left = lease.remaining(now);
            let threshold = CHECKPOINT_MILLIS.max(lease.full() / 20);
            (left > 0 && lease.recorded.saturating_sub(left) >= threshold).then_some((*id, left))
        });
        due.take(limit).collect()
    }

    /// Returns what is left of every lease, for the last record before an orderly end.
    pub fn all_remaining(&self, now: Millis) -> Vec<(LeaseId, Millis)> {
        self.by_id.iter().map(|(id, lease)| (*id, lease.remaining(now))).collect()
    }

    /// Notes that the log now says `remaining` of the lease.
    pub fn recorded(&mut self, id: LeaseId, remaining: Millis) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.recorded = remaining;
        }
    }

    /// Binds `key` to a lease, if it exists.
    pub fn attach(&mut self, id: LeaseId, key: &Bytes) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.insert(key.clone());
        }
    }

    /// Frees `key` from a lease.
    pub fn detach(&mut self, id: LeaseId, key: &[u8]) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    /// Returns the leases that have ended by `now`, at most `limit`, the earliest first.
    pub fn expired(&self, now: Millis, limit: usize) -> Vec<LeaseId> {
        self.by_expiry
            .iter()
            .take_while(|(expiry, _)| *expiry <= now)
            .take(limit)
            .map(|(_, id)| *id)
            .collect()
    }

    /// Returns when the next lease ends.
    pub fn next_expiry(&self) -> Option<Millis> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// Returns all leases, the one that ends first in front.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.by_expiry.iter().filter_map(|(_, id)| self.by_id.get(id).map(|lease| (*id, lease)))
    }

    /// Returns how many leases there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no lease.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// Returns `ttl` seconds in milliseconds; a negative time is none.
pub fn seconds(ttl: i64) -> Millis {
    u64::try_from(ttl).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: LeaseId = LeaseId(7);

    #[test]
    fn a_lease_ends_unless_renewed() {
        let mut leases = Leases::default();
        leases.insert(ID, 5, 5000, 100);
        assert_eq!(leases.expired(5099, 9), []);
        assert_eq!(leases.renew(ID, 5099), Some(Renewal { ttl: 5, must_record: false }));
        assert_eq!(leases.expired(10_098, 9), []);
        assert_eq!(leases.expired(10_099, 9), [ID]);
        assert_eq!(leases.renew(ID, 10_099), None, "what has ended stays ended");
    }

    #[test]
    fn a_renewal_corrects_what_the_log_says() {
        let mut leases = Leases::default();
        leases.insert(ID, 100, 100_000, 0);
        assert_eq!(leases.due_checkpoints(9_999, 9), []);
        assert_eq!(leases.due_checkpoints(10_000, 9), [(ID, 90_000)]);
        leases.recorded(ID, 90_000);
        assert_eq!(leases.due_checkpoints(19_999, 9), []);
        assert_eq!(leases.renew(ID, 20_000), Some(Renewal { ttl: 100, must_record: true }));
        leases.recorded(ID, 100_000);
        assert_eq!(leases.renew(ID, 20_001), Some(Renewal { ttl: 100, must_record: false }));
    }

    #[test]
    fn times_to_live_are_bounded() {
        assert_eq!(Leases::granted_ttl(-4), Ok(MIN_TTL));
        assert_eq!(Leases::granted_ttl(60), Ok(60));
        assert_eq!(Leases::granted_ttl(MAX_TTL + 1), Err(StoreError::LeaseTtlTooLarge));
    }
}
