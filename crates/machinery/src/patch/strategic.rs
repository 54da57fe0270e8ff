//! Strategic merge patch: merging as the fields of a built-in kind say.
//!
//! Lists with a merge key are merged item by item. Directives in the patch steer: `$patch` (`replace`, `delete`),
//! `$retainKeys`, `$deleteFromPrimitiveList/<list>` and `$setElementOrder/<list>`. Fields that the kind does not
//! have are kept, as far as they need no merging.

mod list;
mod order;

use serde_json::{Map, Value};

use super::PatchError;
use crate::schema::{PatchRule, Schema, Shape};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
const ELEMENT_ORDER: &str = "$setElementOrder";

type Object = Map<String, Value>;

/// Applies a strategic merge patch to an object of a kind.
pub fn apply_strategic(document: &mut Value, patch: Value, schema: Schema<'_>) -> Result<(), PatchError> {
    let (Value::Object(original), Value::Object(patch)) = (&mut *document, patch) else {
        return Err(PatchError::Malformed("invalid JSON document".to_owned()));
    };
    let original = std::mem::take(original);
    *document = Value::Object(merge_maps(original, patch, schema)?);
    Ok(())
}

fn unmergeable(message: impl Into<String>) -> PatchError {
    PatchError::Unmergeable(message.into())
}

/// Returns what a field is, and how it is patched.
fn lookup<'a>(schema: Schema<'a>, key: &str) -> Result<(Schema<'a>, &'a PatchRule), PatchError> {
    match schema.shape() {
        Shape::Struct { .. } | Shape::Any => {}
        Shape::Map { .. } => return Err(not_a_struct("map")),
        Shape::List { .. } => return Err(not_a_struct("slice")),
        Shape::Scalar(_) => return Err(not_a_struct("string")),
    }
    let field = schema.field(key).ok_or_else(|| {
        let name = schema.name().rsplit('.').next().unwrap_or("");
        unmergeable(format!("unable to find api field in struct {name} for the json field {key:?}"))
    })?;
    Ok((schema.at(field.node), &field.patch))
}

fn not_a_struct(kind: &str) -> PatchError {
    unmergeable(format!("merging an object in json but data type is not struct, instead is: {kind}"))
}

/// Returns what the items of a list field are, and how it is patched.
fn lookup_list<'a>(schema: Schema<'a>, key: &str) -> Result<(Schema<'a>, &'a PatchRule), PatchError> {
    let (list, rule) = lookup(schema, key)?;
    let items = list.items().ok_or_else(|| unmergeable("expected slice or array type, but got: struct"))?;
    Ok((items, rule))
}

fn merge_maps(mut original: Object, mut patch: Object, schema: Schema<'_>) -> Result<Object, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            _ => Err(unknown_directive(directive, patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order::apply(&mut original, &mut patch, schema)?;
    for (key, value) in patch {
        merge_field(&mut original, &key, value, schema)?;
    }
    Ok(original)
}

fn unknown_directive(directive: Value, mut patch: Object) -> PatchError {
    let shown = show(&directive);
    patch.insert(DIRECTIVE.to_owned(), directive);
    unmergeable(format!("unknown patch type: {shown} in map: {}", show(&Value::Object(patch))))
}

fn merge_field(original: &mut Object, key: &str, patch: Value, schema: Schema<'_>) -> Result<(), PatchError> {
    let (key, deletes) = match key.strip_prefix(DELETE_FROM) {
        Some(rest) => {
            let malformed = || PatchError::Malformed("invalid patch format of primitive list".to_owned());
            (rest.strip_prefix('/').ok_or_else(malformed)?, true)
        }
        None => (key, false),
    };
    if patch.is_null() {
        original.remove(key);
        return Ok(());
    }
    let merged = match (original.get_mut(key), patch) {
        (Some(Value::Object(before)), Value::Object(patch)) => {
            let (schema, _) = lookup(schema, key)?;
            Some(Value::Object(merge_maps(std::mem::take(before), patch, schema)?))
        }
        (Some(Value::Array(before)), Value::Array(patch)) => {
            let (items, rule) = lookup_list(schema, key)?;
            Some(Value::Array(list::merge(std::mem::take(before), patch, items, rule, deletes)?))
        }
        (_, _) if deletes => return Ok(()),
        (_, patch) => without_directives(without_nulls(patch)),
    };
    match merged {
        Some(merged) => original.insert(key.to_owned(), merged),
        None => original.remove(key),
    };
    Ok(())
}

/// Obeys `$retainKeys`: other fields go, and the patch must not set them.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), PatchError> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let malformed = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let retained = retained.as_array().ok_or_else(malformed)?;
    let is_retained = |key: &str| retained.iter().any(|name| name.as_str() == Some(key));
    let stray = patch.iter().any(|(key, value)| {
        !(value.is_null()
            || key.starts_with(DELETE_FROM)
            || key.starts_with(ELEMENT_ORDER)
            || is_retained(key))
    });
    if stray {
        return Err(malformed());
    }
    original.retain(|key, _| is_retained(key));
    Ok(())
}

/// Takes nulls out of what is new.
fn without_nulls(mut value: Value) -> Value {
    fn prune(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|_, value| !value.is_null());
                map.values_mut().for_each(prune);
            }
            Value::Array(items) => items.iter_mut().for_each(prune),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    prune(&mut value);
    value
}

/// Takes out what carries a directive, since there is nothing it could apply to.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(other),
    }
}

/// Shows a value as Go prints one.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
    }
}
