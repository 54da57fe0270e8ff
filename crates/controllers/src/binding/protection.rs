//! Lets claims and volumes that are being deleted go once nobody uses them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use stanchion_informers::{Change, Key, Next, Queue, work};

use super::Item;
use crate::Controller;
use crate::calls::{CallError, call};
use crate::cluster::Cluster;
use crate::writes;

/// Holds a claim while Pods use it.
const CLAIM: &str = "kubernetes.io/pvc-protection";
/// Holds a volume while it is bound.
const VOLUME: &str = "kubernetes.io/pv-protection";
/// Objects looked at at a time.
const AT_ONCE: usize = 5;

/// Returns whether a Pod uses a claim, by name or because the claim was made for it.
pub(super) fn uses(pod: &Pod, claim: &str) -> bool {
    let name = pod.metadata.name.as_deref().unwrap_or("");
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    volumes.into_iter().flatten().any(|volume| {
        let named = volume.persistent_volume_claim.as_ref().is_some_and(|it| it.claim_name == claim);
        named || volume.ephemeral.is_some() && format!("{name}-{}", volume.name) == claim
    })
}

/// Returns whether a claim may not go because of a Pod: one that has a node, for others will not get the claim.
fn holds(pod: &Pod, claim: &str) -> bool {
    let placed =
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|it| !it.is_empty());
    placed && uses(pod, claim)
}

/// What is to be done with a finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finalizer {
    Keep,
    Add,
    Remove,
}

fn decide(meta: &ObjectMeta, finalizer: &str, used: bool) -> Finalizer {
    let has = meta.finalizers.as_ref().is_some_and(|all| all.iter().any(|it| it == finalizer));
    match (meta.deletion_timestamp.is_some(), has) {
        (true, true) if !used => Finalizer::Remove,
        (false, false) => Finalizer::Add,
        (true | false, true) | (true, false) => Finalizer::Keep,
    }
}

fn change(meta: &mut ObjectMeta, finalizer: &str, what: Finalizer) -> bool {
    let all = meta.finalizers.get_or_insert_default();
    match what {
        Finalizer::Keep => return false,
        Finalizer::Add => all.push(finalizer.to_owned()),
        Finalizer::Remove => all.retain(|it| it != finalizer),
    }
    true
}

/// Adds the handlers of the controller.
pub(super) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Item> = Queue::default();
    let changed = queue.clone();
    cluster.claims.on_change(move |change| changed.add(Item::Claim(Key::of(&**change.object()))));
    let changed = queue.clone();
    cluster.volumes.on_change(move |change| changed.add(Item::Volume(Key::of(&**change.object()))));
    let (changed, claims) = (queue.clone(), cluster.claims.clone());
    cluster.pods.on_change(move |change| {
        let Change::Deleted(pod) = change else { return };
        for claim in claims.namespace(pod.metadata.namespace.as_deref().unwrap_or("")) {
            let ends = claim.metadata.deletion_timestamp.is_some();
            if ends && uses(pod, claim.metadata.name.as_deref().unwrap_or("")) {
                changed.add(Item::Claim(Key::of(&*claim)));
            }
        }
    });
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let look = move |item| reconcile(Arc::clone(&cluster), item);
    Box::pin(work("volume-protection", queue, AT_ONCE, look, stop))
}

async fn reconcile(cluster: Arc<Cluster>, item: Item) -> Result<Next, CallError> {
    match item {
        Item::Claim(key) => claim(&cluster, &key).await?,
        Item::Volume(key) => {
            let Some(volume) = cluster.volumes.get(&key) else { return Ok(Next::Change) };
            let used = volume.status.as_ref().and_then(|it| it.phase.as_deref()) == Some("Bound");
            let mut volume = (*volume).clone();
            let what = decide(&volume.metadata, VOLUME, used);
            if change(&mut volume.metadata, VOLUME, what) {
                let api: Api<PersistentVolume> = Api::all(cluster.client.clone());
                ignore_missing(writes::replace(&api, &volume).await)?;
            }
        }
    }
    Ok(Next::Change)
}

async fn claim(cluster: &Cluster, key: &Key) -> Result<(), CallError> {
    let Some(claim) = cluster.claims.get(key) else { return Ok(()) };
    let mut claim = (*claim).clone();
    let used = cluster.pods.namespace(&key.namespace).iter().any(|pod| holds(pod, &key.name));
    let what = decide(&claim.metadata, CLAIM, used);
    if what == Finalizer::Remove {
        // The copy may be old, and what is let go of here is data.
        let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &key.namespace);
        let pods = call::<Pod, _>("list", key, api.list(&ListParams::default())).await?;
        if pods.items.iter().any(|pod| holds(pod, &key.name)) {
            return Ok(());
        }
    }
    if change(&mut claim.metadata, CLAIM, what) {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), &key.namespace);
        ignore_missing(writes::replace(&api, &claim).await)?;
    }
    Ok(())
}

fn ignore_missing<T>(written: Result<T, CallError>) -> Result<(), CallError> {
    match written {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finalizers_hold_what_is_used() {
        let meta = |deleting: bool, held: bool| -> ObjectMeta {
            let finalizers = if held { json!(["x", CLAIM]) } else { json!(["x"]) };
            let since = deleting.then_some("2026-01-01T00:00:00Z");
            serde_json::from_value(json!({"finalizers": finalizers, "deletionTimestamp": since}))
                .expect("metadata")
        };
        let table = [
            (false, false, false, Finalizer::Add),
            (false, true, false, Finalizer::Keep),
            (true, true, true, Finalizer::Keep),
            (true, true, false, Finalizer::Remove),
            (true, false, false, Finalizer::Keep),
        ];
        for (deleting, held, used, expected) in table {
            assert_eq!(decide(&meta(deleting, held), CLAIM, used), expected, "{deleting} {held} {used}");
        }
        let mut held = meta(true, true);
        assert!(change(&mut held, CLAIM, Finalizer::Remove));
        assert_eq!(held.finalizers, Some(vec!["x".to_owned()]));
    }

    #[test]
    fn pods_use_claims_by_name_and_by_their_own() {
        let pod = |spec: serde_json::Value| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).expect("a pod")
        };
        let named = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
        let own = json!([{"name": "v", "ephemeral": {}}]);
        let placed = pod(json!({"containers": [], "nodeName": "n", "volumes": named}));
        let unplaced = pod(json!({"containers": [], "volumes": named}));
        assert!(holds(&placed, "data") && !holds(&placed, "other"));
        assert!(!holds(&unplaced, "data") && uses(&unplaced, "data"));
        assert!(uses(&pod(json!({"containers": [], "volumes": own})), "p-v"));
    }
}
