//! The keyspace: the state that requests change and the log rebuilds.
//!
//! One writer owns it. It carries out a request in memory, handing the records to a [`Journal`];
//! what it did becomes visible to readers only when the records are on disk, because readers ask
//! for an older revision until then.

mod apply;
mod replay;
mod scan;

use bytes::Bytes;

pub use replay::{Replay, ReplayError};
pub use scan::{Hit, Scan, Selection};

use crate::alarm::{Alarm, Alarms};
use crate::error::StoreError;
use crate::index::{Index, Purged};
use crate::lease::{Leases, Renewal, seconds};
use crate::quota::{self, Quota};
use crate::record::{DELETE_OVERHEAD, Record};
use crate::request::{DeleteRange, DeleteResult, Put, PutResult, Txn, TxnResult};
use crate::types::{Event, KeyValue, LeaseId, Location, Millis, Revision};

/// Gives pairs back.
pub trait Pairs {
    /// Reads the pair at a place.
    fn read(&self, at: Location) -> Result<KeyValue, StoreError>;
}

/// Takes records in their order and gives them back, also those that were appended a moment ago.
pub trait Journal: Pairs {
    /// Appends a record; returns where it will stand. Failure shows later, when the records are made durable.
    fn append(&mut self, record: &Record) -> Location;
}

/// What a request changed, in order.
#[derive(Debug, Default)]
pub struct Change {
    /// The changes of keys, all at one revision.
    pub events: Vec<Event>,
}

/// Keys, leases and alarms.
#[derive(Debug)]
pub struct Keyspace {
    index: Index,
    leases: Leases,
    alarms: Alarms,
    revision: Revision,
    compacted: Revision,
}

impl Default for Keyspace {
    fn default() -> Self {
        Self {
            index: Index::default(),
            leases: Leases::default(),
            alarms: Alarms::default(),
            revision: Revision::FIRST,
            compacted: Revision::NEVER,
        }
    }
}

impl Keyspace {
    /// Returns the revision of the last change, durable or not.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the revision below which nothing can be read.
    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    /// Returns the index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Returns the raised alarms.
    pub fn alarms(&self) -> Alarms {
        self.alarms
    }

    /// Refuses everything while the CORRUPT alarm is raised.
    pub fn refuse_if_corrupt(&self) -> Result<(), StoreError> {
        if self.alarms.is_raised(Alarm::Corrupt) { Err(StoreError::Corrupt) } else { Ok(()) }
    }

    /// Refuses a write that grows the store when there is no room for it, and raises the alarm.
    ///
    /// `on_disk` counts free space too. While the alarm is raised every such write is refused; after a
    /// disarm the size decides again, so that disarming a full store lets nothing in.
    pub fn admit(
        &mut self,
        quota: Quota,
        on_disk: u64,
        cost: u64,
        journal: &mut impl Journal,
    ) -> Result<(), StoreError> {
        self.refuse_if_corrupt()?;
        if cost == 0 {
            return Ok(());
        }
        if self.alarms.is_raised(Alarm::NoSpace) {
            return Err(StoreError::NoSpace);
        }
        if !quota.allows(on_disk, cost) {
            self.set_alarm(Alarm::NoSpace, true, journal);
            return Err(StoreError::NoSpace);
        }
        Ok(())
    }

    /// Writes one key.
    pub fn put(
        &mut self,
        put: &Put,
        journal: &mut impl Journal,
        change: &mut Change,
    ) -> Result<PutResult, StoreError> {
        // etcd looks for the lease first, but last in a transaction.
        self.check_lease(put.lease)?;
        self.check_put(put)?;
        let mut writing = apply::Writing::begin(self, journal, change);
        let result = writing.put(put)?;
        writing.finish();
        Ok(result)
    }

    /// Deletes the keys of a range.
    pub fn delete_range(
        &mut self,
        delete: &DeleteRange,
        journal: &mut impl Journal,
        change: &mut Change,
    ) -> Result<DeleteResult, StoreError> {
        let mut writing = apply::Writing::begin(self, journal, change);
        let result = writing.delete_range(delete)?;
        writing.finish();
        Ok(result)
    }

    /// Carries out a transaction.
    pub fn txn(
        &mut self,
        txn: &Txn,
        journal: &mut impl Journal,
        change: &mut Change,
    ) -> Result<TxnResult, StoreError> {
        let path = self.choose_path(txn, self.revision, journal)?;
        self.check_path(txn, &mut path.iter())?;
        let mut writing = apply::Writing::begin(self, journal, change);
        let result = writing.txn(txn, &mut path.iter())?;
        writing.finish();
        Ok(result)
    }

    /// Decides a transaction that only reads, as of `at`: whether its conditions hold.
    pub fn decide(&self, txn: &Txn, at: Revision, pairs: &impl Pairs) -> Result<bool, StoreError> {
        txn.compares.iter().try_fold(true, |holds, compare| Ok(holds && self.holds(compare, at, pairs)?))
    }

    /// Gives up the history below `revision`. The records go in steps, by [`Self::purge`].
    pub fn compact(&mut self, revision: Revision, journal: &mut impl Journal) -> Result<(), StoreError> {
        self.refuse_if_corrupt()?;
        if revision <= self.compacted {
            return Err(StoreError::Compacted(self.compacted));
        }
        if revision > self.revision {
            return Err(StoreError::FutureRevision);
        }
        journal.append(&Record::Compact { revision });
        self.compacted = revision;
        Ok(())
    }

    /// Drops what the compaction gave up, in at most `budget` keys from `from` on.
    pub fn purge(&mut self, from: &[u8], budget: usize) -> Purged {
        self.index.purge(from, self.compacted, budget)
    }

    /// Points the index to a copy of a record.
    pub fn relocate(&mut self, key: &[u8], modified: Revision, to: Location) -> bool {
        self.index.relocate(key, modified, to)
    }

    /// Grants a lease; returns its time to live in seconds, which may be longer than the one asked for.
    pub fn lease_grant(
        &mut self,
        id: LeaseId,
        ttl: i64,
        now: Millis,
        journal: &mut impl Journal,
    ) -> Result<i64, StoreError> {
        if !id.is_some() {
            return Err(StoreError::LeaseNotFound);
        }
        let ttl = Leases::granted_ttl(ttl)?;
        if self.leases.get(id).is_some() {
            return Err(StoreError::LeaseExists);
        }
        let remaining = seconds(ttl);
        journal.append(&Record::LeaseGrant { id, ttl, remaining });
        self.leases.insert(id, ttl, remaining, now);
        Ok(ttl)
    }

    /// Ends a lease and deletes its keys, at one revision.
    pub fn lease_revoke(
        &mut self,
        id: LeaseId,
        journal: &mut impl Journal,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        self.refuse_if_corrupt()?;
        let lease = self.leases.remove(id).ok_or(StoreError::LeaseNotFound)?;
        let mut writing = apply::Writing::begin(self, journal, change);
        for key in &lease.keys {
            writing.delete_key(key);
        }
        writing.finish();
        journal.append(&Record::LeaseRevoke { id });
        Ok(())
    }

    /// Gives a lease its whole time again, unless it is no more.
    ///
    /// If the log has to be told, [`Self::lease_checkpoint`] tells it. Until then a restart leaves the lease less.
    pub fn lease_renew(&mut self, id: LeaseId, now: Millis) -> Option<Renewal> {
        self.leases.renew(id, now)
    }

    /// Writes down what is left of leases; returns how many.
    pub fn lease_checkpoint(&mut self, remaining: &[(LeaseId, Millis)], journal: &mut impl Journal) -> usize {
        for &(id, remaining) in remaining {
            journal.append(&Record::LeaseRemaining { id, remaining });
            self.leases.recorded(id, remaining);
        }
        remaining.len()
    }

    /// Raises or disarms an alarm; returns whether that changed anything.
    pub fn set_alarm(&mut self, alarm: Alarm, raised: bool, journal: &mut impl Journal) -> bool {
        let changed = self.alarms.set(alarm, raised);
        if changed {
            journal.append(&Record::Alarm { alarm, raised });
        }
        changed
    }

    /// Returns the records that stand for everything but keys in a rewritten log.
    ///
    /// Of a lease they say what the log said before. What is left of it now may be less, and then the next
    /// renewal, which is written down only where the log says less than the whole time, would be forgotten.
    pub fn head(&self) -> Vec<Record> {
        let base = Record::Base { revision: self.revision, compacted: self.compacted };
        let leases = self.leases.iter().map(|(id, lease)| Record::LeaseGrant {
            id,
            ttl: lease.ttl,
            remaining: lease.recorded(),
        });
        let alarms = self.alarms.raised().map(|alarm| Record::Alarm { alarm, raised: true });
        std::iter::once(base).chain(leases).chain(alarms).collect()
    }

    /// Returns an upper bound on the bytes that a deletion of `delete` appends.
    pub fn delete_bound(&self, delete: &DeleteRange) -> u64 {
        let deleted = self.index.walk(&delete.range, delete.range.start(), self.revision);
        let records = deleted.filter(|(_, version)| version.is_some());
        records.map(|(key, _)| (DELETE_OVERHEAD + key.len()) as u64).sum()
    }

    /// Returns an upper bound on the bytes that ending a lease appends.
    pub fn revoke_bound(&self, id: LeaseId) -> u64 {
        let keys = self.leases.get(id).into_iter().flat_map(|lease| &lease.keys);
        64 + keys.map(|key| (DELETE_OVERHEAD + key.len()) as u64).sum::<u64>()
    }

    /// Returns an upper bound on the bytes that `txn` appends.
    pub fn txn_bound(&self, txn: &Txn) -> u64 {
        use crate::request::Op;
        let ops = txn.success.iter().chain(&txn.failure);
        ops.map(|op| match op {
            // A later operation may delete what it puts.
            Op::Put(put) => self.put_bound(put) + (DELETE_OVERHEAD + put.key.len()) as u64,
            Op::Delete(delete) => self.delete_bound(delete),
            Op::Txn(txn) => self.txn_bound(txn),
            Op::Range(_) => 0,
        })
        .sum()
    }

    /// Returns an upper bound on the bytes that `put` appends.
    pub fn put_bound(&self, put: &Put) -> u64 {
        let kept = if put.ignore_value {
            self.index.newest(&put.key).map_or(0, |version| u64::from(version.location.len))
        } else {
            0
        };
        quota::put_cost(put) + kept
    }

    fn check_put(&self, put: &Put) -> Result<(), StoreError> {
        if (put.ignore_value || put.ignore_lease) && self.index.newest(&put.key).is_none() {
            return Err(StoreError::KeyNotFound);
        }
        self.check_lease(put.lease)
    }

    fn check_lease(&self, id: LeaseId) -> Result<(), StoreError> {
        if id.is_some() && self.leases.get(id).is_none() {
            return Err(StoreError::LeaseNotFound);
        }
        Ok(())
    }

    /// Refuses revisions that cannot be read; `newest` is the newest that may be seen.
    pub fn check_revision(&self, revision: Revision, newest: Revision) -> Result<(), StoreError> {
        if revision > newest {
            return Err(StoreError::FutureRevision);
        }
        if revision > Revision::NONE && revision < self.compacted {
            return Err(StoreError::Compacted(self.compacted));
        }
        Ok(())
    }

    /// Returns what stood under `key` just before `revision`, if that can still be read.
    pub fn before(&self, key: &Bytes, revision: Revision) -> Option<Location> {
        let at = revision.previous();
        if at < self.compacted {
            return None;
        }
        self.index.get(key, at).map(|version| version.location)
    }
}

#[cfg(test)]
mod tests;
