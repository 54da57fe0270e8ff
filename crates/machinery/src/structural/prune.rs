//! Pruning: taking out what a schema does not know.

use serde_json::Value;

use super::Structural;
use super::trail::Trail;

/// The fields of `ObjectMeta`; nothing else survives in the metadata of an object.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Prunes a value; `resource` says that it has `apiVersion`, `kind` and `metadata`.
pub(super) fn prune(schema: &Structural, value: &mut Value, resource: bool) -> Vec<String> {
    let mut pruned = Vec::new();
    walk(Some(schema), value, resource, &Trail::root(), &mut pruned);
    pruned.sort();
    pruned
}

fn walk(
    schema: Option<&Structural>,
    value: &mut Value,
    resource: bool,
    trail: &Trail<'_>,
    out: &mut Vec<String>,
) {
    let keeps = schema.is_some_and(|s| s.preserve_unknown);
    match value {
        Value::Object(map) => map.retain(|key, value| {
            let here = trail.field(key);
            if resource && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                if key == "metadata" {
                    metadata(value, &here, out);
                }
                return true;
            }
            if let Some(property) = schema.and_then(|s| s.properties.get(key)) {
                walk(Some(property), value, property.embedded_resource, &here, out);
                return true;
            }
            match schema.map(|s| &s.additional) {
                Some(super::Additional::Schema(values)) => {
                    walk(Some(values), value, values.embedded_resource, &here, out);
                    true
                }
                Some(super::Additional::Allowed(true)) if !keeps => {
                    walk(None, value, false, &here, out);
                    true
                }
                Some(super::Additional::Allowed(_) | super::Additional::Undefined) | None => {
                    if !keeps {
                        out.push(here.text());
                    }
                    keeps
                }
            }
        }),
        Value::Array(items) => {
            let schema = schema.and_then(|s| s.items.as_deref());
            if schema.is_none() && keeps {
                return;
            }
            for (index, item) in items.iter_mut().enumerate() {
                let embedded = schema.is_some_and(|s| s.embedded_resource);
                walk(schema, item, embedded, &trail.index(index), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn metadata(value: &mut Value, trail: &Trail<'_>, out: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    map.retain(|key, _| {
        let known = METADATA.binary_search(&key.as_str()).is_ok();
        if !known {
            out.push(trail.field(key).text());
        }
        known
    });
}
