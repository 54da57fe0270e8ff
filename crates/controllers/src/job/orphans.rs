//! Pods of Jobs that are gone: nobody will count them, so their finalizer must go or they never would.

use std::future::Future;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use stanchion_informers::{Change, Key, Next, Queue, work};

use super::new_pod::{self, TRACKING};
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::owner;

/// How many Pods are looked at at a time.
const AT_ONCE: usize = 5;

/// Registers the controller of Pods.
pub(super) fn register(cluster: &Arc<Cluster>) -> impl Future<Output = ()> + Send + use<> {
    let queue: Queue<Key> = Queue::default();
    let (adding, jobs) = (queue.clone(), cluster.jobs.clone());
    cluster.pods.on_change(move |change| {
        let pod = change.object();
        if matches!(change, Change::Deleted(_)) || !new_pod::is_tracked(pod) {
            return;
        }
        let job = owner::controlled_by::<Job>(&pod.metadata);
        let known = job.is_some_and(|(key, uid)| {
            jobs.get(&key).is_some_and(|job| job.metadata.uid.as_deref() == Some(uid))
        });
        if !known {
            adding.add(Key::of(&**pod));
        }
    });
    let (adding, pods) = (queue.clone(), cluster.pods_of.clone());
    cluster.jobs.on_change(move |change| {
        if let Change::Deleted(job) = change {
            for pod in pods.get(&job.uid().unwrap_or_default()) {
                adding.add(Key::of(&*pod));
            }
        }
    });
    let shared = Arc::clone(cluster);
    let reconcile = move |key: Key| look(Arc::clone(&shared), key);
    work("job-orphans", queue, AT_ONCE, reconcile, cluster.stop.clone())
}

async fn look(cluster: Arc<Cluster>, key: Key) -> Result<Next, CallError> {
    let Some(pod) = cluster.pods.get(&key).filter(|pod| new_pod::is_tracked(pod)) else {
        return Ok(Next::Change);
    };
    if let Some((key, uid)) = owner::controlled_by::<Job>(&pod.metadata) {
        let is_it = |job: &Job| job.metadata.uid.as_deref() == Some(uid);
        // Informers may show a Pod before its Job, so the API decides that there is none.
        if cluster.jobs.get(&key).is_some_and(|job| is_it(&job))
            || cluster.get::<Job>(&key).await?.is_some_and(|job| is_it(&job))
        {
            return Ok(Next::Change);
        }
    }
    untrack(&cluster, pod).await?;
    Ok(Next::Change)
}

/// Takes the finalizer from a Pod.
pub(super) async fn untrack(cluster: &Cluster, pod: Arc<Pod>) -> Result<(), CallError> {
    if !new_pod::is_tracked(&pod) {
        return Ok(());
    }
    let patch = json!({"metadata": {"uid": pod.uid(), "$deleteFromPrimitiveList/finalizers": [TRACKING]}});
    match cluster.patch_strategically(&*pod, &patch).await {
        Ok(_) => Ok(()),
        // It is gone, or another one by now.
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}
