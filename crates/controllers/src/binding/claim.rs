//! What a claim needs next.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use super::find::{self, best, capacity, is_reserved, requested};
use super::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, Outcome, PROVISIONER, SELECTED_NODE, Step, Told, annotation,
    class_of_claim, volume,
};

/// What the decision is made from.
pub(super) struct Seen<'a> {
    pub(super) volumes: &'a [Arc<PersistentVolume>],
    /// The class that the claim asks for, if it is there.
    pub(super) class: Option<&'a StorageClass>,
    /// The Pods of the claim's namespace.
    pub(super) pods: &'a [Arc<Pod>],
}

/// Returns what a claim needs next.
pub(super) fn decide(claim: &PersistentVolumeClaim, seen: &Seen<'_>) -> Outcome {
    let name = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or("");
    let volume = seen.volumes.iter().find(|volume| volume.metadata.name.as_deref() == Some(name));
    if annotation(&claim.metadata, BIND_COMPLETED).is_some() {
        return bound(claim, name, volume.map(|volume| &**volume));
    }
    if claim.metadata.deletion_timestamp.is_some() {
        return Outcome::default();
    }
    if name.is_empty() {
        return match best(seen.volumes, claim, waits(seen.class)) {
            Some(volume) => bind(volume, claim),
            None => without_volume(claim, seen),
        };
    }
    let Some(volume) = volume else { return pending(claim) };
    if volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_none()) {
        match find::mismatch(volume, claim) {
            None => bind(volume, claim),
            Some(why) => {
                let message = format!("Cannot bind to requested volume {name:?}: {why}");
                pending(claim).telling(Told::warning("VolumeMismatch", message))
            }
        }
    } else if is_reserved(volume, claim) {
        bind(volume, claim)
    } else {
        let message = format!("volume {name:?} already bound to a different claim.");
        pending(claim).telling(Told::warning("FailedBinding", message))
    }
}

/// Returns whether volumes of a class wait until the scheduler has chosen a node.
fn waits(class: Option<&StorageClass>) -> bool {
    class.is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"))
}

/// Says what a claim waits for that no volume suits, and whose work it is to make one.
fn without_volume(claim: &PersistentVolumeClaim, seen: &Seen<'_>) -> Outcome {
    let name = class_of_claim(claim);
    if name.is_empty() {
        let message = "no persistent volumes available for this claim and no storage class is set";
        return pending(claim).telling(Told::normal("FailedBinding", message));
    }
    let Some(class) = seen.class else {
        let message = format!("storageclass.storage.k8s.io {name:?} not found");
        return pending(claim).telling(Told::warning("ProvisioningFailed", message));
    };
    let node = annotation(&claim.metadata, SELECTED_NODE);
    if waits(seen.class) && node.is_none() {
        return pending(claim).telling(waiting(claim, seen.pods));
    }
    let provisioner = class.provisioner.as_str();
    if PROVISIONER.iter().any(|key| annotation(&claim.metadata, key) != Some(provisioner)) {
        let mut claim = claim.clone();
        let annotations = claim.metadata.annotations.get_or_insert_default();
        annotations.extend(PROVISIONER.map(|key| (key.to_owned(), provisioner.to_owned())));
        return Outcome::step(Some(Step::Claim(claim)));
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
         system administrator. If volume creation is delayed, please verify that the provisioner is running and \
         correctly registered."
    );
    pending(claim).telling(Told::normal("ExternalProvisioning", message))
}

/// Says whose scheduling a claim waits for.
fn waiting(claim: &PersistentVolumeClaim, pods: &[Arc<Pod>]) -> Told {
    let name = claim.metadata.name.as_deref().unwrap_or("");
    let uses = |pod: &&Arc<Pod>| {
        let unplaced =
            pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().unwrap_or("").is_empty());
        unplaced && super::protection::uses(pod, name)
    };
    let names: Vec<&str> = pods.iter().filter(uses).filter_map(|pod| pod.metadata.name.as_deref()).collect();
    match names.as_slice() {
        [] => Told::normal("WaitForFirstConsumer", "waiting for first consumer to be created before binding"),
        [pod] => Told::normal("WaitForPodScheduled", format!("waiting for pod {pod} to be scheduled")),
        pods => Told::normal(
            "WaitForPodScheduled",
            format!("waiting for pods {} to be scheduled", pods.join(",")),
        ),
    }
}

/// Returns what a claim needs that was bound.
fn bound(claim: &PersistentVolumeClaim, name: &str, volume: Option<&PersistentVolume>) -> Outcome {
    if name.is_empty() {
        let message = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
        return lost(claim, Told::warning("ClaimLost", message));
    }
    let Some(volume) = volume else {
        let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        let outcome = lost(claim, Told::warning("ClaimLost", message));
        return Outcome { unless_volume: Some(name.to_owned()), ..outcome };
    };
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    if reference.is_some_and(|reference| reference.uid != claim.metadata.uid) {
        let message = "Two claims are bound to the same volume, this one is bound incorrectly";
        return lost(claim, Told::warning("ClaimMisbound", message));
    }
    let outcome = bind(volume, claim);
    if outcome.step.is_none() && requested(claim) > capacity(volume) {
        let message = "the volume cannot be expanded: it keeps the size it was made with";
        return outcome.telling(Told::warning("VolumeResizeFailed", message));
    }
    outcome
}

/// Returns the next step of putting a claim and a volume together; none if they are.
fn bind(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Outcome {
    let step = reserve(volume, claim)
        .map(Step::Volume)
        .or_else(|| volume::in_phase(volume, "Bound", "").map(Step::VolumeStatus))
        .or_else(|| settle(volume, claim).map(Step::Claim))
        .or_else(|| in_phase(claim, "Bound", Some(volume)).map(Step::ClaimStatus));
    Outcome::step(step)
}

fn reserve(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<PersistentVolume> {
    let reference = volume.spec.as_ref()?.claim_ref.as_ref();
    if reference.is_some_and(|reference| reference.uid == claim.metadata.uid) {
        return None;
    }
    let mut volume = volume.clone();
    if !is_reserved(&volume, claim) {
        let annotations = volume.metadata.annotations.get_or_insert_default();
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
    }
    volume.spec.get_or_insert_default().claim_ref = Some(ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: claim.metadata.namespace.clone(),
        name: claim.metadata.name.clone(),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        field_path: None,
    });
    Some(volume)
}

fn settle(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<PersistentVolumeClaim> {
    let mut new = claim.clone();
    let spec = new.spec.get_or_insert_default();
    let annotations = new.metadata.annotations.get_or_insert_default();
    if spec.volume_name.as_deref().unwrap_or("").is_empty() {
        spec.volume_name.clone_from(&volume.metadata.name);
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
    }
    annotations.insert(BIND_COMPLETED.to_owned(), "yes".to_owned());
    (new != *claim).then_some(new)
}

fn pending(claim: &PersistentVolumeClaim) -> Outcome {
    Outcome::step(in_phase(claim, "Pending", None).map(Step::ClaimStatus))
}

fn lost(claim: &PersistentVolumeClaim, told: Told) -> Outcome {
    match in_phase(claim, "Lost", None) {
        Some(claim) => Outcome::step(Some(Step::ClaimStatus(claim))).telling(told),
        None => Outcome::default(),
    }
}

/// Returns a claim with a phase, and what its volume offers; none if it says so already.
fn in_phase(
    claim: &PersistentVolumeClaim,
    phase: &str,
    volume: Option<&PersistentVolume>,
) -> Option<PersistentVolumeClaim> {
    let mut new = claim.clone();
    let status = new.status.get_or_insert_default();
    status.phase = Some(phase.to_owned());
    let spec = volume.and_then(|volume| volume.spec.as_ref());
    status.access_modes = spec.and_then(|spec| spec.access_modes.clone());
    status.capacity = spec.and_then(|spec| spec.capacity.clone());
    (new.status != claim.status).then_some(new)
}
