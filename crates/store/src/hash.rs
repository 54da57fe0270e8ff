//! Hashing the history, as etcd's `HashKV` does.

use stanchion_store_core::hash::KvHasher;
use stanchion_store_core::{Record, Revision, StoreError};

use crate::log::records_from;
use crate::shared::Shared;

/// Compactions that may come in between before a hash is given up.
const TRIES: usize = 5;

/// A hash and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHash {
    /// The hash.
    pub hash: u32,
    /// The compacted revision it counts from.
    pub compacted: Revision,
    /// The revision up to which it counts.
    pub revision: Revision,
    /// The newest revision.
    pub newest: Revision,
}

/// Hashes all changes up to `revision` (0: the newest) that a compaction leaves.
pub(crate) fn hash_kv(shared: &Shared, revision: Revision) -> Result<KvHash, StoreError> {
    for _ in 0..TRIES {
        let (view, compacted) = (shared.log.view(), shared.keyspace.read().compacted());
        let newest = shared.visible();
        if revision > newest {
            return Err(StoreError::FutureRevision);
        }
        if revision > Revision::NONE && revision < compacted {
            return Err(StoreError::Compacted(compacted));
        }
        let until = if revision > Revision::NONE { revision } else { newest };
        let mut hasher = KvHasher::default();
        for stored in records_from(&view, Revision::NONE) {
            let stored = stored?;
            let Some((modified, key)) = stored.change() else {
                continue;
            };
            if modified > until {
                break;
            }
            if modified <= compacted && !shared.keyspace.read().index().outlives(key, modified, until) {
                continue;
            }
            match &stored.record {
                Record::Put { kv, sub } => hasher.put(kv, *sub),
                Record::Delete { revision, sub, key } => hasher.delete(key, *revision, *sub),
                _ => {}
            }
        }
        if shared.keyspace.read().compacted() == compacted {
            return Ok(KvHash { hash: hasher.finish(), compacted, revision: until, newest });
        }
    }
    Err(StoreError::Timeout)
}
