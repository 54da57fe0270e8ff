//! Writing: at most one report is under way, and the newest one wins.
//!
//! Each write compares the revision of the one before, so that one that was given up cannot come late and replace a newer.

use std::sync::Arc;

use stanchion_ha_core::Report;
use stanchion_store::core::{
    Compare, CompareResult, KeyRange, LeaseId, Op, OpResult, Put, RangeQuery, Revision, StoreError, Test, Txn,
};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{CALL, Pause, Shared};

/// Writes each report, or the newest when several have come meanwhile.
pub(super) async fn write(
    shared: Arc<Shared>,
    mut lease: watch::Receiver<Option<LeaseId>>,
    gone: Arc<Notify>,
) {
    let mut reports = shared.report.subscribe();
    // One may have been made before this task has begun.
    reports.mark_changed();
    let mut last = Revision::NONE;
    let mut pause = Pause::new();
    // A sender that is gone cannot be: `shared` holds it, and the keeper of the lease ends with this task.
    while reports.changed().await.is_ok() {
        loop {
            let Some(report) = reports.borrow_and_update().clone() else { break };
            let Ok(id) = lease.wait_for(Option::is_some).await.map(|id| id.unwrap_or_default()) else {
                return;
            };
            match put(&shared, &report, id, &mut last).await {
                Ok(true) => {
                    shared.written.send_replace(report.number);
                    pause = Pause::new();
                    break;
                }
                // Now `last` is known.
                Ok(false) => {}
                Err(StoreError::LeaseNotFound) => {
                    lease.mark_unchanged();
                    gone.notify_one();
                    // The keeper pauses when it cannot have one; until then the old one is tried again.
                    drop(tokio::time::timeout(CALL, lease.changed()).await);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot write the report");
                    // The watch may hang on the same dead connection.
                    shared.reread.notify_one();
                    pause.wait().await;
                }
            }
        }
    }
}

/// Writes a report if the key is as it was left, and reads what is wanted in the same transaction. Returns whether it was
/// written.
async fn put(
    shared: &Shared,
    report: &Report,
    lease: LeaseId,
    last: &mut Revision,
) -> Result<bool, StoreError> {
    let key = || shared.keys.own.clone().into();
    let value = serde_json::to_vec(report).expect("a report has no maps with keys that are no text");
    let read = |key: &str| Op::Range(RangeQuery::new(KeyRange::One(key.to_owned().into())));
    let unchanged =
        Compare { range: KeyRange::One(key()), test: Test::Modified(last.0), result: CompareResult::Equal };
    let wanted = [read(&shared.keys.topology), read(&shared.keys.settings)];
    let mut success = vec![Op::Put(Put { key: key(), value: value.into(), lease, ..Put::default() })];
    success.extend(wanted.clone());
    let mut failure = vec![read(&shared.keys.own)];
    failure.extend(wanted);
    let began = Instant::now();
    let result = shared.store.txn(Txn { compares: vec![unchanged], success, failure }).await?;
    let ranges = result.results.iter().filter_map(|result| match result {
        OpResult::Range(range) => Some(range),
        OpResult::Put(_) | OpResult::Delete(_) | OpResult::Txn(_) => None,
    });
    let mut found = Revision::NONE;
    shared.known.send_modify(|known| {
        for kv in ranges.flat_map(|range| &range.kvs) {
            if kv.key == shared.keys.own.as_bytes() {
                found = kv.modified;
            } else {
                known.learn(&shared.keys, kv);
            }
        }
        known.confirm(began);
    });
    *last = if result.succeeded { result.revision } else { found };
    Ok(result.succeeded)
}
