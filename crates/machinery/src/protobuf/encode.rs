//! Values to messages.

use serde_json::{Map, Value};

use super::opaque::Opaque;
use super::wire::{put_bytes, put_message, put_number, put_tag};
use super::{MAX_DEPTH, ProtobufError, base64, time};
use crate::schema::{Field, Scalar, Schema, Shape};

/// Writes the fields of a struct, or of a type that has a form of its own. Null is the zero of either.
pub(super) fn message(
    value: &Value,
    schema: Schema<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    if depth >= MAX_DEPTH {
        return Err(ProtobufError::TooDeep);
    }
    match (schema.shape(), value) {
        (Shape::Any, _) => Opaque::of(schema.name())?.encode(value, schema, depth, out),
        (Shape::Struct { .. }, Value::Object(object)) => struct_fields(object, schema, depth, out),
        (Shape::Struct { .. }, Value::Null) => Ok(()),
        (Shape::Struct { .. } | Shape::Scalar(_) | Shape::Map { .. } | Shape::List { .. }, _) => {
            Err(mismatch(schema.name(), "an object"))
        }
    }
}

/// Fields are written by number; those that protobuf has in a nested message stand side by side then.
fn struct_fields(
    object: &Map<String, Value>,
    schema: Schema<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    let mut fields: Vec<(&Field, &Value)> = object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .filter_map(|(name, value)| Some((schema.field(name)?, value)))
        .filter(|(field, _)| field.number != 0)
        .collect();
    let place = |field: &Field| if field.embedded_in == 0 { field.number } else { field.embedded_in };
    fields.sort_unstable_by_key(|(field, _)| (place(field), field.number));
    for group in fields.chunk_by(|(a, _), (b, _)| a.embedded_in == b.embedded_in) {
        match group {
            [(first, _), ..] if first.embedded_in != 0 => {
                put_message(first.embedded_in, out, |out| group_fields(group, schema, depth + 1, out))?;
            }
            _ => group_fields(group, schema, depth, out)?,
        }
    }
    Ok(())
}

fn group_fields(
    group: &[(&Field, &Value)],
    schema: Schema<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    group.iter().try_for_each(|(field, value)| {
        put_field(field.number, &field.name, value, schema.at(field.node), depth, out)
    })
}

fn put_field(
    number: u32,
    name: &str,
    value: &Value,
    schema: Schema<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    match schema.shape() {
        Shape::List { items, .. } => {
            let list = value.as_array().ok_or_else(|| mismatch(name, "a list"))?;
            list.iter().try_for_each(|item| put_single(number, name, item, schema.at(*items), depth, out))
        }
        Shape::Map { values, .. } => {
            let map = value.as_object().ok_or_else(|| mismatch(name, "an object"))?;
            map.iter().try_for_each(|(key, value)| {
                put_message(number, out, |out| {
                    put_bytes(1, key.as_bytes(), out);
                    put_single(2, name, value, schema.at(*values), depth, out)
                })
            })
        }
        Shape::Any | Shape::Scalar(_) | Shape::Struct { .. } => {
            put_single(number, name, value, schema, depth, out)
        }
    }
}

/// Writes a value that stands alone; a list within a map is wrapped in a message.
fn put_single(
    number: u32,
    name: &str,
    value: &Value,
    schema: Schema<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    match schema.shape() {
        Shape::Scalar(kind) => scalar(number, name, value, *kind, out),
        Shape::Any | Shape::Struct { .. } => {
            put_message(number, out, |out| message(value, schema, depth + 1, out))
        }
        Shape::List { .. } => put_message(number, out, |out| {
            if value.is_null() { Ok(()) } else { put_field(1, name, value, schema, depth + 1, out) }
        }),
        Shape::Map { .. } => Err(ProtobufError::Value(format!("{name}: a map within a list or a map"))),
    }
}

fn scalar(
    number: u32,
    name: &str,
    value: &Value,
    kind: Scalar,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    match kind {
        Scalar::Boolean => {
            let value = zero_or(value, false, Value::as_bool).ok_or_else(|| mismatch(name, "a boolean"))?;
            put_number(number, value.into(), out);
        }
        Scalar::Int32 => put_number(number, int32(value, name)?.into(), out),
        Scalar::Int64 => {
            let value = zero_or(value, 0, Value::as_i64).ok_or_else(|| mismatch(name, "an integer"))?;
            put_number(number, value, out);
        }
        Scalar::Double => {
            let value = zero_or(value, 0.0, Value::as_f64).ok_or_else(|| mismatch(name, "a number"))?;
            put_tag(number, 1, out);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Scalar::String => put_bytes(number, text(value, name)?.as_bytes(), out),
        Scalar::Bytes => {
            let bytes = base64::decode(text(value, name)?).ok_or_else(|| mismatch(name, "base64"))?;
            put_bytes(number, &bytes, out);
        }
        Scalar::Quantity => match value {
            Value::Number(amount) => {
                put_message(number, out, |out| put_bytes(1, amount.to_string().as_bytes(), out));
            }
            _ => put_message(number, out, |out| text(value, name).map(|t| put_bytes(1, t.as_bytes(), out)))?,
        },
        Scalar::IntOrString => put_message(number, out, |out| int_or_string(value, name, out))?,
        Scalar::Time => put_message(number, out, |out| moment(value, name, 1_000_000_000, out))?,
        Scalar::MicroTime => put_message(number, out, |out| moment(value, name, 1_000, out))?,
        Scalar::Duration => {
            let nanos = if value.is_null() { Some(0) } else { time::parse_duration(text(value, name)?) };
            let nanos = nanos.ok_or_else(|| mismatch(name, "a duration"))?;
            put_message(number, out, |out| put_number(1, nanos, out));
        }
    }
    Ok(())
}

fn zero_or<T>(value: &Value, zero: T, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
    if value.is_null() { Some(zero) } else { read(value) }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, ProtobufError> {
    if value.is_null() { Ok("") } else { value.as_str().ok_or_else(|| mismatch(name, "a string")) }
}

fn int32(value: &Value, name: &str) -> Result<i32, ProtobufError> {
    zero_or(value, 0, |value| value.as_i64().and_then(|number| i32::try_from(number).ok()))
        .ok_or_else(|| mismatch(name, "an integer of 32 bits"))
}

fn int_or_string(value: &Value, name: &str, out: &mut Vec<u8>) -> Result<(), ProtobufError> {
    let (kind, number, text) = match value {
        Value::String(text) => (1, 0, text.as_str()),
        _ => (0, int32(value, name)?, ""),
    };
    put_number(1, kind, out);
    put_number(2, number.into(), out);
    put_bytes(3, text.as_bytes(), out);
    Ok(())
}

/// Writes a moment; no moment is an empty message. Less than `precision` nanoseconds are cut off.
fn moment(value: &Value, name: &str, precision: u32, out: &mut Vec<u8>) -> Result<(), ProtobufError> {
    if value.is_null() {
        return Ok(());
    }
    let moment = time::parse_moment(text(value, name)?);
    let (seconds, nanos) = moment.ok_or_else(|| mismatch(name, "a time of RFC 3339"))?;
    put_number(1, seconds, out);
    put_number(2, (nanos / precision * precision).into(), out);
    Ok(())
}

pub(super) fn mismatch(name: &str, wanted: &str) -> ProtobufError {
    ProtobufError::Value(format!("{name}: not {wanted}"))
}
