//! Gives the claims of a Pod their volumes, or has volumes made, and waits for it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use stanchion_informers::Key;
use stanchion_scheduler_core::{ClaimKey, VolumePlan};
use tokio::time::{Duration, timeout};

use super::{Context, DeedError};
use crate::convert::{BIND_COMPLETED, SELECTED_NODE};

/// Says that the scheduler chose the volume, not the user.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// How long the volumes of a Pod may take.
const DEADLINE: Duration = Duration::from_mins(10);

/// Carries out a plan on a node and waits until all of its claims are bound.
pub(super) async fn provide(context: &Context, node: &Arc<str>, plan: &VolumePlan) -> Result<(), DeedError> {
    if plan.is_empty() {
        return Ok(());
    }
    for (claim, volume) in &plan.bind {
        promise(context, claim, volume).await?;
    }
    for claim in &plan.provision {
        select(context, claim, node).await?;
    }
    match timeout(DEADLINE, bound(context, plan)).await {
        Ok(result) => result,
        Err(_) => Err(DeedError::NotBoundInTime { deadline: DEADLINE }),
    }
}

fn find(context: &Context, claim: &ClaimKey) -> Result<Arc<PersistentVolumeClaim>, DeedError> {
    let (namespace, name) = claim;
    let found = context.claims.get(&Key::new(namespace.as_ref(), name.as_ref()));
    found.ok_or_else(|| DeedError::Gone { kind: "claim", name: name.to_string() })
}

/// Writes a claim into a volume, if the volume is still what it was.
async fn promise(context: &Context, claim: &ClaimKey, volume: &Arc<str>) -> Result<(), DeedError> {
    let object = find(context, claim)?;
    let current = context.volumes.get(&Key::cluster(volume.as_ref()));
    let current = current.ok_or_else(|| DeedError::Gone { kind: "volume", name: volume.to_string() })?;
    let (namespace, name) = claim;
    let patch = json!({
        "metadata": {
            "resourceVersion": current.metadata.resource_version,
            "annotations": {BOUND_BY_CONTROLLER: "yes"},
        },
        "spec": {"claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": &**namespace,
            "name": &**name,
            "uid": object.metadata.uid,
            "resourceVersion": object.metadata.resource_version,
        }},
    });
    let api: Api<PersistentVolume> = Api::all(context.client.clone());
    let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
    context.request("promise a volume to a claim", api.patch(volume, &params, &patch)).await.map(drop)
}

/// Writes the node into a claim, so that its volume is made for it.
async fn select(context: &Context, claim: &ClaimKey, node: &Arc<str>) -> Result<(), DeedError> {
    let (namespace, name) = claim;
    let uid = find(context, claim)?.metadata.uid.clone();
    let patch = json!({"metadata": {"uid": uid, "annotations": {SELECTED_NODE: &**node}}});
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
    context.request("choose the node of a claim", api.patch(name, &params, &patch)).await.map(drop)
}

/// Waits until all claims are bound.
async fn bound(context: &Context, plan: &VolumePlan) -> Result<(), DeedError> {
    let mut storage = context.storage.clone();
    let mut asked = vec![false; plan.provision.len()];
    loop {
        storage.mark_unchanged();
        let mut all = true;
        for (claim, _) in &plan.bind {
            all &= is_bound(&*find(context, claim)?);
        }
        for (claim, asked) in plan.provision.iter().zip(&mut asked) {
            let object = find(context, claim)?;
            let selected =
                object.metadata.annotations.as_ref().is_some_and(|n| n.contains_key(SELECTED_NODE));
            let done = is_bound(&object);
            // Taken away by the provisioner after it was seen there: it cannot be made for that node.
            if *asked && !selected && !done {
                return Err(DeedError::NotProvisioned { claim: claim.1.to_string() });
            }
            *asked |= selected;
            all &= done;
        }
        if all {
            return Ok(());
        }
        storage.changed().await.map_err(|_| DeedError::Stopped)?;
    }
}

fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let named = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    let noted = claim.metadata.annotations.as_ref().is_some_and(|notes| notes.contains_key(BIND_COMPLETED));
    noted && named.is_some_and(|name| !name.is_empty())
}
