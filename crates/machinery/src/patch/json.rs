//! JSON patch, RFC 6902, with the limits and the leniencies of the server.
//!
//! Like the server, and unlike the RFC: negative indexes count from the end, the whole document cannot be
//! addressed, what stands before the first slash of a path does not count, a missing `value` is null, and what is
//! missing passes a test against null.

use serde_json::Value;

use super::PatchError;
use crate::json::MAX_DEPTH;

/// How many operations a patch may have.
pub const MAX_OPERATIONS: usize = 10_000;
/// How many bytes the copies of a patch may make.
pub const MAX_COPIED: usize = 3 * 1024 * 1024;

/// Applies a JSON patch.
pub fn apply_json(document: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let Some(operations) = patch.as_array() else {
        let found = match patch {
            Value::Object(_) => "object",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null => return Ok(()),
            Value::Array(_) => "array",
        };
        let message = format!("json: cannot unmarshal {found} into Go value of type jsonpatch.Patch");
        return Err(PatchError::Malformed(message));
    };
    if operations.len() > MAX_OPERATIONS {
        let count = operations.len();
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {count}"
        )));
    }
    let mut copied = 0;
    operations.iter().try_for_each(|operation| apply(document, operation, &mut copied))
}

fn rejected(message: String) -> PatchError {
    PatchError::Rejected(message)
}

fn apply(document: &mut Value, operation: &Value, copied: &mut usize) -> Result<(), PatchError> {
    let text = |key: &str| operation.get(key).and_then(Value::as_str);
    let path = || text("path").ok_or_else(|| rejected("operation missing path field".to_owned()));
    let from = || text("from").ok_or_else(|| rejected("operation, missing from field".to_owned()));
    let value = operation.get("value").unwrap_or(&Value::Null);
    match text("op").unwrap_or("unknown") {
        "add" => add(document, path()?, value.clone()),
        "remove" => remove(document, path()?).map(drop),
        "replace" => {
            check_depth(path()?, value)?;
            *get(document, path()?)? = value.clone();
            Ok(())
        }
        "move" => {
            let moved = remove(document, from()?)?;
            add(document, path()?, moved)
        }
        "copy" => {
            let copy = get(document, from()?)?.clone();
            *copied += copy.to_string().len();
            if *copied > MAX_COPIED {
                return Err(rejected(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MAX_COPIED}"
                )));
            }
            add(document, path()?, copy)
        }
        "test" => test(document, path()?, value),
        other => Err(rejected(format!("Unexpected kind: {other}"))),
    }
}

fn test(document: &mut Value, path: &str, expected: &Value) -> Result<(), PatchError> {
    let (parent, key) = parent(document, path)?;
    let found = match parent {
        Value::Array(items) => Some(&items[index(items.len(), &key)?]),
        Value::Object(map) => map.get(&key),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    if found.unwrap_or(&Value::Null) == expected {
        Ok(())
    } else {
        Err(rejected(format!("testing value {path} failed")))
    }
}

fn missing(path: &str) -> PatchError {
    rejected(format!("operation does not apply: doc is missing path: {path}: missing value"))
}

/// Splits a path into the container it leads to and the key there.
fn parent<'a>(document: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), PatchError> {
    let mut steps = path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).peekable();
    let mut at = document;
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            return Ok((at, step));
        }
        at = child(at, &step).map_err(|_| missing(path))?;
    }
    Err(missing(path))
}

fn child<'a>(container: &'a mut Value, key: &str) -> Result<&'a mut Value, PatchError> {
    match container {
        Value::Object(map) => map.get_mut(key).ok_or_else(|| missing(key)),
        Value::Array(items) => {
            let index = index(items.len(), key)?;
            Ok(&mut items[index])
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(missing(key)),
    }
}

fn get<'a>(document: &'a mut Value, path: &str) -> Result<&'a mut Value, PatchError> {
    let (parent, key) = parent(document, path)?;
    child(parent, &key)
}

fn remove(document: &mut Value, path: &str) -> Result<Value, PatchError> {
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => {
            map.remove(&key).ok_or_else(|| rejected(format!("Unable to remove nonexistent key: {key}")))
        }
        Value::Array(items) => Ok(items.remove(index(items.len(), &key)?)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(missing(path)),
    }
}

/// Refuses what would nest deeper than any document that was read, so that no walk over it can go too deep.
fn check_depth(path: &str, value: &Value) -> Result<(), PatchError> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(depth).max().unwrap_or(0) + 1,
            Value::Object(map) => map.values().map(depth).max().unwrap_or(0) + 1,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    let steps = path.bytes().filter(|b| *b == b'/').count();
    if steps + depth(value) > MAX_DEPTH { Err(rejected("exceeded max depth".to_owned())) } else { Ok(()) }
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    check_depth(path, &value)?;
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(key, value);
            Ok(())
        }
        Value::Array(items) if key == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => {
            items.insert(index(items.len() + 1, &key)?, value);
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(missing(path)),
    }
}

/// Reads an index below `len`; negative ones count from the end.
fn index(len: usize, key: &str) -> Result<usize, PatchError> {
    let wrong = || rejected(format!("Unable to access invalid index: {key}"));
    let number: isize = key.parse().map_err(|_| wrong())?;
    let index = if number < 0 { len.checked_sub(number.unsigned_abs()) } else { Some(number.unsigned_abs()) };
    index.filter(|index| *index < len).ok_or_else(wrong)
}
