//! The end of a cluster: Pods first, then what it asked to be deleted, then its traces in the store, then its object.

use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ApiResource;
use serde_json::json;
use stanchion_api::{DatabaseCluster, DeletionPolicy, names};
use stanchion_ha_core::{ClusterName, keys};
use stanchion_informers::{Key, Next};
use stanchion_store::KeyValueStore;
use stanchion_store::core::{DeleteRange, KeyRange};

use crate::FINALIZER;
use crate::calls::Calls;
use crate::dereference::is_owned;
use crate::keep::belongs;
use crate::reconcile::ReconcileError;
use crate::secrets;

/// How soon to look again whether Pods have gone; their changes are told as well.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the store may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Does what is next at the end of a cluster, until its object may go.
pub(crate) async fn finish(
    calls: &Calls,
    store: &dyn KeyValueStore,
    meta: &ObjectMeta,
    policy: DeletionPolicy,
) -> Result<Next, ReconcileError> {
    let finalizers = meta.finalizers.clone().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(Next::Change);
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let key = Key::new(text(&meta.namespace), text(&meta.name));
    if are_pods_left(calls, &key, &text(&meta.uid)).await? {
        return Ok(Next::After(AGAIN));
    }
    if policy == DeletionPolicy::Delete {
        delete_volumes(calls, &key).await?;
    }
    forget(store, &key).await?;
    let rest: Vec<&String> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
    let patch = json!({"metadata": {"resourceVersion": meta.resource_version, "finalizers": rest}});
    match calls.merge(&ApiResource::erase::<DatabaseCluster>(&()), &key, &patch).await {
        Err(error) if !error.is_not_found() => Err(error.into()),
        Ok(()) | Err(_) => Ok(Next::Change),
    }
}

/// Deletes the Pods of a cluster; returns whether there still are any. The API is asked, for a copy may lack the newest.
async fn are_pods_left(calls: &Calls, key: &Key, uid: &str) -> Result<bool, ReconcileError> {
    let resource = ApiResource::erase::<Pod>(&());
    let pods = calls.list(&resource, &key.namespace, (names::CLUSTER, &key.name)).await?;
    let mut left = false;
    for pod in pods.iter().filter(|pod| is_owned(&pod.metadata, uid)) {
        left = true;
        if pod.metadata.deletion_timestamp.is_none() {
            let name = pod.metadata.name.clone().unwrap_or_default();
            calls
                .delete(&resource, &Key::new(key.namespace.clone(), name), pod.metadata.uid.as_deref())
                .await?;
        }
    }
    Ok(left)
}

/// Deletes volumes and passwords.
async fn delete_volumes(calls: &Calls, key: &Key) -> Result<(), ReconcileError> {
    let resource = ApiResource::erase::<PersistentVolumeClaim>(&());
    for claim in calls.list(&resource, &key.namespace, (names::CLUSTER, &key.name)).await? {
        let name = claim.metadata.name.clone().unwrap_or_default();
        calls
            .delete(&resource, &Key::new(key.namespace.clone(), name), claim.metadata.uid.as_deref())
            .await?;
    }
    let credentials = Key::new(key.namespace.clone(), names::credentials(&key.name));
    calls.delete(&secrets::resource(), &credentials, None).await?;
    let system = Key::new(key.namespace.clone(), names::system(&key.name));
    // A Secret of that name that is somebody else's was never taken.
    let live = calls.get(&secrets::resource(), &system).await?;
    if let Some(ours) = live.filter(|live| belongs(live, &key.name)) {
        calls.delete(&secrets::resource(), &system, ours.metadata.uid.as_deref()).await?;
    }
    Ok(())
}

/// Takes away what stands in the store: a cluster of this name that is made later forms anew from what its volumes hold.
async fn forget(store: &dyn KeyValueStore, key: &Key) -> Result<(), ReconcileError> {
    // A name that cannot be a cluster's never had anything there.
    let Ok(cluster) = ClusterName::new(&key.namespace, &key.name) else { return Ok(()) };
    let range = KeyRange::prefix(Bytes::from(keys::cluster(&cluster)));
    let deleted = store.delete_range(DeleteRange { range, prev_kv: false });
    match tokio::time::timeout(DEADLINE, deleted).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(ReconcileError::Store { cluster: key.clone(), source }),
        Err(_) => Err(ReconcileError::StoreLate { cluster: key.clone() }),
    }
}
