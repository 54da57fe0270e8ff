//! Which manager manages.
//!
//! The one whose key stands in the store, under a lease that it renews. A write of the manager compares the revision at
//! which its key was created, so one that was frozen, and is no longer elected when it wakes up, changes nothing.

use std::sync::Arc;
use std::time::Duration;

use stanchion_ha_core::keys;
use stanchion_store::KeyValueStore;
use stanchion_store::core::{
    Compare, CompareResult, KeyRange, LeaseId, Op, Put, RangeQuery, Revision, StoreError, Test, Txn,
};
use stanchion_store::watch::{Notice, WatchSpec};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a manager that fell silent stays elected, in seconds.
const TTL: i64 = 3;
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_millis(800);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(2);
/// How long to wait after something went wrong.
const PAUSE: Duration = Duration::from_millis(200);

/// The office of an elected manager.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    store: Arc<dyn KeyValueStore>,
    lease: LeaseId,
    created: Revision,
}

impl Office {
    /// Returns the condition under which the manager may write.
    pub(crate) fn held(&self) -> Compare {
        Compare {
            range: KeyRange::One(keys::MANAGER.into()),
            test: Test::Created(self.created.0),
            result: CompareResult::Equal,
        }
    }

    /// Renews until the office is lost.
    pub(crate) async fn keep(&self) {
        let mut renewed = Instant::now();
        while renewed.elapsed() < Duration::from_secs(TTL.unsigned_abs()) {
            sleep(RENEW).await;
            match timeout(CALL, self.store.lease_renew(self.lease)).await {
                Ok(Ok(Some(_))) => renewed = Instant::now(),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => tracing::warn!(%error, "cannot renew the election"),
                Err(_) => tracing::warn!("the store does not answer; cannot renew the election"),
            }
        }
        tracing::warn!("no longer elected to manage");
    }

    /// Gives the office up.
    pub(crate) async fn resign(&self) {
        match timeout(CALL, self.store.lease_revoke(self.lease)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot resign; the lease will end"),
            Err(_) => tracing::debug!("cannot resign in time; the lease will end"),
        }
    }
}

/// Waits until this manager is elected; none if it is stopped before that.
pub(crate) async fn elected(
    store: &Arc<dyn KeyValueStore>,
    identity: &str,
    stop: &CancellationToken,
) -> Option<Office> {
    loop {
        let tried = tokio::select! {
            () = stop.cancelled() => return None,
            tried = stand(store, identity) => tried,
        };
        match tried {
            Ok(Some(office)) => return Some(office),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot stand for election");
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Stands for election once; if somebody else holds the office, waits until it is free.
async fn stand(store: &Arc<dyn KeyValueStore>, identity: &str) -> Result<Option<Office>, StoreError> {
    let (lease, _) = store.lease_grant(LeaseId::NONE, TTL).await?;
    let key = KeyRange::One(keys::MANAGER.into());
    let free = Compare { range: key.clone(), test: Test::Created(0), result: CompareResult::Equal };
    let claim = Put { key: keys::MANAGER.into(), value: identity.to_owned().into(), lease, ..Put::default() };
    let txn = Txn {
        compares: vec![free],
        success: vec![Op::Put(claim)],
        failure: vec![Op::Range(RangeQuery::new(key.clone()))],
    };
    let answer = store.txn(txn).await?;
    if answer.succeeded {
        return Ok(Some(Office { store: Arc::clone(store), lease, created: answer.revision }));
    }
    store.lease_revoke(lease).await?;
    let mut watch = store.watch(WatchSpec::new(key.clone(), answer.revision.next())).await?;
    loop {
        // Whether the office is free is also looked at now and then: a watch may have died unseen.
        match timeout(Duration::from_secs(TTL.unsigned_abs()), watch.next()).await {
            Ok(notice) => match notice? {
                Some(Notice::Created { .. } | Notice::Progress { .. }) => {}
                Some(Notice::Refused { error, .. }) => return Err(error),
                Some(Notice::Events { .. } | Notice::Canceled { .. } | Notice::Compacted { .. }) | None => {
                    return Ok(None);
                }
            },
            Err(_) => {
                if store.range(RangeQuery::new(key.clone())).await?.kvs.is_empty() {
                    return Ok(None);
                }
            }
        }
    }
}
