//! Fields of an object, read without ever failing: what is not there is empty.

use serde_json::Value;

static NULL: Value = Value::Null;

/// Returns a field, null if there is none.
pub(crate) fn get<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&NULL)
}

/// Returns a string, empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    get(value, key).as_str().unwrap_or("")
}

/// Returns a number, if there is one.
pub(crate) fn int(value: &Value, key: &str) -> Option<i64> {
    get(value, key).as_i64()
}

/// Returns a number, 0 if there is none.
pub(crate) fn int_or_zero(value: &Value, key: &str) -> i64 {
    int(value, key).unwrap_or(0)
}

/// Returns the items of a list, none if there is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    get(value, key).as_array().map_or(&[], Vec::as_slice)
}

/// Returns the strings of a list.
pub(crate) fn strings<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    list(value, key).iter().map(|item| item.as_str().unwrap_or(""))
}

/// Returns the keys and values of a map.
pub(crate) fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    get(value, key).as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// Returns whether a field is there.
pub(crate) fn is_set(value: &Value, key: &str) -> bool {
    !get(value, key).is_null()
}

/// Returns the spec of an object, null if there is none.
pub(crate) fn spec(object: &Value) -> &Value {
    get(object, "spec")
}

/// Returns an annotation, if there is one.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}
