//! Persistent volumes and claims.

use serde_json::{Map, Value, json};
use stanchion_machinery::meta::object_mut;

use super::fields::{child, fill, fill_absent, text};

/// Fills in phase, reclaim policy and mode of a volume.
pub(super) fn apply_volume(object: &mut Value) {
    fill(child(object, "status"), "phase", "Pending");
    let spec = child(object, "spec");
    fill(spec, "persistentVolumeReclaimPolicy", "Retain");
    fill_absent(spec, "volumeMode", "Filesystem");
    if let Some(path) = spec.get_mut("hostPath").and_then(Value::as_object_mut) {
        fill_absent(path, "type", "");
    }
}

/// Fills in phase and mode of a claim.
pub(super) fn apply_claim(object: &mut Value) {
    fill(child(object, "status"), "phase", "Pending");
    fill_absent(child(object, "spec"), "volumeMode", "Filesystem");
}

/// Makes a new volume or claim pending.
pub(super) fn reset_phase(object: &mut Value) {
    object_mut(object).insert("status".to_owned(), json!({ "phase": "Pending" }));
}

/// Makes `dataSource` and `dataSourceRef` of a claim say the same, where only one is given.
pub(super) fn normalize_sources(object: &mut Value, old: Option<&Value>) {
    let was_in_use = old.is_some_and(|old| {
        old.get("spec")
            .is_some_and(|spec| is_set(spec.get("dataSource")) || is_set(spec.get("dataSourceRef")))
    });
    let spec = child(object, "spec");
    if !was_in_use && spec.get("dataSource").is_some_and(|source| !is_claim_or_snapshot(source)) {
        spec.remove("dataSource");
    }
    let (source, reference) = (is_set(spec.get("dataSource")), is_set(spec.get("dataSourceRef")));
    let is_foreign = spec
        .get("dataSourceRef")
        .and_then(Value::as_object)
        .is_some_and(|r| !text(r, "namespace").is_empty());
    if is_foreign || source == reference {
        return;
    }
    let (from, to) = if source { ("dataSource", "dataSourceRef") } else { ("dataSourceRef", "dataSource") };
    let copy: Option<Map<String, Value>> = spec.get(from).and_then(Value::as_object).map(|fields| {
        fields.iter().filter(|(key, _)| *key != "namespace").map(|(k, v)| (k.clone(), v.clone())).collect()
    });
    if let Some(copy) = copy {
        spec.insert(to.to_owned(), Value::Object(copy));
    }
}

fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_object)
}

fn is_claim_or_snapshot(source: &Value) -> bool {
    let group = source.get("apiGroup").and_then(Value::as_str).unwrap_or("");
    let kind = source.get("kind").and_then(Value::as_str).unwrap_or("");
    matches!((group, kind), ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot"))
}
