//! Who owns the replicas: the same entries seen from the object and from its scale.
//!
//! A scale has no owners of its own. What is recorded is the object's; for an apply it is turned into what the
//! scale would have, and the outcome is turned back.

use serde_json::json;
use stanchion_machinery::{Value, meta};

/// The version of a `Scale`.
pub(super) const SCALE_VERSION: &str = "autoscaling/v1";

/// Returns the owners of the scale: those entries of the object that own its replicas.
pub(super) fn of_scale(object: &Value, replicas: &str) -> Value {
    let owners = entries(object).filter(|entry| owns(entry, replicas)).map(|entry| {
        let mut entry = entry.clone();
        entry["apiVersion"] = json!(SCALE_VERSION);
        entry["fieldsV1"] = json!({"f:spec": {"f:replicas": {}}});
        entry
    });
    Value::Array(owners.collect())
}

/// Returns the owners of the object after those of its scale have changed.
pub(super) fn of_object(object: &Value, scale: &Value, replicas: &str, api_version: &str) -> Value {
    let remaining: Vec<&Value> = entries(scale).filter(|entry| owns(entry, "/spec/replicas")).collect();
    let same = |a: &Value, b: &Value| {
        ["manager", "operation", "subresource"].iter().all(|key| a.get(key) == b.get(key))
    };
    let mut owners = Vec::new();
    for entry in entries(object) {
        let mut entry = entry.clone();
        if owns(&entry, replicas) && !remaining.iter().any(|scale| same(scale, &entry)) {
            disown(&mut entry["fieldsV1"], &keys(replicas));
        }
        if entry["fieldsV1"].as_object().is_some_and(|fields| !fields.is_empty()) {
            owners.push(entry);
        }
    }
    let known = |new: &Value| entries(object).any(|entry| owns(entry, replicas) && same(entry, new));
    for new in remaining.iter().filter(|new| !known(new)) {
        let mut entry = (*new).clone();
        entry["apiVersion"] = json!(api_version);
        entry["fieldsV1"] = keys(replicas).iter().rev().fold(json!({}), |inner, key| json!({ key: inner }));
        owners.push(entry);
    }
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("").to_owned();
    owners.sort_by_cached_key(|entry| ["operation", "time", "manager"].map(|key| text(entry, key)));
    Value::Array(owners)
}

fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    let metadata = object.get("metadata").and_then(|metadata| metadata.get("managedFields"));
    metadata.and_then(Value::as_array).into_iter().flatten()
}

fn keys(pointer: &str) -> Vec<String> {
    pointer.split('/').filter(|key| !key.is_empty()).map(|key| format!("f:{key}")).collect()
}

fn owns(entry: &Value, replicas: &str) -> bool {
    let fields = entry.get("fieldsV1");
    keys(replicas).iter().try_fold(fields, |at, key| at.map(|at| at.get(key))).flatten().is_some()
}

/// Takes a path out of a set, with everything on the way that is empty then.
fn disown(fields: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let map = meta::object_mut(fields);
    if let Some(inner) = map.get_mut(first).filter(|_| !rest.is_empty()) {
        disown(inner, rest);
        if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
            return;
        }
    }
    map.remove(first);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &Value) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn replicas_move_from_the_object_to_who_scales() {
        let fields = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        let creator =
            json!({"manager": "a", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields});
        let only = json!({"manager": "b", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        let old = object(&json!([creator, only]));
        let seen = of_scale(&old, "/spec/replicas");
        assert_eq!(seen[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(seen[1]["apiVersion"], SCALE_VERSION);
        let unchanged = of_object(&old, &object(&seen), "/spec/replicas", "apps/v1");
        assert_eq!(unchanged, old["metadata"]["managedFields"]);
        let taken = json!([{
            "manager": "c", "operation": "Apply", "apiVersion": SCALE_VERSION, "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }]);
        let moved = of_object(&old, &object(&taken), "/spec/replicas", "apps/v1");
        assert_eq!(moved.as_array().map(Vec::len), Some(2), "an owner of nothing else is gone");
        assert_eq!((&moved[0]["manager"], &moved[0]["apiVersion"]), (&json!("c"), &json!("apps/v1")));
        assert_eq!(moved[1]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
    }
}
