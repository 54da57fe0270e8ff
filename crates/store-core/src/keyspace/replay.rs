//! Rebuilding the keyspace from the log.

use super::Keyspace;
use crate::index::Version;
use crate::record::Record;
use crate::types::{LeaseId, Location, Millis, Revision};

/// Why records that are whole do not make a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A revision that is not after the ones before it.
    #[error("revision {found} stands behind revision {newest}")]
    Backwards {
        /// The revision of the record.
        found: Revision,
        /// The newest before it.
        newest: Revision,
    },
    /// A deletion of a key that does not exist.
    #[error("revision {0} deletes a key that does not exist")]
    NothingToDelete(Revision),
}

/// A keyspace that is being rebuilt.
#[derive(Debug)]
pub struct Replay {
    keyspace: Keyspace,
    now: Millis,
    last: (Revision, u32),
    base: Revision,
}

impl Replay {
    /// Begins with an empty keyspace; the time that is left of leases counts from `now`.
    pub fn begin(now: Millis) -> Self {
        Self { keyspace: Keyspace::default(), now, last: (Revision::FIRST, 0), base: Revision::FIRST }
    }

    /// Applies the next record of the log.
    pub fn apply(&mut self, record: Record, location: Location) -> Result<(), ReplayError> {
        match record {
            Record::Put { kv, sub } => {
                self.advance(kv.modified, sub)?;
                let version = Version {
                    modified: kv.modified,
                    created: kv.created,
                    version: kv.version,
                    lease: kv.lease,
                    location,
                };
                let old_lease = self.lease_of(&kv.key);
                if old_lease != kv.lease {
                    self.keyspace.leases.detach(old_lease, &kv.key);
                    // A key kept by a lease must not keep the whole batch it was read with.
                    let key = bytes::Bytes::copy_from_slice(&kv.key);
                    self.keyspace.leases.attach(kv.lease, &key);
                }
                self.keyspace.index.push(&kv.key, version);
            }
            Record::Delete { revision, sub, key } => {
                self.advance(revision, sub)?;
                // A rewritten log may hold a deletion at the compacted revision without the key's last write.
                if self.keyspace.index.newest(&key).is_none() && revision > self.keyspace.compacted {
                    return Err(ReplayError::NothingToDelete(revision));
                }
                self.keyspace.leases.detach(self.lease_of(&key), &key);
                self.keyspace.index.push(&key, Version::deletion(revision, location));
            }
            Record::Compact { revision } => self.keyspace.compacted = revision.max(self.keyspace.compacted),
            Record::LeaseGrant { id, ttl, remaining } => {
                self.keyspace.leases.insert(id, ttl, remaining, self.now);
            }
            Record::LeaseRevoke { id } => drop(self.keyspace.leases.remove(id)),
            Record::LeaseRemaining { id, remaining } => {
                self.keyspace.leases.set_remaining(id, remaining, self.now);
            }
            Record::Alarm { alarm, raised } => {
                self.keyspace.alarms.set(alarm, raised);
            }
            Record::Base { revision, compacted } => {
                // The records that led to it follow; those that would have named it may be gone.
                self.base = revision.max(self.base);
                self.keyspace.compacted = compacted.max(self.keyspace.compacted);
            }
            Record::Closed => {}
        }
        Ok(())
    }

    /// Returns the keyspace, without what the log still holds but compaction gave up.
    pub fn finish(self) -> Keyspace {
        let mut keyspace = self.keyspace;
        keyspace.revision = keyspace.revision.max(self.base);
        keyspace.purge(&[], usize::MAX);
        keyspace
    }

    fn advance(&mut self, revision: Revision, sub: u32) -> Result<(), ReplayError> {
        if (revision, sub) <= self.last {
            return Err(ReplayError::Backwards { found: revision, newest: self.last.0 });
        }
        self.last = (revision, sub);
        self.keyspace.revision = revision;
        Ok(())
    }

    fn lease_of(&self, key: &[u8]) -> LeaseId {
        self.keyspace.index.newest(key).map_or(LeaseId::NONE, |version| version.lease)
    }
}
