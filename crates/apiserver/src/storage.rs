//! Objects in the store: one key each, written by compare-and-swap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, encode, json};
use stanchion_store::KeyValueStore;
use stanchion_store::core::{
    Compare, CompareResult, DeleteRange, KeyRange, LeaseId, Op, OpResult, Put, RangeQuery, Revision,
    StoreError, Test, Txn,
};

/// Where all objects stand.
pub(crate) const ROOT: &str = "/registry/";

/// A key that is no object, written to see its event.
const MARK: &str = "stanchion-progress";

/// Objects that expire share leases made within a span, so that a lease has many keys: this at the most.
const LEASE_SPAN_SECONDS: i64 = 60;
/// The span as a part of the time that objects live: one twentieth.
const LEASE_SPAN_PART: i64 = 20;

/// An object as it stands in the store.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The revision of its last write.
    pub(crate) revision: i64,
    /// Its bytes, without `resourceVersion`.
    pub(crate) bytes: Bytes,
}

impl Stored {
    /// Reads the object, with its revision.
    pub(crate) fn object(&self) -> Result<Value, Status> {
        let mut object = json::decode_stored(&self.bytes)
            .map_err(|error| Status::internal(format!("a stored object is not JSON: {error}")))?;
        stanchion_machinery::meta::set(&mut object, "resourceVersion", self.revision.to_string());
        Ok(object)
    }
}

/// One change of a transaction, on condition that the key is as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The key below the root.
    pub(crate) key: String,
    /// The revision it must have; 0 if it must not be there.
    pub(crate) expected: i64,
    /// The new bytes; nothing deletes.
    pub(crate) bytes: Option<Bytes>,
    /// The lease it lives under.
    pub(crate) lease: LeaseId,
}

impl Write {
    pub(crate) fn put(key: String, expected: i64, object: &Value) -> Self {
        Self { key, expected, bytes: Some(Bytes::from(encode::stored(object))), lease: LeaseId::NONE }
    }

    pub(crate) fn delete(key: String, expected: i64) -> Self {
        Self { key, expected, bytes: None, lease: LeaseId::NONE }
    }
}

/// What became of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything was written, at this revision.
    Done(i64),
    /// Nothing was written: these are the keys as they are, in the order of the writes.
    Changed(Vec<Option<Stored>>),
}

/// The store, with keys below the root.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    store: Arc<dyn KeyValueStore>,
    lease: Arc<Mutex<Option<(Instant, i64, LeaseId)>>>,
}

impl Storage {
    pub(crate) fn new(store: Arc<dyn KeyValueStore>) -> Self {
        Self { store, lease: Arc::default() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn KeyValueStore> {
        &self.store
    }

    /// Reads one object, never older than any answered write.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Stored>, Status> {
        let query = RangeQuery::new(KeyRange::One(full(key)));
        let found = self.store.range(query).await.map_err(|error| failure(&error))?;
        Ok(found.kvs.into_iter().next().map(|kv| Stored { revision: kv.modified.0, bytes: kv.value }))
    }

    /// Returns the revision of the last write of an object, as new as [`Storage::get`] but without its bytes.
    pub(crate) async fn written_at(&self, key: &str) -> Result<Option<i64>, Status> {
        let mut query = RangeQuery::new(KeyRange::One(full(key)));
        query.keys_only = true;
        let found = self.store.range(query).await.map_err(|error| failure(&error))?;
        Ok(found.kvs.first().map(|kv| kv.modified.0))
    }

    /// Returns the newest revision.
    pub(crate) async fn revision(&self) -> Result<i64, Status> {
        let mut query = RangeQuery::new(KeyRange::One(full("")));
        query.count_only = true;
        Ok(self.store.range(query).await.map_err(|error| failure(&error))?.revision.0)
    }

    /// Reads objects of a prefix at a revision of the past, from a key on.
    pub(crate) async fn list_at(
        &self,
        prefix: &str,
        from: &str,
        revision: i64,
        limit: u64,
    ) -> Result<(Vec<(String, Stored)>, bool), StoreError> {
        let whole = KeyRange::prefix(full(prefix));
        let range = match whole {
            KeyRange::Between(_, end) => KeyRange::Between(full(from), end),
            other => other,
        };
        let query = RangeQuery { limit, revision: Revision(revision), ..RangeQuery::new(range) };
        let found = self.store.range(query).await?;
        let strip = ROOT.len();
        let pairs = found.kvs.into_iter().map(|kv| {
            let key = String::from_utf8_lossy(&kv.key[strip..]).into_owned();
            (key, Stored { revision: kv.modified.0, bytes: kv.value })
        });
        Ok((pairs.collect(), found.more))
    }

    /// Carries out all writes at one revision, or none.
    pub(crate) async fn write(&self, writes: &[Write]) -> Result<Outcome, Status> {
        let compares = writes.iter().map(|write| Compare {
            range: KeyRange::One(full(&write.key)),
            test: Test::Modified(write.expected),
            result: CompareResult::Equal,
        });
        let success = writes.iter().map(|write| match &write.bytes {
            Some(bytes) => Op::Put(Put {
                key: full(&write.key),
                value: bytes.clone(),
                lease: write.lease,
                ..Put::default()
            }),
            None => Op::Delete(DeleteRange { range: KeyRange::One(full(&write.key)), prev_kv: false }),
        });
        let failed = writes.iter().map(|write| Op::Range(RangeQuery::new(KeyRange::One(full(&write.key)))));
        let txn = Txn { compares: compares.collect(), success: success.collect(), failure: failed.collect() };
        let result = self.store.txn(txn).await.map_err(|error| failure(&error))?;
        if result.succeeded {
            return Ok(Outcome::Done(result.revision.0));
        }
        let found = result.results.into_iter().map(|result| match result {
            OpResult::Range(range) => {
                range.kvs.into_iter().next().map(|kv| Stored { revision: kv.modified.0, bytes: kv.value })
            }
            OpResult::Put(_) | OpResult::Delete(_) | OpResult::Txn(_) => None,
        });
        Ok(Outcome::Changed(found.collect()))
    }

    /// Writes what is no object, so that a watch of everything tells the revision.
    pub(crate) async fn mark(&self) -> Result<(), StoreError> {
        self.store.put(Put { key: full(MARK), ..Put::default() }).await.map(drop)
    }

    /// Returns a lease of at least `ttl` seconds, shared with objects written within the same span.
    pub(crate) async fn lease(&self, ttl: i64) -> Result<LeaseId, Status> {
        let span = (ttl / LEASE_SPAN_PART).clamp(0, LEASE_SPAN_SECONDS);
        if let Some((since, of, lease)) = *self.lease.lock()
            && of == ttl
            && since.elapsed() < Duration::from_secs(span.unsigned_abs())
        {
            return Ok(lease);
        }
        let granted = self.store.lease_grant(LeaseId::NONE, ttl.saturating_add(span)).await;
        let (lease, _) = granted.map_err(|error| failure(&error))?;
        *self.lease.lock() = Some((Instant::now(), ttl, lease));
        Ok(lease)
    }
}

/// Returns a key below the root in full.
pub(crate) fn full(key: &str) -> Bytes {
    Bytes::from([ROOT.as_bytes(), key.as_bytes()].concat())
}

/// Tells clients what the store could not do.
pub(crate) fn failure(error: &StoreError) -> Status {
    match error {
        StoreError::RequestTooLarge => {
            let text = "the object is too large: the store takes at most 1.5 MiB in a request";
            Status::new(Reason::RequestEntityTooLarge, text)
        }
        StoreError::Compacted(_) => Status::new(
            Reason::Expired,
            "The provided continue parameter is too old to display a consistent list result.",
        ),
        StoreError::TooManyRequests => Status::new(Reason::TooManyRequests, error.to_string()).retry_after(1),
        StoreError::Timeout => Status::new(Reason::Timeout, error.to_string()).retry_after(1),
        StoreError::Stopped => Status::new(Reason::ServiceUnavailable, error.to_string()).retry_after(1),
        other => Status::internal(other),
    }
}
