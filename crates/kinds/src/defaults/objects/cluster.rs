//! Namespaces, nodes, service accounts, tokens and priorities.

use serde_json::{Value, json};
use stanchion_machinery::meta::{self, object_mut};

use super::fields::{self, child, fill, fill_absent};

/// The finalizer that makes a namespace wait for its content.
const KUBERNETES: &str = "kubernetes";

/// Labels a named namespace with its name and says that it is active.
pub(super) fn apply_namespace(object: &mut Value) {
    let name = meta::name(object).to_owned();
    if !name.is_empty() {
        let labels = meta::metadata_mut(object).entry("labels").or_insert(Value::Null);
        object_mut(labels).insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
    fill(child(object, "status"), "phase", "Active");
}

/// Makes a new namespace active and waiting for its content when it is deleted.
pub(super) fn prepare_namespace(object: &mut Value) {
    object_mut(object).insert("status".to_owned(), json!({ "phase": "Active" }));
    let finalizers = child(object, "spec").entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut() {
        if !list.iter().any(|name| name == KUBERNETES) {
            list.push(KUBERNETES.into());
        }
    } else {
        *finalizers = json!([KUBERNETES]);
    }
}

/// Keeps the finalizers of a namespace, which only its `finalize` subresource changes.
pub(super) fn keep_finalizers(new: &mut Value, old: &Value) {
    let spec = child(new, "spec");
    match old.get("spec").and_then(|spec| spec.get("finalizers")) {
        Some(finalizers) => drop(spec.insert("finalizers".to_owned(), finalizers.clone())),
        None => drop(spec.remove("finalizers")),
    }
}

/// Lets pods have all of a node that says nothing else.
pub(super) fn apply_node(object: &mut Value) {
    let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) else { return };
    if let Some(capacity) = status.get("capacity").filter(|capacity| capacity.is_object()).cloned() {
        fill_absent(status, "allocatable", capacity);
    }
}

/// Keeps only the names of the secrets of a service account.
pub(super) fn keep_secret_names(object: &mut Value) {
    for secret in fields::items(object_mut(object), "secrets") {
        secret.retain(|key, _| key == "name");
    }
}

/// Lets a token live for an hour.
pub(super) fn apply_token_request(object: &mut Value) {
    fill_absent(child(object, "spec"), "expirationSeconds", 3600);
}

/// Lets pods of a priority class push others out.
pub(super) fn apply_priority_class(object: &mut Value) {
    fill_absent(object_mut(object), "preemptionPolicy", "PreemptLowerPriority");
}

/// Drops what only coordinated leader election uses, which is off unless it was used before.
pub(super) fn drop_coordination(object: &mut Value, old: Option<&Value>) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    for key in ["strategy", "preferredHolder"] {
        let was_used = old.is_some_and(|old| old.get("spec").is_some_and(|spec| spec.get(key).is_some()));
        if !was_used {
            spec.remove(key);
        }
    }
}
