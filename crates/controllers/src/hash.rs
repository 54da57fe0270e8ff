//! Short names for what an object says.

use serde::Serialize;
use serde_json::Value;
use stanchion_machinery::quantity::Quantity;

/// Letters and digits that make up no word and are not taken for each other.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Returns what an object says, however it is written: nothing that is empty, and quantities in one form.
///
/// Clients that read an object and write it back leave out what is empty or spell it out, as `kubectl rollout undo`
/// does with a template.
pub(crate) fn canonical<T: Serialize>(object: &T) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or(Value::Null);
    tidy(&mut value, false);
    value
}

fn tidy(value: &mut Value, quantities: bool) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let amounts =
                    matches!(key.as_str(), "limits" | "requests" | "overhead" | "sizeLimit" | "divisor");
                tidy(value, quantities || amounts);
            }
            fields.retain(|_, value| !is_empty(value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, quantities)),
        Value::String(text) if quantities => {
            if let Ok(quantity) = Quantity::parse(text) {
                *text = quantity.to_string();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns a hash (FNV-1a, 32 bits) of a value and of how often its name was taken by something else, in characters that
/// are safe in names.
pub(crate) fn short(value: &Value, collisions: Option<i32>) -> String {
    let text = value.to_string();
    let taken = collisions.map(|count| i64::from(count).to_le_bytes());
    let hash = text
        .bytes()
        .chain(taken.into_iter().flatten())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    safe(&hash.to_string())
}

/// Replaces every character by one that is safe.
fn safe(text: &str) -> String {
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_however_it_is_written() {
        let written =
            json!({"resources": {"limits": {"cpu": "1000m"}}, "name": "c", "ports": [], "args": ["1000m"]});
        let read =
            json!({"resources": {"limits": {"cpu": "1"}, "requests": {}}, "name": "c", "args": ["1000m"]});
        assert_eq!(canonical(&written), canonical(&read));
        let other = json!({"resources": {"limits": {"cpu": "1"}}, "name": "c", "args": ["1"]});
        assert_ne!(canonical(&other), canonical(&read));
    }

    #[test]
    fn hashes_are_safe_in_names() {
        // '0' is 48, which is 21 modulo 27.
        assert_eq!(safe("0123456789"), "456789bcdf");
        let value = json!({"a": 1});
        assert_eq!(short(&value, None), short(&value, None));
        assert_ne!(short(&value, None), short(&value, Some(1)));
        assert_ne!(short(&value, None), short(&json!({"a": 2}), None));
    }
}
