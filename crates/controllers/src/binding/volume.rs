//! What a volume needs next.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::{BOUND_BY_CONTROLLER, Outcome, PROVISIONED_BY, Step, Told, annotation, claim_key};

/// Returns what a volume needs next. `claim` is the one that it is reserved for by name, if it is there.
pub(super) fn decide(volume: &PersistentVolume, claim: Option<&PersistentVolumeClaim>) -> Outcome {
    let available = || Outcome::step(in_phase(volume, "Available", "").map(Step::VolumeStatus));
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let (Some(reference), Some(key)) = (reference, claim_key(volume)) else { return available() };
    let Some(uid) = reference.uid.clone().filter(|uid| !uid.is_empty()) else { return available() };
    let Some(claim) = claim.filter(|claim| claim.metadata.uid.as_ref() == Some(&uid)) else {
        return Outcome { unless_claim: Some((key, uid)), ..released(volume) };
    };
    let wanted = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or("");
    if wanted.is_empty() {
        // The claim is looked at as well, and takes it.
        Outcome::default()
    } else if Some(wanted) == volume.metadata.name.as_deref() {
        Outcome::step(in_phase(volume, "Bound", "").map(Step::VolumeStatus))
    } else if annotation(&volume.metadata, PROVISIONED_BY).is_some() && policy(volume) == "Delete" {
        // It was made for this claim, which has taken another.
        released(volume)
    } else {
        Outcome::step(Some(Step::Volume(unbound(volume))))
    }
}

fn policy(volume: &PersistentVolume) -> &str {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    policy.unwrap_or("Retain")
}

/// Returns what becomes of a volume whose claim is gone.
fn released(volume: &PersistentVolume) -> Outcome {
    let name = volume.metadata.name.as_deref().unwrap_or("");
    let refused = match policy(volume) {
        "Recycle" => {
            Some(("VolumeFailedRecycle", "recycling is not supported; use Retain or Delete".to_owned()))
        }
        "Delete" if annotation(&volume.metadata, PROVISIONED_BY).is_none() => {
            let why = format!(
                "error getting deleter volume plugin for volume {name:?}: no deletable volume plugin matched"
            );
            Some(("VolumeFailedDelete", why))
        }
        _ => None,
    };
    let failed = volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
    match refused {
        Some((reason, message)) => match in_phase(volume, "Failed", &message) {
            Some(volume) => {
                Outcome::step(Some(Step::VolumeStatus(volume))).telling(Told::warning(reason, message))
            }
            None => Outcome::default(),
        },
        // That its deletion failed is for people to see.
        None if failed => Outcome::default(),
        None => Outcome::step(in_phase(volume, "Released", "").map(Step::VolumeStatus)),
    }
}

/// Returns a volume that is reserved no longer, or reserved by name alone as a person did it.
fn unbound(volume: &PersistentVolume) -> PersistentVolume {
    let mut volume = volume.clone();
    let own = volume.metadata.annotations.as_mut().and_then(|all| all.remove(BOUND_BY_CONTROLLER));
    let spec = volume.spec.get_or_insert_default();
    if own.is_some() {
        spec.claim_ref = None;
    } else if let Some(reference) = &mut spec.claim_ref {
        reference.uid = None;
    }
    volume
}

/// Returns a volume with a phase; none if it says so already.
pub(super) fn in_phase(volume: &PersistentVolume, phase: &str, message: &str) -> Option<PersistentVolume> {
    let mut new = volume.clone();
    let status = new.status.get_or_insert_default();
    status.phase = Some(phase.to_owned());
    status.message = Some(message.to_owned()).filter(|message| !message.is_empty());
    status.reason = None;
    (new.status != volume.status).then_some(new)
}
