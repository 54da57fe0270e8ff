//! Which key the next request is about.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    keys::{Family, Key, Random},
    operation::{Operation, RANGE_LIMIT},
};

/// The keys of one server; clones share the counter of created keys.
#[derive(Clone, Debug)]
pub(crate) struct Keyspace {
    loaded: u64,
    created: Arc<AtomicU64>,
}

/// One connection's sequence of keys for one operation.
#[derive(Debug)]
pub(crate) struct KeySource {
    keyspace: Keyspace,
    operation: Operation,
    random: Random,
}

impl Keyspace {
    /// Of a server that holds the first `loaded` keys, more than a range is long.
    pub(crate) fn new(loaded: u64) -> Self {
        Self { loaded, created: Arc::default() }
    }

    pub(crate) fn source(&self, operation: Operation, seed: usize) -> KeySource {
        let random = Random(u64::try_from(seed).unwrap_or_default() << 32);
        KeySource { keyspace: self.clone(), operation, random }
    }
}

impl KeySource {
    pub(crate) fn next(&mut self) -> Key {
        let loaded = self.keyspace.loaded;
        match self.operation {
            Operation::Put | Operation::Get => Family::Loaded.key(self.random.below(loaded)),
            // Every range finds as many keys as it may return.
            Operation::Range => Family::Loaded.key(self.random.below(loaded - u64::from(RANGE_LIMIT))),
            Operation::Txn => {
                Family::Created.scattered_key(self.keyspace.created.fetch_add(1, Ordering::Relaxed))
            }
        }
    }

    pub(crate) fn value(&mut self) -> Vec<u8> {
        self.random.value()
    }
}
