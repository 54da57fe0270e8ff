//! What an edit changes, and the patch that takes it back.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// A value of this many characters is shown whole.
const SHOWN: usize = 160;

/// A field that an edit changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Which, as a JSON pointer.
    pub path: String,
    /// What it is; nothing if it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it becomes; nothing if it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, sign: char, value: &Value| {
            let text = value.to_string();
            let short: String = text.chars().take(SHOWN).collect();
            let more = if short.len() < text.len() { " …" } else { "" };
            write!(f, "{sign} {}: {short}{more}", self.path)
        };
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => {
                line(f, '-', old)?;
                f.write_str("\n")?;
                line(f, '+', new)
            }
            (Some(old), None) => line(f, '-', old),
            (None, Some(new)) => line(f, '+', new),
            (None, None) => Ok(()),
        }
    }
}

/// Returns the differences between an object and what becomes of it, without what the API server itself keeps.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", &of_people(before), &of_people(after), &mut found);
    found
}

/// Returns the patch that takes differences back, if nobody has changed the same fields since.
pub fn undo_patch(differences: &[Difference]) -> Vec<Value> {
    let mut patch = Vec::new();
    for Difference { path, old, new } in differences.iter().rev() {
        if let Some(new) = new {
            patch.push(json!({"op": "test", "path": path, "value": new}));
        }
        match (old, new) {
            (Some(old), Some(_)) => patch.push(json!({"op": "replace", "path": path, "value": old})),
            (Some(old), None) => patch.push(json!({"op": "add", "path": path, "value": old})),
            (None, _) => patch.push(json!({"op": "remove", "path": path})),
        }
    }
    patch
}

/// Returns an object without its status, and of its metadata only what people write.
fn of_people(object: &Value) -> Value {
    let Value::Object(fields) = object else { return object.clone() };
    let mut kept: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(Value::Object(metadata)) = kept.get_mut("metadata") {
        metadata.retain(|name, _| {
            matches!(name.as_str(), "name" | "namespace" | "labels" | "annotations" | "finalizers")
        });
    }
    Value::Object(kept)
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let only_new = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(only_new) {
                let path = format!("{path}/{}", escaped(name));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => compare(&path, old, new, found),
                    (old, new) => found.push(Difference { path, old: old.cloned(), new: new.cloned() }),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}/{index}"), old, new, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if new.starts_with(old) => {
            let added = new.iter().enumerate().skip(old.len());
            found.extend(added.map(|(index, new)| Difference {
                path: format!("{path}/{index}"),
                old: None,
                new: Some(new.clone()),
            }));
        }
        (old, new) if old != new => {
            found.push(Difference { path: path.to_owned(), old: Some(old.clone()), new: Some(new.clone()) });
        }
        _ => {}
    }
}

/// Writes a name so that it can stand in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
