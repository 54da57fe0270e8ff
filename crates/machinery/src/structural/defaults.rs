//! Defaulting.

use serde_json::Value;

use super::Structural;

fn wrong_null(value: &Value, schema: &Structural) -> bool {
    value.is_null() && !schema.nullable
}

fn heal(value: &mut Value, schema: &Structural) {
    if let Some(default) = schema.default.as_ref().filter(|_| wrong_null(value, schema)) {
        *value = default.clone();
    }
    default(schema, value);
}

/// Puts in the defaults.
pub(super) fn default(schema: &Structural, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &schema.properties {
                if let Some(value) = map.get_mut(name) {
                    heal(value, property);
                } else if let Some(given) = &property.default {
                    let mut given = given.clone();
                    default(property, &mut given);
                    map.insert(name.clone(), given);
                }
            }
            if let Some(values) = schema.additional.schema() {
                for (name, value) in map.iter_mut() {
                    if !schema.properties.contains_key(name) {
                        heal(value, values);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for item in items {
                    heal(item, schema);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out fields that are null and must not be. Those with a default are not null any more.
pub(super) fn drop_nulls(schema: &Structural, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|name, value| {
            if let Some(property) = schema.properties.get(name) {
                drop_nulls(property, value);
                !wrong_null(value, property)
            } else {
                if let Some(values) = schema.additional.schema() {
                    drop_nulls(values, value);
                }
                true
            }
        }),
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for item in items {
                    drop_nulls(schema, item);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
