//! The columns of classes of storage and of the drivers that provide it.

use serde_json::Value;

use super::read::{Read, join, or, scalar, strings};
use super::{Column, Columns, age};

/// The annotations that make a class of storage the one that claims get which name none.
const DEFAULT_STORAGE: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// The same for classes of attributes.
const DEFAULT_ATTRIBUTES: [&str; 1] = ["volumeattributesclass.alpha.kubernetes.io/is-default-class"];

/// Returns the columns of a kind of this file.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "StorageClass" => &STORAGE_CLASS,
        "VolumeAttributesClass" => &ATTRIBUTES_CLASS,
        "VolumeAttachment" => &ATTACHMENT,
        "CSIDriver" => &DRIVER,
        "CSINode" => &DRIVER_NODE,
        "CSIStorageCapacity" => &CAPACITY,
        _ => return None,
    })
}

static STORAGE_CLASS: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Provisioner", "What makes its volumes."),
        Column::text("ReclaimPolicy", "What becomes of a volume when its claim goes."),
        Column::text("VolumeBindingMode", "When volumes are made."),
        Column::text("AllowVolumeExpansion", "Whether volumes can grow."),
        Column::age(),
    ],
    |class, now| {
        vec![
            name(class, &DEFAULT_STORAGE).into(),
            class.text("provisioner").into(),
            class.at("reclaimPolicy").as_str().unwrap_or("Delete").into(),
            class.at("volumeBindingMode").as_str().unwrap_or("Immediate").into(),
            class.truth("allowVolumeExpansion").into(),
            age::of(class, now).into(),
        ]
    },
);

static ATTRIBUTES_CLASS: Columns = Columns::known(
    &[Column::name(), Column::text("DriverName", "The driver that knows the attributes."), Column::age()],
    |class, now| {
        vec![
            name(class, &DEFAULT_ATTRIBUTES).into(),
            class.text("driverName").into(),
            age::of(class, now).into(),
        ]
    },
);

fn name(class: &Value, annotations: &[&str]) -> String {
    let set = class.map("metadata.annotations");
    let says = |key: &&str| set.and_then(|set| set.get(*key)).and_then(Value::as_str) == Some("true");
    let mark = if annotations.iter().any(says) { " (default)" } else { "" };
    format!("{}{mark}", class.text("metadata.name"))
}

static ATTACHMENT: Columns = Columns::known(
    &[
        Column::name(),
        Column::full("Attacher", "string", "name", "The driver that attaches the volume.", 0),
        Column::text("PV", "The volume."),
        Column::text("Node", "The node it is attached to."),
        Column::boolean("Attached", "Whether it is attached."),
        Column::age(),
    ],
    |attachment, now| {
        let spec = attachment.at("spec");
        vec![
            attachment.text("metadata.name").into(),
            spec.text("attacher").into(),
            spec.text("source.persistentVolumeName").into(),
            spec.text("nodeName").into(),
            attachment.truth("status.attached").into(),
            age::of(attachment, now).into(),
        ]
    },
);

static DRIVER: Columns = Columns::known(
    &[
        Column::name(),
        Column::boolean("AttachRequired", "Whether volumes are attached before they are mounted."),
        Column::boolean("PodInfoOnMount", "Whether the driver is told of the Pod."),
        Column::boolean("StorageCapacity", "Whether the driver says how much room there is."),
        Column::text("TokenRequests", "The audiences of the tokens the driver gets."),
        Column::boolean("RequiresRepublish", "Whether the driver wants to be asked again and again."),
        Column::text("Modes", "How long its volumes can live."),
        Column::age(),
    ],
    |driver, now| {
        let spec = driver.at("spec");
        let tokens = spec.at("tokenRequests").as_array();
        let audiences = tokens.map(|tokens| join(tokens.iter().map(|token| token.text("audience")), ","));
        vec![
            driver.text("metadata.name").into(),
            spec.at("attachRequired").as_bool().unwrap_or(true).into(),
            spec.truth("podInfoOnMount").into(),
            spec.truth("storageCapacity").into(),
            audiences.unwrap_or_else(|| "<unset>".to_owned()).into(),
            spec.truth("requiresRepublish").into(),
            or(&strings(spec.list("volumeLifecycleModes")), "<none>").into(),
            age::of(driver, now).into(),
        ]
    },
);

static DRIVER_NODE: Columns = Columns::known(
    &[Column::name(), Column::integer("Drivers", "How many drivers run on the node."), Column::age()],
    |node, now| {
        vec![
            node.text("metadata.name").into(),
            node.list("spec.drivers").len().into(),
            age::of(node, now).into(),
        ]
    },
);

static CAPACITY: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("StorageClassName", "The class there is room for."),
        Column::text("Capacity", "How much room there is."),
    ],
    |capacity, _| {
        vec![
            capacity.text("metadata.name").into(),
            capacity.text("storageClassName").into(),
            scalar(capacity.at("capacity"), "<unset>").into(),
        ]
    },
);
