//! What is asked of objects within objects.

use serde_json::Value;

use super::Structural;
use super::trail::Trail;
use crate::field::{FieldError, FieldErrors, Path};

/// Checks that embedded objects have an `apiVersion` and a `kind`.
pub(super) fn validate(schema: &Structural, object: &Value, path: &Path) -> FieldErrors {
    let mut errors = Vec::new();
    if has_embedded(schema) {
        walk(schema, object, path, &Trail::root(), &mut errors);
    }
    errors
}

fn has_embedded(schema: &Structural) -> bool {
    schema.embedded_resource
        || schema.properties.values().any(has_embedded)
        || schema.items.as_deref().is_some_and(has_embedded)
        || schema.additional.schema().is_some_and(has_embedded)
}

fn walk(schema: &Structural, value: &Value, base: &Path, trail: &Trail<'_>, errors: &mut FieldErrors) {
    match value {
        Value::Object(map) => {
            if schema.embedded_resource {
                for name in ["apiVersion", "kind"] {
                    if map.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                        let path = trail.field(name).path(base);
                        errors.push(FieldError::required(&path, "must not be empty"));
                    }
                }
            }
            for (name, value) in map {
                if let Some(property) = schema.properties.get(name) {
                    walk(property, value, base, &trail.field(name), errors);
                } else if let Some(values) = schema.additional.schema() {
                    walk(values, value, base, &trail.key(name), errors);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    walk(schema, item, base, &trail.index(index), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
