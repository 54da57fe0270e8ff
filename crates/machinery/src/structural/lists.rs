//! Lists that are sets or maps: no item stands twice.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::trail::Trail;
use super::{ListType, Structural};
use crate::field::{FieldError, FieldErrors, Path};

/// Finds items that stand twice.
pub(super) fn duplicates(schema: &Structural, object: &Value, path: &Path) -> FieldErrors {
    let mut errors = Vec::new();
    walk(schema, object, path, &Trail::root(), &mut errors);
    errors
}

fn walk(schema: &Structural, value: &Value, base: &Path, trail: &Trail<'_>, errors: &mut FieldErrors) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(property) = schema.properties.get(name) {
                    walk(property, value, base, &trail.field(name), errors);
                } else if let Some(values) = schema.additional.schema() {
                    walk(values, value, base, &trail.key(name), errors);
                }
            }
        }
        Value::Array(items) => {
            match schema.list_type {
                Some(ListType::Set) => {
                    repeated(items.iter().map(|item| Some(item.clone())), base, trail, errors);
                }
                Some(ListType::Map) => {
                    repeated(items.iter().map(|item| keys_of(schema, item)), base, trail, errors);
                }
                Some(ListType::Atomic) | None => {}
            }
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    walk(schema, item, base, &trail.index(index), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the keys of an item of a list that is a map; nothing if it has none of them.
pub(super) fn keys_of(schema: &Structural, item: &Value) -> Option<Value> {
    let item = item.as_object()?;
    let pairs = schema.list_map_keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
    Some(Value::Object(pairs.collect::<Map<_, _>>()))
}

fn repeated(
    items: impl Iterator<Item = Option<Value>>,
    base: &Path,
    trail: &Trail<'_>,
    errors: &mut FieldErrors,
) {
    let mut seen = HashSet::new();
    let mut told = HashSet::new();
    for (index, item) in items.enumerate() {
        let Some(item) = item else { continue };
        // Maps are sorted by key, so equal items have equal texts.
        let text = item.to_string();
        if !seen.insert(text.clone()) && told.insert(text) {
            errors.push(FieldError::duplicate(&trail.index(index).path(base), item));
        }
    }
}
