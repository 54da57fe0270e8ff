//! JSON merge patch, RFC 7386.

use serde_json::{Map, Value};

/// Applies a merge patch. Null takes a field out.
///
/// Unlike the RFC, and like the server, nulls are also taken out of objects in lists that are new.
pub fn apply_merge(document: &mut Value, patch: Value) {
    match (document, patch) {
        (Value::Object(map), Value::Object(patch)) => merge_map(map, patch),
        (document, mut patch) => {
            if !document.is_object() {
                prune(&mut patch);
            }
            *document = patch;
        }
    }
}

fn merge_map(map: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            map.remove(&key);
        } else {
            apply_merge(map.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
