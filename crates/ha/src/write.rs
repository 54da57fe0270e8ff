//! Writing what was decided, while elected and if nobody else has written.

use std::time::Duration;

use serde::Serialize;
use stanchion_ha_core::{ClusterName, Settings, Topology, keys};
use stanchion_store::KeyValueStore;
use stanchion_store::core::{Compare, CompareResult, KeyRange, Op, Put, StoreError, Test, Txn};
use thiserror::Error;
use tokio::time::timeout;

use crate::election::Office;
use crate::operation::Record;

/// How long a write may take.
const CALL: Duration = Duration::from_secs(2);

/// A write that did not come about.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    /// The store refused or failed.
    #[error("cannot write the {what} of cluster {cluster}")]
    Store {
        what: &'static str,
        cluster: ClusterName,
        #[source]
        source: StoreError,
    },
    /// The store did not answer; the write may have come about.
    #[error("writing the {what} of cluster {cluster}: no answer within {CALL:?}")]
    Silent { what: &'static str, cluster: ClusterName },
    /// It cannot be said in JSON.
    #[error("the {what} of cluster {cluster} cannot be written as JSON")]
    Json {
        what: &'static str,
        cluster: ClusterName,
        #[source]
        source: serde_json::Error,
    },
}

/// Writes a topology in place of the one of `revision` (0 for none); returns the new revision, or none if somebody else
/// was faster or is elected.
pub(crate) async fn topology(
    store: &dyn KeyValueStore,
    office: &Office,
    cluster: &ClusterName,
    topology: &Topology,
    revision: i64,
) -> Result<Option<i64>, WriteError> {
    let key = keys::topology(cluster);
    let unchanged = Compare {
        range: KeyRange::One(key.clone().into()),
        test: Test::Modified(revision),
        result: CompareResult::Equal,
    };
    put(store, "topology", cluster, vec![office.held(), unchanged], key, topology).await
}

/// Writes the settings.
pub(crate) async fn settings(
    store: &dyn KeyValueStore,
    office: &Office,
    cluster: &ClusterName,
    settings: &Settings,
) -> Result<Option<i64>, WriteError> {
    put(store, "settings", cluster, vec![office.held()], keys::settings(cluster), settings).await
}

/// Writes what people asked for, and what became of it; returns none if somebody else is elected.
pub(crate) async fn operation(
    store: &dyn KeyValueStore,
    office: &Office,
    cluster: &ClusterName,
    record: &Record,
) -> Result<Option<i64>, WriteError> {
    put(store, "operation", cluster, vec![office.held()], keys::operation(cluster), record).await
}

async fn put(
    store: &dyn KeyValueStore,
    what: &'static str,
    cluster: &ClusterName,
    compares: Vec<Compare>,
    key: String,
    value: &impl Serialize,
) -> Result<Option<i64>, WriteError> {
    let value = serde_json::to_vec(value).map_err(|source| WriteError::Json {
        what,
        cluster: cluster.clone(),
        source,
    })?;
    let put = Put { key: key.into(), value: value.into(), ..Put::default() };
    let txn = Txn { compares, success: vec![Op::Put(put)], failure: Vec::new() };
    let answer = timeout(CALL, store.txn(txn))
        .await
        .map_err(|_| WriteError::Silent { what, cluster: cluster.clone() })?
        .map_err(|source| WriteError::Store { what, cluster: cluster.clone(), source })?;
    Ok(answer.succeeded.then_some(answer.revision.0))
}
