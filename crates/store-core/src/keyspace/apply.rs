//! Carrying out writes: everything of one request happens at one revision.

use bytes::Bytes;

use super::scan::Scan;
use super::{Change, Journal, Keyspace, Pairs};
use crate::error::StoreError;
use crate::index::Version;
use crate::record::Record;
use crate::request::{
    Compare, DeleteRange, DeleteResult, Op, OpResult, Put, PutResult, RangeQuery, RangeResult, Test, Txn,
    TxnResult,
};
use crate::types::{Event, EventKind, KeyValue, LeaseId, Revision};

/// Which branch each transaction takes, outermost first.
type Path = Vec<bool>;

impl Keyspace {
    /// Evaluates the conditions of `txn` and of every transaction on the chosen path, before anything changes.
    pub(super) fn choose_path(
        &self,
        txn: &Txn,
        at: Revision,
        pairs: &impl Pairs,
    ) -> Result<Path, StoreError> {
        let mut path = Path::new();
        self.extend_path(txn, at, pairs, &mut path)?;
        Ok(path)
    }

    fn extend_path(
        &self,
        txn: &Txn,
        at: Revision,
        pairs: &impl Pairs,
        path: &mut Path,
    ) -> Result<(), StoreError> {
        let holds = self.decide(txn, at, pairs)?;
        path.push(holds);
        for op in branch(txn, holds) {
            if let Op::Txn(nested) = op {
                self.extend_path(nested, at, pairs, path)?;
            }
        }
        Ok(())
    }

    /// Whether every key of the range meets the condition.
    pub(super) fn holds(
        &self,
        compare: &Compare,
        at: Revision,
        pairs: &impl Pairs,
    ) -> Result<bool, StoreError> {
        let mut any = false;
        for (_, version) in self.index.walk(&compare.range, compare.range.start(), at) {
            let Some(version) = version else { continue };
            any = true;
            if !meets(compare, version, pairs)? {
                return Ok(false);
            }
        }
        Ok(any || meets_absent(compare))
    }

    /// Refuses operations on the chosen path that cannot be carried out.
    pub(super) fn check_path<'a>(
        &self,
        txn: &Txn,
        path: &mut impl Iterator<Item = &'a bool>,
    ) -> Result<(), StoreError> {
        for op in branch(txn, next(path)) {
            match op {
                Op::Range(query) => self.check_revision(query.revision, self.revision)?,
                Op::Put(put) => self.check_put(put)?,
                Op::Delete(_) => {}
                Op::Txn(nested) => self.check_path(nested, path)?,
            }
        }
        Ok(())
    }
}

fn branch(txn: &Txn, holds: bool) -> &[Op] {
    if holds { &txn.success } else { &txn.failure }
}

fn next<'a>(path: &mut impl Iterator<Item = &'a bool>) -> bool {
    *path.next().expect("the path has a turn for every transaction on it")
}

fn meets(compare: &Compare, version: &Version, pairs: &impl Pairs) -> Result<bool, StoreError> {
    let ordering = match &compare.test {
        Test::Version(expected) => version.version.cmp(expected),
        Test::Created(expected) => version.created.0.cmp(expected),
        Test::Modified(expected) => version.modified.0.cmp(expected),
        Test::Lease(expected) => version.lease.0.cmp(expected),
        Test::Value(expected) => pairs.read(version.location)?.value.cmp(expected),
    };
    Ok(compare.result.accepts(ordering))
}

/// Compares a key that is not there: its numbers are 0, its value equals and differs from nothing.
fn meets_absent(compare: &Compare) -> bool {
    match &compare.test {
        Test::Version(expected)
        | Test::Created(expected)
        | Test::Modified(expected)
        | Test::Lease(expected) => compare.result.accepts(0.cmp(expected)),
        Test::Value(_) => false,
    }
}

/// A request that is being carried out.
pub(super) struct Writing<'a, J> {
    keyspace: &'a mut Keyspace,
    journal: &'a mut J,
    change: &'a mut Change,
    revision: Revision,
    sub: u32,
}

impl<'a, J: Journal> Writing<'a, J> {
    pub(super) fn begin(keyspace: &'a mut Keyspace, journal: &'a mut J, change: &'a mut Change) -> Self {
        let revision = keyspace.revision.next();
        Self { keyspace, journal, change, revision, sub: 0 }
    }

    /// Makes the revision count, if anything changed.
    pub(super) fn finish(self) {
        self.keyspace.revision = self.seen();
    }

    /// Returns the revision that the request sees: its own as soon as it changed something.
    fn seen(&self) -> Revision {
        if self.sub == 0 { self.keyspace.revision } else { self.revision }
    }

    fn next_sub(&mut self) -> u32 {
        let sub = self.sub;
        self.sub += 1;
        sub
    }

    pub(super) fn put(&mut self, put: &Put) -> Result<PutResult, StoreError> {
        let before = self.keyspace.index.newest(&put.key).copied();
        let stored = match before {
            Some(version) if put.prev_kv || put.ignore_value => Some(self.journal.read(version.location)?),
            Some(_) | None => None,
        };
        let old_lease = before.map_or(LeaseId::NONE, |version| version.lease);
        let kv = KeyValue {
            key: put.key.clone(),
            value: match &stored {
                Some(stored) if put.ignore_value => stored.value.clone(),
                Some(_) | None => put.value.clone(),
            },
            created: before.map_or(self.revision, |version| version.created),
            modified: self.revision,
            version: before.map_or(1, |version| version.version + 1),
            lease: if put.ignore_lease { old_lease } else { put.lease },
        };
        self.store(kv, old_lease);
        Ok(PutResult { revision: self.revision, prev_kv: stored.filter(|_| put.prev_kv) })
    }

    fn store(&mut self, kv: KeyValue, old_lease: LeaseId) {
        let sub = self.next_sub();
        let record = Record::Put { kv, sub };
        let location = self.journal.append(&record);
        let Record::Put { kv, .. } = record else { unreachable!("it was made a line above") };
        let version = Version {
            modified: kv.modified,
            created: kv.created,
            version: kv.version,
            lease: kv.lease,
            location,
        };
        self.keyspace.index.push(&kv.key, version);
        if old_lease != kv.lease {
            self.keyspace.leases.detach(old_lease, &kv.key);
            self.keyspace.leases.attach(kv.lease, &kv.key);
        }
        self.change.events.push(Event { kind: EventKind::Put, kv });
    }

    pub(super) fn delete_range(&mut self, delete: &DeleteRange) -> Result<DeleteResult, StoreError> {
        let found = self.keyspace.index.walk(&delete.range, delete.range.start(), self.revision);
        let mut keys = Vec::new();
        let mut prev_kvs = Vec::new();
        for (key, version) in found {
            let Some(version) = version else { continue };
            if delete.prev_kv {
                prev_kvs.push(self.journal.read(version.location)?);
            }
            keys.push(Bytes::copy_from_slice(key));
        }
        for key in &keys {
            self.delete_key(key);
        }
        Ok(DeleteResult { revision: self.seen(), deleted: keys.len() as u64, prev_kvs })
    }

    /// Deletes a key that exists.
    pub(super) fn delete_key(&mut self, key: &Bytes) {
        let (revision, sub) = (self.revision, self.next_sub());
        let location = self.journal.append(&Record::Delete { revision, sub, key: key.clone() });
        let lease = self.keyspace.index.newest(key).map_or(LeaseId::NONE, |version| version.lease);
        self.keyspace.leases.detach(lease, key);
        self.keyspace.index.push(key, Version::deletion(revision, location));
        let kv = KeyValue { key: key.clone(), modified: revision, ..KeyValue::default() };
        self.change.events.push(Event { kind: EventKind::Delete, kv });
    }

    pub(super) fn txn<'p>(
        &mut self,
        txn: &Txn,
        path: &mut impl Iterator<Item = &'p bool>,
    ) -> Result<TxnResult, StoreError> {
        let succeeded = next(path);
        let ops = branch(txn, succeeded);
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            results.push(match op {
                Op::Range(query) => OpResult::Range(self.range(query)?),
                Op::Put(put) => OpResult::Put(self.put(put)?),
                Op::Delete(delete) => OpResult::Delete(self.delete_range(delete)?),
                Op::Txn(nested) => OpResult::Txn(self.nested(nested, path)?),
            });
        }
        Ok(TxnResult { revision: self.seen(), succeeded, results })
    }

    /// Carries out a transaction within; only the outermost tells the revision, as in etcd.
    fn nested<'p>(
        &mut self,
        txn: &Txn,
        path: &mut impl Iterator<Item = &'p bool>,
    ) -> Result<TxnResult, StoreError> {
        // The recursion goes through a trait object, or its type would have no end.
        let path: &mut dyn Iterator<Item = &'p bool> = path;
        let mut path = path;
        let result = self.txn(txn, &mut path)?;
        Ok(TxnResult { revision: Revision::NONE, ..result })
    }

    fn range(&mut self, query: &RangeQuery) -> Result<RangeResult, StoreError> {
        let mut scan = Scan::begin(query.clone(), self.seen(), self.keyspace)?;
        while !scan.step(self.keyspace, usize::MAX)? {}
        let selection = scan.finish();
        let kvs = selection.hits.iter().map(|hit| match &hit.key {
            Some(key) => Ok(hit.without_value(key.clone())),
            None => self.journal.read(hit.version.location),
        });
        let kvs = kvs.collect::<Result<_, _>>()?;
        Ok(selection.into_result(kvs))
    }
}
