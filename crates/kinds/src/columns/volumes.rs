//! The columns of volumes and of claims to them.

use serde_json::Value;

use super::read::{Read, or, scalar};
use super::{Column, Columns, age};

/// The annotation that named the class before there was a field for it.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) static VOLUME: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Capacity", "How much it holds."),
        Column::text("Access Modes", "How it can be mounted."),
        Column::text("Reclaim Policy", "What becomes of it when its claim goes."),
        Column::text("Status", "Whether it is bound."),
        Column::text("Claim", "The claim it is bound to."),
        Column::text("StorageClass", "The class it belongs to."),
        Column::text("VolumeAttributesClass", "The class of its attributes."),
        Column::text("Reason", "Why it is in this state."),
        Column::age(),
        Column::wide("VolumeMode", "Whether it is a file system or a device."),
    ],
    |volume, now| {
        let spec = volume.at("spec");
        vec![
            volume.text("metadata.name").into(),
            scalar(spec.at("capacity.storage"), "0").into(),
            access_modes(spec.list("accessModes")).into(),
            spec.text("persistentVolumeReclaimPolicy").into(),
            phase(volume).into(),
            claim(spec.at("claimRef")).into(),
            class(volume).into(),
            attributes_class(spec).into(),
            volume.text("status.reason").into(),
            age::of(volume, now).into(),
            mode(spec).into(),
        ]
    },
);

pub(super) static CLAIM: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Status", "Whether it is bound."),
        Column::text("Volume", "The volume it is bound to."),
        Column::text("Capacity", "How much the volume holds."),
        Column::text("Access Modes", "How the volume can be mounted."),
        Column::text("StorageClass", "The class the volume is from."),
        Column::text("VolumeAttributesClass", "The class of the attributes of the volume."),
        Column::age(),
        Column::wide("VolumeMode", "Whether the volume is a file system or a device."),
    ],
    |claim, now| {
        let (spec, status) = (claim.at("spec"), claim.at("status"));
        let volume = spec.text("volumeName");
        let (capacity, modes) = if volume.is_empty() {
            (String::new(), String::new())
        } else {
            (scalar(status.at("capacity.storage"), "0"), access_modes(status.list("accessModes")))
        };
        vec![
            claim.text("metadata.name").into(),
            phase(claim).into(),
            volume.into(),
            capacity.into(),
            modes.into(),
            class(claim).into(),
            attributes_class(spec).into(),
            age::of(claim, now).into(),
            mode(spec).into(),
        ]
    },
);

fn phase(object: &Value) -> &str {
    if object.at("metadata.deletionTimestamp").is_null() {
        object.text("status.phase")
    } else {
        "Terminating"
    }
}

fn claim(claim: &Value) -> String {
    if !claim.is_object() {
        return String::new();
    }
    format!("{}/{}", claim.text("namespace"), claim.text("name"))
}

fn class(object: &Value) -> &str {
    let annotation = object.map("metadata.annotations").and_then(|annotations| annotations.get(CLASS));
    annotation.and_then(Value::as_str).unwrap_or_else(|| object.text("spec.storageClassName"))
}

fn attributes_class(spec: &Value) -> &str {
    spec.at("volumeAttributesClassName").as_str().unwrap_or("<unset>")
}

fn mode(spec: &Value) -> &str {
    or(spec.text("volumeMode"), "<unset>")
}

/// Returns the short names of access modes, each once and in one order.
fn access_modes(modes: &[Value]) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let present = |long: &str| modes.iter().any(|mode| mode.as_str() == Some(long));
    let found: Vec<&str> =
        short.into_iter().filter(|&(long, _)| present(long)).map(|(_, short)| short).collect();
    found.join(",")
}
