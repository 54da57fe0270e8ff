//! Fields a built-in kind does not have, and nulls it cannot hold.

use serde_json::{Map, Value};

use super::{Place, note};
use crate::quantity::Quantity;
use crate::schema::{Field, Presence, Scalar, Schema, Shape};
use crate::time;

/// Says which fields are unknown, such as `unknown field "spec.foo"`, in the order of their names.
pub fn unknown_fields(value: &Value, schema: Schema<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    find_unknown(value, schema, Place::Root, &mut problems);
    problems
}

fn find_unknown(value: &Value, schema: Schema<'_>, place: Place<'_>, problems: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let place = Place::Key(&place, key);
                match (schema.child(key), schema.shape()) {
                    (Some(child), _) => find_unknown(value, child, place, problems),
                    (None, Shape::Struct { open: false, .. }) => note(problems, "unknown", place),
                    (None, _) => {}
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.items() {
                for (index, item) in items.iter().enumerate() {
                    find_unknown(item, schema, Place::Item(&place, index), problems);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Drops the fields that are unknown.
pub fn drop_unknown_fields(value: &mut Value, schema: Schema<'_>) {
    match value {
        Value::Object(map) => {
            if let Shape::Struct { open: false, .. } = schema.shape() {
                map.retain(|key, _| schema.field(key).is_some());
            }
            for (key, value) in map {
                if let Some(child) = schema.child(key) {
                    drop_unknown_fields(value, child);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.items() {
                for item in items {
                    drop_unknown_fields(item, schema);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Brings a value to the form it has once it was decoded and written again by the real server.
///
/// Nulls are absent fields, and empty values in maps and lists; zeros that say nothing, and empty lists and maps,
/// are left out; quantities and moments are in their canonical form.
pub fn normalize(value: &mut Value, schema: Schema<'_>) {
    match (value, schema.shape()) {
        (Value::Object(map), Shape::Struct { .. }) => map.retain(|key, value| {
            let Some(field) = schema.field(key) else { return true };
            let child = schema.at(field.node);
            if !value.is_null() {
                normalize(value, child);
            }
            !says_nothing(value, field, child)
        }),
        (Value::Object(map), Shape::Map { values, .. }) => {
            let schema = schema.at(*values);
            for value in map.values_mut() {
                fill(value, schema);
            }
        }
        (Value::Array(list), Shape::List { items, .. }) => {
            let schema = schema.at(*items);
            for value in list {
                fill(value, schema);
            }
        }
        (value @ (Value::String(_) | Value::Number(_)), Shape::Scalar(scalar)) => {
            canonicalize(value, *scalar);
        }
        _ => {}
    }
}

/// Puts in the structs that are always there, empty where nobody set anything: Go has no pointer to them.
pub fn complete(value: &mut Value, schema: Schema<'_>) {
    match (value, schema.shape()) {
        (Value::Object(map), Shape::Struct { fields, .. }) => {
            for field in fields {
                let child = schema.at(field.node);
                let always =
                    field.presence != Presence::Pointer && matches!(child.shape(), Shape::Struct { .. });
                match map.get_mut(&field.name) {
                    Some(value) => complete(value, child),
                    None if always => {
                        let mut empty = Value::Object(Map::new());
                        complete(&mut empty, child);
                        map.insert(field.name.clone(), empty);
                    }
                    None => {}
                }
            }
        }
        (Value::Object(map), Shape::Map { values, .. }) if has_parts(schema.at(*values)) => {
            for value in map.values_mut() {
                complete(value, schema.at(*values));
            }
        }
        (Value::Array(list), Shape::List { items, .. }) if has_parts(schema.at(*items)) => {
            for value in list {
                complete(value, schema.at(*items));
            }
        }
        _ => {}
    }
}

fn has_parts(schema: Schema<'_>) -> bool {
    !matches!(schema.shape(), Shape::Scalar(_) | Shape::Any)
}

/// Whether a field is the same as one that is not there.
fn says_nothing(value: &Value, field: &Field, schema: Schema<'_>) -> bool {
    match (value, schema.shape()) {
        (Value::Null, _) => true,
        (Value::Array(items), Shape::List { .. }) => items.is_empty() && !field.required,
        (Value::Object(entries), Shape::Map { .. }) => entries.is_empty() && !field.required,
        (value, Shape::Scalar(_)) if field.presence == Presence::Optional && !field.required => match value {
            Value::Bool(value) => !value,
            Value::String(text) => text.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        },
        _ => false,
    }
}

fn canonicalize(value: &mut Value, scalar: Scalar) {
    match scalar {
        Scalar::Quantity => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Ok(canonical) = Quantity::round_trip(text.trim())
                && value.as_str() != Some(canonical.as_ref())
            {
                *value = canonical.into_owned().into();
            }
        }
        Scalar::Time | Scalar::MicroTime => {
            let Some(micros) = value.as_str().and_then(time::parse) else { return };
            let canonical = if scalar == Scalar::Time {
                time::format_seconds(micros.div_euclid(1_000_000))
            } else {
                time::format_micros(micros)
            };
            if value.as_str() != Some(canonical.as_str()) {
                *value = canonical.into();
            }
        }
        Scalar::Boolean
        | Scalar::Int32
        | Scalar::Int64
        | Scalar::Double
        | Scalar::String
        | Scalar::Bytes
        | Scalar::IntOrString
        | Scalar::Duration => {}
    }
}

fn fill(value: &mut Value, schema: Schema<'_>) {
    if !value.is_null() {
        return normalize(value, schema);
    }
    *value = match schema.shape() {
        Shape::Scalar(Scalar::Boolean) => Value::Bool(false),
        Shape::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString) => 0.into(),
        Shape::Scalar(Scalar::String) => "".into(),
        Shape::Scalar(Scalar::Quantity) => "0".into(),
        Shape::Scalar(Scalar::Duration) => "0s".into(),
        Shape::Struct { .. } => Value::Object(Map::new()),
        Shape::Any
        | Shape::Map { .. }
        | Shape::List { .. }
        | Shape::Scalar(Scalar::Bytes | Scalar::Time | Scalar::MicroTime) => Value::Null,
    };
}
