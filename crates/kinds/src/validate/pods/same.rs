//! What is the same for the server though it is written differently, and what is not.

use serde_json::Value;

use crate::defaults::pods::amount::read;
use crate::validate::read::part;

/// A field that changed, with what stands there and what stood there.
#[derive(Debug)]
pub(super) struct Change<'a> {
    field: &'a str,
    new: Option<&'a Value>,
    old: Option<&'a Value>,
}

/// Returns the fields that differ and that the caller does not let pass, sorted by name.
pub(super) fn differences<'a>(
    new: &'a Value,
    old: &'a Value,
    passes: impl Fn(&str, Option<&Value>, Option<&Value>) -> bool,
) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let both = new.as_object().into_iter().chain(old.as_object()).enumerate();
    for (which, map) in both {
        for key in map.keys() {
            let (new_value, old_value) = (part(new, key), part(old, key));
            let seen = which == 1 && new.get(key).is_some();
            if !seen && !is_same(new_value, old_value, key) && !passes(key, new_value, old_value) {
                changes.push(Change { field: key, new: new_value, old: old_value });
            }
        }
    }
    changes.sort_by_key(|change| change.field);
    changes
}

/// Shows changes much as Go shows a difference of two structs.
pub(super) fn shown(kind: &str, changes: &[Change<'_>]) -> String {
    let mut text = format!("  {kind}{{\n");
    for change in changes {
        let mut letters = change.field.chars();
        let field: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        for (sign, value) in [("-", change.old), ("+", change.new)] {
            let value = value.map_or_else(|| "nil".to_owned(), Value::to_string);
            for word in [sign, " \t", &field, ": ", &value, ",\n"] {
                text.push_str(word);
            }
        }
    }
    text.push_str("  }\n");
    text
}

/// Returns whether lists of structs are the same in all but some fields.
pub(super) fn but_for(new: &[Value], old: &[Value], fields: &[&str]) -> bool {
    new.len() == old.len()
        && new
            .iter()
            .zip(old)
            .all(|(new, old)| differences(new, old, |key, _, _| fields.contains(&key)).is_empty())
}

/// Returns whether two values under a key mean the same: amounts by how much they are, nothing like empty.
pub(super) fn is_same(new: Option<&Value>, old: Option<&Value>, key: &str) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => new == old || is_alike(new, old, key),
        (Some(one), None) | (None, Some(one)) => is_nothing(one),
        (None, None) => true,
    }
}

fn is_alike(new: &Value, old: &Value, key: &str) -> bool {
    match (new, old) {
        (Value::Object(new_map), Value::Object(old_map)) => {
            let amounts = matches!(key, "limits" | "requests" | "overhead");
            new_map.keys().chain(old_map.keys()).all(|key| {
                let (new, old) = (part(new, key), part(old, key));
                if amounts { new.and_then(read) == old.and_then(read) } else { is_same(new, old, key) }
            })
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| is_same(Some(new), Some(old), ""))
        }
        _ => matches!(key, "sizeLimit" | "divisor") && read(new).is_some() && read(new) == read(old),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
