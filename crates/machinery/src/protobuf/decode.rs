//! Messages to values.

use serde_json::{Map, Number, Value};

use super::opaque::Opaque;
use super::wire::{Reader, Wire};
use super::{MAX_DEPTH, ProtobufError, base64, time};
use crate::schema::{Field, Presence, Scalar, Schema, Shape};

/// Reads the message of a struct, or of a type that has a form of its own.
pub(super) fn message(bytes: &[u8], schema: Schema<'_>, depth: usize) -> Result<Value, ProtobufError> {
    match schema.shape() {
        Shape::Struct { fields, .. } => {
            let mut object = Map::new();
            fill(bytes, schema, fields, 0, &mut object, depth)?;
            Ok(Value::Object(object))
        }
        Shape::Any => Opaque::of(schema.name())?.decode(bytes, schema, depth),
        Shape::Scalar(_) | Shape::Map { .. } | Shape::List { .. } => {
            Err(ProtobufError::Value(format!("{:?} is no message", schema.name())))
        }
    }
}

/// Reads fields into an object: its own (`outer` is 0) or those that JSON inlines from its field `outer`.
fn fill(
    bytes: &[u8],
    schema: Schema<'_>,
    fields: &[Field],
    outer: u32,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    if depth >= MAX_DEPTH {
        return Err(ProtobufError::TooDeep);
    }
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field()? {
        if let Some(field) = fields.iter().find(|f| f.number == number && f.embedded_in == outer) {
            set(wire, field, schema.at(field.node), object, depth)?;
        } else if outer == 0
            && let Some(inner) = fields.iter().find(|f| f.embedded_in == number)
        {
            fill(wire.bytes(&inner.name)?, schema, fields, number, object, depth + 1)?;
        }
    }
    Ok(())
}

/// Reads one occurrence of a field: lists and maps grow, structs merge, of anything else the last one counts.
fn set(
    wire: Wire<'_>,
    field: &Field,
    schema: Schema<'_>,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    let name = field.name.as_str();
    match schema.shape() {
        Shape::List { items, .. } => {
            let items = schema.at(*items);
            if packed(wire, items).is_some_and(<[u8]>::is_empty) {
                return Ok(());
            }
            let Value::Array(list) = slot(object, name, || Value::Array(Vec::new())) else { return Ok(()) };
            append(wire, name, items, list, depth)
        }
        Shape::Map { values, .. } => {
            let (key, value) = entry(wire.bytes(name)?, name, schema.at(*values), depth)?;
            if let Value::Object(map) = slot(object, name, || Value::Object(Map::new())) {
                map.insert(key, value);
            }
            Ok(())
        }
        Shape::Struct { fields, .. } => {
            let Value::Object(inner) = slot(object, name, || Value::Object(Map::new())) else {
                return Ok(());
            };
            fill(wire.bytes(name)?, schema, fields, 0, inner, depth + 1)
        }
        Shape::Any | Shape::Scalar(_) => {
            let value = single(wire, name, schema, depth)?;
            if is_left_out(&value, field.presence, schema.shape()) {
                object.remove(name);
            } else {
                object.insert(name.to_owned(), value);
            }
            Ok(())
        }
    }
}

/// Returns what a field has so far. The name is copied the first time only.
fn slot<'a>(object: &'a mut Map<String, Value>, name: &str, first: fn() -> Value) -> &'a mut Value {
    if !object.contains_key(name) {
        object.insert(name.to_owned(), first());
    }
    &mut object[name]
}

fn is_left_out(value: &Value, presence: Presence, shape: &Shape) -> bool {
    match shape {
        Shape::Scalar(Scalar::Time | Scalar::MicroTime) | Shape::Any => value.is_null(),
        Shape::Scalar(
            Scalar::Boolean | Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::String | Scalar::Bytes,
        ) => presence == Presence::Optional && is_zero(value),
        Shape::Scalar(Scalar::Quantity | Scalar::IntOrString | Scalar::Duration)
        | Shape::Struct { .. }
        | Shape::Map { .. }
        | Shape::List { .. } => false,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Null => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// Reads an item of a list, or several numbers that stand packed in one field.
fn append(
    wire: Wire<'_>,
    name: &str,
    items: Schema<'_>,
    list: &mut Vec<Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    if let Some(bytes) = packed(wire, items) {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            list.push(single(Wire::Varint(reader.varint()?), name, items, depth)?);
        }
        return Ok(());
    }
    list.push(single(wire, name, items, depth)?);
    Ok(())
}

/// Returns the bytes of numbers that stand in one field.
fn packed<'a>(wire: Wire<'a>, items: Schema<'_>) -> Option<&'a [u8]> {
    let numbers = matches!(items.shape(), Shape::Scalar(Scalar::Boolean | Scalar::Int32 | Scalar::Int64));
    match wire {
        Wire::Bytes(bytes) if numbers => Some(bytes),
        Wire::Bytes(_) | Wire::Varint(_) | Wire::Fixed64(_) | Wire::Other(_) => None,
    }
}

fn entry(
    bytes: &[u8],
    name: &str,
    values: Schema<'_>,
    depth: usize,
) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut value) = ("", None);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => key = wire.text(name)?,
            2 => value = Some(single(wire, name, values, depth)?),
            _ => {}
        }
    }
    let value = value.map_or_else(|| single(absent(values), name, values, depth), Ok)?;
    Ok((key.to_owned(), value))
}

/// Returns what stands for a value that an entry of a map lacks.
fn absent(schema: Schema<'_>) -> Wire<'static> {
    match schema.shape() {
        Shape::Scalar(Scalar::Boolean | Scalar::Int32 | Scalar::Int64) => Wire::Varint(0),
        Shape::Scalar(Scalar::Double) => Wire::Fixed64(0),
        Shape::Scalar(
            Scalar::String
            | Scalar::Bytes
            | Scalar::Quantity
            | Scalar::IntOrString
            | Scalar::Time
            | Scalar::MicroTime
            | Scalar::Duration,
        )
        | Shape::Any
        | Shape::Struct { .. }
        | Shape::Map { .. }
        | Shape::List { .. } => Wire::Bytes(&[]),
    }
}

/// Reads a value that stands alone: a scalar, a message, or the message that wraps a list within a map.
fn single(wire: Wire<'_>, name: &str, schema: Schema<'_>, depth: usize) -> Result<Value, ProtobufError> {
    match schema.shape() {
        Shape::Scalar(kind) => scalar(wire, name, *kind),
        Shape::Any | Shape::Struct { .. } => message(wire.bytes(name)?, schema, depth + 1),
        Shape::List { items, .. } => {
            let mut list = Vec::new();
            let mut reader = Reader::new(wire.bytes(name)?);
            while let Some((number, wire)) = reader.field()? {
                if number == 1 {
                    append(wire, name, schema.at(*items), &mut list, depth + 1)?;
                }
            }
            Ok(Value::Array(list))
        }
        Shape::Map { .. } => Err(ProtobufError::Value(format!("{name}: a map within a list or a map"))),
    }
}

fn scalar(wire: Wire<'_>, name: &str, kind: Scalar) -> Result<Value, ProtobufError> {
    Ok(match kind {
        Scalar::Boolean => Value::Bool(wire.varint(name)? != 0),
        Scalar::Int32 => int32(wire.varint(name)?).into(),
        Scalar::Int64 => wire.varint(name)?.cast_signed().into(),
        Scalar::Double => double(wire.double(name)?, name)?,
        Scalar::String => Value::String(wire.text(name)?.to_owned()),
        Scalar::Bytes => Value::String(base64::encode(wire.bytes(name)?)),
        Scalar::Quantity => quantity(wire.bytes(name)?, name)?,
        Scalar::IntOrString => int_or_string(wire.bytes(name)?, name)?,
        Scalar::Time => moment(wire.bytes(name)?, name, false)?,
        Scalar::MicroTime => moment(wire.bytes(name)?, name, true)?,
        Scalar::Duration => {
            let nanos = last(wire.bytes(name)?, 1)?.map_or(Ok(0), |wire| wire.varint(name))?;
            Value::String(time::duration_text(nanos.cast_signed()))
        }
    })
}

/// Returns the last occurrence of a field.
pub(super) fn last(bytes: &[u8], wanted: u32) -> Result<Option<Wire<'_>>, ProtobufError> {
    let mut found = None;
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field()? {
        if number == wanted {
            found = Some(wire);
        }
    }
    Ok(found)
}

/// Cuts to 32 bits: a negative number is sent with all its 64.
fn int32(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// A whole number is written without a fraction, as in Go.
fn double(number: f64, name: &str) -> Result<Value, ProtobufError> {
    /// Every whole number up to here is exact, as an integer and as a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and less than 2^53")]
        let whole = number as i64;
        return Ok(whole.into());
    }
    Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(|| ProtobufError::Value(format!("{name}: json: unsupported value: {number}")))
}

fn quantity(bytes: &[u8], name: &str) -> Result<Value, ProtobufError> {
    let text = last(bytes, 1)?.map_or(Ok("0"), |wire| wire.text(name))?;
    Ok(Value::String(text.to_owned()))
}

fn int_or_string(bytes: &[u8], name: &str) -> Result<Value, ProtobufError> {
    let (mut kind, mut number, mut text) = (0, 0, "");
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.field()? {
        match field {
            1 => kind = wire.varint(name)?,
            2 => number = int32(wire.varint(name)?),
            3 => text = wire.text(name)?,
            _ => {}
        }
    }
    match kind {
        0 => Ok(number.into()),
        1 => Ok(text.into()),
        _ => Err(ProtobufError::Value(format!("{name}: impossible IntOrString.Type"))),
    }
}

/// Reads a moment; an empty message is none.
fn moment(bytes: &[u8], name: &str, micro: bool) -> Result<Value, ProtobufError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.field()? {
        match field {
            1 => seconds = wire.varint(name)?.cast_signed(),
            2 => nanos = int32(wire.varint(name)?),
            _ => {}
        }
    }
    let micros = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000).map(|nanos| nanos / 1_000);
    let micros = micros.ok_or_else(|| ProtobufError::Value(format!("{name}: nanoseconds out of range")))?;
    time::moment_text(seconds, micro.then_some(micros))
        .map(Value::String)
        .ok_or_else(|| ProtobufError::Value(format!("{name}: year is not in the range [1, 9999]")))
}
