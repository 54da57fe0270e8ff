//! Checks that need only the request: sizes, empty keys, keys that a transaction changes twice.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{DeleteRange, Op, Put, RangeQuery, Txn};
use crate::error::StoreError;
use crate::types::KeyRange;

/// Bounds on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request on the wire (`--max-request-bytes`).
    pub request_bytes: usize,
    /// Operations, or conditions, in one transaction (`--max-txn-ops`).
    pub txn_ops: usize,
}

impl Default for Limits {
    /// etcd's defaults: 1.5 MiB and 128 operations.
    fn default() -> Self {
        Self { request_bytes: 3 * 512 * 1024, txn_ops: 128 }
    }
}

impl RangeQuery {
    /// Refuses an empty key.
    pub fn check(&self) -> Result<(), StoreError> {
        check_key(self.range.start())
    }
}

impl Put {
    /// Refuses an empty key and contradictions.
    pub fn check(&self) -> Result<(), StoreError> {
        check_key(&self.key)?;
        if self.ignore_value && !self.value.is_empty() {
            return Err(StoreError::ValueProvided);
        }
        if self.ignore_lease && self.lease.is_some() {
            return Err(StoreError::LeaseProvided);
        }
        Ok(())
    }
}

impl DeleteRange {
    /// Refuses an empty key.
    pub fn check(&self) -> Result<(), StoreError> {
        check_key(self.range.start())
    }
}

impl Txn {
    /// Refuses too many operations, empty keys, and a key that two operations of one path change.
    pub fn check(&self, limits: &Limits) -> Result<(), StoreError> {
        self.check_ops(limits.txn_ops)?;
        // The branches exclude each other, so each is looked at alone; after the count, because this costs more.
        Changes::of(&self.success)?;
        Changes::of(&self.failure)?;
        Ok(())
    }

    fn check_ops(&self, allowed: usize) -> Result<(), StoreError> {
        let ops = self.compares.len().max(self.success.len()).max(self.failure.len());
        let Some(left) = allowed.checked_sub(ops) else {
            return Err(StoreError::TooManyOps);
        };
        for compare in &self.compares {
            check_key(compare.range.start())?;
        }
        for op in self.success.iter().chain(&self.failure) {
            match op {
                Op::Range(range) => range.check()?,
                Op::Put(put) => put.check()?,
                Op::Delete(delete) => delete.check()?,
                Op::Txn(txn) => txn.check_ops(left)?,
            }
        }
        Ok(())
    }
}

fn check_key(key: &Bytes) -> Result<(), StoreError> {
    if key.is_empty() { Err(StoreError::EmptyKey) } else { Ok(()) }
}

/// The keys that a list of operations may put and delete.
#[derive(Default)]
struct Changes {
    puts: BTreeSet<Bytes>,
    deletes: Vec<KeyRange>,
}

impl Changes {
    /// Collects the changes of `ops`, or refuses a key that is put twice, or put and deleted.
    ///
    /// Deletes may overlap each other. The order is etcd's: this level's deletes, then nested
    /// transactions, then this level's puts.
    fn of(ops: &[Op]) -> Result<Self, StoreError> {
        let mut changes = Self::default();
        changes.deletes.extend(ops.iter().filter_map(|op| match op {
            Op::Delete(delete) => Some(delete.range.clone()),
            Op::Range(_) | Op::Put(_) | Op::Txn(_) => None,
        }));
        for op in ops {
            if let Op::Txn(txn) = op {
                changes.add_nested(txn)?;
            }
        }
        for op in ops {
            if let Op::Put(put) = op {
                changes.refuse_put(&put.key)?;
                changes.puts.insert(put.key.clone());
            }
        }
        Ok(changes)
    }

    /// Adds both branches of `txn`, which exclude each other and so may put the same key.
    fn add_nested(&mut self, txn: &Txn) -> Result<(), StoreError> {
        let success = Self::of(&txn.success)?;
        let failure = Self::of(&txn.failure)?;
        for key in success.puts.iter().chain(&failure.puts) {
            self.refuse_put(key)?;
        }
        self.puts.extend(success.puts);
        self.puts.extend(failure.puts);
        self.deletes.extend(success.deletes);
        self.deletes.extend(failure.deletes);
        Ok(())
    }

    fn refuse_put(&self, key: &Bytes) -> Result<(), StoreError> {
        let taken = self.puts.contains(key) || self.deletes.iter().any(|range| range.contains(key));
        if taken { Err(StoreError::DuplicateKey) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
