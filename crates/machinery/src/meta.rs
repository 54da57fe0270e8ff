//! The metadata of an object, read and written in place.

use serde_json::{Map, Value};

/// Returns a string of the metadata, empty if there is none.
pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or("")
}

/// Returns `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// Returns `metadata.namespace`.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// Returns `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// Returns `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

/// Returns `metadata.generation`, 0 if there is none.
pub fn generation(object: &Value) -> i64 {
    object.get("metadata").and_then(|m| m.get("generation")).and_then(Value::as_i64).unwrap_or(0)
}

/// Returns whether the object is being deleted.
pub fn is_deleting(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// Returns the labels or annotations (`key`), if there are any.
pub fn map<'a>(object: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_object)
}

/// Returns the strings of a list in the metadata, such as `finalizers`.
pub fn strings<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let list = object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the metadata for writing, made if there is none. A value that is no object becomes one.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    object_mut(object_mut(object).entry("metadata").or_insert_with(|| Value::Object(Map::new())))
}

/// Sets a field of the metadata; an empty string or null takes it out.
pub fn set(object: &mut Value, key: &str, value: impl Into<Value>) {
    let value = value.into();
    let metadata = metadata_mut(object);
    if value.is_null() || value.as_str() == Some("") {
        metadata.remove(key);
    } else {
        metadata.insert(key.to_owned(), value);
    }
}

/// Returns a value as a map, turned into an empty one if it is anything else.
pub fn object_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made one above")
}
