//! Gives up old history, as kube-apiserver does: what was the newest revision one interval ago goes.
//!
//! Servers that share a store take turns through one key, so that history is kept for a whole interval.

use std::time::Duration;

use bytes::Bytes;
use stanchion_store::core::{
    Compare, CompareResult, KeyRange, Op, OpResult, Put, RangeQuery, Revision, StoreError, Test, Txn,
};
use tokio_util::sync::CancellationToken;

use crate::storage::Storage;

/// The key through which servers take turns; the name that kube-apiserver uses.
const KEY: &[u8] = b"compact_rev_key";

/// Compacts every `interval` until the server stops.
pub(crate) async fn run(storage: Storage, interval: Duration, stopping: CancellationToken) {
    let (mut version, mut revision) = (0, 0);
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stopping.cancelled() => return,
        }
        match turn(&storage, version, revision).await {
            Ok((next_version, next_revision)) => (version, revision) = (next_version, next_revision),
            Err(error) => tracing::warn!(%error, "history cannot be compacted"),
        }
    }
}

/// Takes a turn if nobody else did since the last one; returns the version of the key and the newest revision.
async fn turn(storage: &Storage, version: i64, revision: i64) -> Result<(i64, i64), StoreError> {
    let key = Bytes::from_static(KEY);
    let range = KeyRange::One(key.clone());
    let txn = Txn {
        compares: vec![Compare {
            range: range.clone(),
            test: Test::Version(version),
            result: CompareResult::Equal,
        }],
        success: vec![Op::Put(Put { key, value: Bytes::from(revision.to_string()), ..Put::default() })],
        failure: vec![Op::Range(RangeQuery::new(range))],
    };
    let result = storage.store().txn(txn).await?;
    if !result.succeeded {
        let found = result.results.into_iter().find_map(|result| match result {
            OpResult::Range(range) => range.kvs.into_iter().next(),
            OpResult::Put(_) | OpResult::Delete(_) | OpResult::Txn(_) => None,
        });
        return Ok((found.map_or(0, |kv| kv.version), result.revision.0));
    }
    if revision > 0 {
        match storage.store().compact(Revision(revision), false).await {
            Ok(_) => tracing::debug!(revision, "compacted"),
            Err(StoreError::Compacted(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((version + 1, result.revision.0))
}
