//! Limit ranges: limits and requests of containers that follow from each other.

use serde_json::{Map, Value};

use super::fields::{child, items, text};

/// Fills in the default limits from the maxima, and the default requests from the default limits and the minima.
pub(super) fn apply(object: &mut Value) {
    for limit in items(child(object, "spec"), "limits") {
        if text(limit, "type") == "Container" {
            complete(limit, "max", "default");
            complete(limit, "default", "defaultRequest");
            complete(limit, "min", "defaultRequest");
        }
    }
}

fn complete(limit: &mut Map<String, Value>, from: &str, to: &str) {
    let Some(source) = limit.get(from).and_then(Value::as_object).filter(|map| !map.is_empty()).cloned()
    else {
        return;
    };
    let target = limit.entry(to).or_insert_with(|| Value::Object(Map::new()));
    if let Some(target) = target.as_object_mut() {
        for (resource, quantity) in source {
            target.entry(resource).or_insert(quantity);
        }
    }
}
