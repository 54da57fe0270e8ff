//! Secrets: their type, and the data that is written as text.

use serde_json::{Map, Value};
use stanchion_machinery::meta::object_mut;

use super::{base64, fields};

/// Says that a Secret without a type is opaque.
pub(super) fn apply(object: &mut Value) {
    fields::fill(object_mut(object), "type", "Opaque");
}

/// Moves `stringData` into `data`, where it wins over what is there.
pub(super) fn fold_string_data(object: &mut Value) {
    let secret = object_mut(object);
    let Some(Value::Object(texts)) = secret.remove("stringData") else { return };
    if texts.is_empty() {
        return;
    }
    let data = secret.entry("data").or_insert_with(|| Value::Object(Map::new()));
    let data = object_mut(data);
    for (key, value) in texts {
        data.insert(key, Value::String(base64::encode(value.as_str().unwrap_or("").as_bytes())));
    }
}
