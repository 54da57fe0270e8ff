//! Which volume suits a claim.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec};
use serde_json::json;
use stanchion_machinery::quantity::Quantity;
use stanchion_machinery::selector::Labels;

use super::{class_of_claim, class_of_volume};

const STORAGE: &str = "storage";
const FILESYSTEM: &str = "Filesystem";

/// Returns whether a volume is reserved for a claim, by name or by uid.
pub(super) fn is_reserved(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(reference) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else { return false };
    let uid = reference.uid.as_deref().unwrap_or("");
    reference.name == claim.metadata.name
        && reference.namespace == claim.metadata.namespace
        && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
}

/// Returns how much a claim asks for.
pub(super) fn requested(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    Quantity::parse(&requests.get(STORAGE)?.0).ok()
}

/// Returns how much a volume holds.
pub(super) fn capacity(volume: &PersistentVolume) -> Option<Quantity> {
    let capacity = volume.spec.as_ref()?.capacity.as_ref()?;
    Quantity::parse(&capacity.get(STORAGE)?.0).ok()
}

/// Returns why a volume that was asked for by name cannot be had.
pub(super) fn mismatch(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<&'static str> {
    let spec = claim.spec.as_ref()?;
    if capacity(volume) < requested(claim) {
        Some("requested PV is too small")
    } else if class_of_volume(volume) != class_of_claim(claim) {
        Some("storageClassName does not match")
    } else if !same_attributes(volume, spec) {
        Some("volumeAttributesClassName does not match")
    } else if mode(volume) != spec.volume_mode.as_deref().unwrap_or(FILESYSTEM) {
        Some("incompatible volumeMode")
    } else if !offers_modes(volume, spec) {
        Some("incompatible accessMode")
    } else {
        None
    }
}

/// Returns the volume for a claim: the one reserved for it, or else the smallest that is free and large enough.
///
/// Of a class whose volumes wait for their first consumer only reserved ones are taken: the scheduler chooses.
pub(super) fn best<'a>(
    volumes: &'a [Arc<PersistentVolume>],
    claim: &PersistentVolumeClaim,
    waits: bool,
) -> Option<&'a Arc<PersistentVolume>> {
    let spec = claim.spec.as_ref()?;
    let suits = |volume: &&Arc<PersistentVolume>| {
        volume.metadata.deletion_timestamp.is_none()
            && capacity(volume) >= requested(claim)
            && mode(volume) == spec.volume_mode.as_deref().unwrap_or(FILESYSTEM)
            && same_attributes(volume, spec)
    };
    if let Some(reserved) = volumes.iter().filter(suits).find(|volume| is_reserved(volume, claim)) {
        return Some(reserved);
    }
    if waits {
        return None;
    }
    let selector = spec.selector.as_ref().map(|selector| Labels::from_object(&json!(selector)));
    let selects = |volume: &PersistentVolume| match &selector {
        None => true,
        Some(Ok(selector)) => {
            let labels = volume.metadata.labels.as_ref();
            selector.matches(|key| labels.and_then(|labels| labels.get(key)).map(String::as_str))
        }
        Some(Err(_)) => false,
    };
    let free = volumes.iter().filter(suits).filter(|volume| {
        volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_none())
            && class_of_volume(volume) == class_of_claim(claim)
            && offers_modes(volume, spec)
            && selects(volume)
    });
    free.min_by_key(|volume| (modes(volume).len(), capacity(volume), volume.metadata.name.clone()))
}

fn mode(volume: &PersistentVolume) -> &str {
    volume.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref()).unwrap_or(FILESYSTEM)
}

fn modes(volume: &PersistentVolume) -> &[String] {
    volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default()
}

fn offers_modes(volume: &PersistentVolume, spec: &PersistentVolumeClaimSpec) -> bool {
    spec.access_modes.iter().flatten().all(|wanted| modes(volume).contains(wanted))
}

fn same_attributes(volume: &PersistentVolume, spec: &PersistentVolumeClaimSpec) -> bool {
    let name = |name: Option<&String>| name.cloned().unwrap_or_default();
    let own = volume.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_ref());
    name(own) == name(spec.volume_attributes_class_name.as_ref())
}
