//! Whether values have the types of a built-in kind.

use serde_json::Value;
use thiserror::Error;

use super::Place;
use crate::quantity::Quantity;
use crate::schema::{Scalar, Schema, Shape};
use crate::time;

/// A value of the wrong type, in the words of Go's decoder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TypeError(String);

/// Checks all values against their types. Null passes everywhere.
pub fn check_types(value: &Value, schema: Schema<'_>) -> Result<(), TypeError> {
    check(value, schema, Context { owner: "", place: Place::Root })
}

/// Where a value stands: the innermost struct, and the fields on the way. Keys and items do not count.
#[derive(Clone, Copy)]
struct Context<'a> {
    owner: &'a str,
    place: Place<'a>,
}

impl Context<'_> {
    fn mismatch(self, found: &str, wanted: &str) -> TypeError {
        TypeError(if self.place.depth() == 0 {
            format!("json: cannot unmarshal {found} into Go value of type {wanted}")
        } else {
            let mut path = String::new();
            self.place.write(&mut path);
            let owner = self.owner.rsplit('.').next().unwrap_or("");
            format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}")
        })
    }
}

fn check(value: &Value, schema: Schema<'_>, context: Context<'_>) -> Result<(), TypeError> {
    match (value, schema.shape()) {
        (Value::Null, _) | (_, Shape::Any) => Ok(()),
        (_, Shape::Scalar(scalar)) => check_scalar(value, *scalar, context),
        (Value::Object(map), Shape::Struct { .. }) => {
            for (key, value) in map {
                if let Some(child) = schema.child(key) {
                    let place = Place::Key(&context.place, key);
                    check(value, child, Context { owner: schema.name(), place })?;
                }
            }
            Ok(())
        }
        (Value::Object(map), Shape::Map { values, .. }) => {
            map.values().try_for_each(|value| check(value, schema.at(*values), context))
        }
        (Value::Array(list), Shape::List { items, .. }) => {
            list.iter().try_for_each(|item| check(item, schema.at(*items), context))
        }
        (_, Shape::Struct { .. } | Shape::Map { .. } | Shape::List { .. }) => {
            Err(context.mismatch(kind(value), &go_type(schema)))
        }
    }
}

fn check_scalar(value: &Value, scalar: Scalar, context: Context<'_>) -> Result<(), TypeError> {
    let mismatch = || context.mismatch(kind(value), go_scalar(scalar));
    let text = || value.as_str().ok_or_else(mismatch);
    match scalar {
        Scalar::Boolean => value.as_bool().map(drop).ok_or_else(mismatch),
        Scalar::String => text().map(drop),
        Scalar::Double => value.as_f64().map(drop).ok_or_else(mismatch),
        Scalar::Int64 => check_integer(value, i64::MIN, i64::MAX, scalar, context),
        Scalar::IntOrString if value.is_string() => Ok(()),
        Scalar::Int32 | Scalar::IntOrString => {
            check_integer(value, i32::MIN.into(), i32::MAX.into(), scalar, context)
        }
        Scalar::Quantity => Quantity::from_value(value).map(drop).map_err(|e| TypeError(e.to_string())),
        Scalar::Duration => time::parse_duration(text()?).map(drop).map_err(TypeError),
        Scalar::Time => check_time(text()?, ""),
        Scalar::MicroTime => check_time(text()?, ".000000"),
        Scalar::Bytes => check_base64(text()?),
    }
}

fn check_integer(
    value: &Value,
    low: i64,
    high: i64,
    scalar: Scalar,
    context: Context<'_>,
) -> Result<(), TypeError> {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|n| (low..=high).contains(&n)) => Ok(()),
        Value::Number(number) => Err(context.mismatch(&format!("number {number}"), go_scalar(scalar))),
        other => Err(context.mismatch(kind(other), go_scalar(scalar))),
    }
}

fn check_time(text: &str, fraction: &str) -> Result<(), TypeError> {
    let exact = fraction.is_empty() || text.split_at_checked(19).is_some_and(|(_, rest)| has_micros(rest));
    if exact && time::parse(text).is_some() {
        return Ok(());
    }
    let layout = format!("2006-01-02T15:04:05{fraction}Z07:00");
    let (rest, element) = first_mismatch(text, fraction);
    Err(TypeError(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}")))
}

fn has_micros(rest: &str) -> bool {
    let rest = rest.as_bytes();
    rest.first() == Some(&b'.') && rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count() == 6
}

/// Returns the first part of a time that is not as it should be, and what should be there.
fn first_mismatch<'a>(text: &'a str, fraction: &'a str) -> (&'a str, &'a str) {
    let mut rest = text;
    for element in ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"] {
        let fits = rest.split_at_checked(element.len()).filter(|(head, _)| {
            *head == element
                || head.bytes().all(|b| b.is_ascii_digit()) && element.as_bytes()[0].is_ascii_digit()
        });
        match fits {
            Some((_, tail)) => rest = tail,
            None => return (rest, element),
        }
    }
    if !fraction.is_empty() && !has_micros(rest) { (rest, fraction) } else { (rest, "Z07:00") }
}

/// Checks padded base64, in which line breaks do not count.
fn check_base64(text: &str) -> Result<(), TypeError> {
    let wrong = |at: usize| Err(TypeError(format!("illegal base64 data at input byte {at}")));
    let (mut count, mut padding) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => continue,
            b'=' if count % 4 >= 2 => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return wrong(at),
        }
        count += 1;
        if padding > 0 && count % 4 == 0 && text[at + 1..].bytes().any(|b| !matches!(b, b'\r' | b'\n')) {
            return wrong(at + 1);
        }
    }
    if count % 4 == 0 { Ok(()) } else { wrong(text.len() - count % 4) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Boolean => "bool",
        Scalar::Int32 | Scalar::IntOrString => "int32",
        Scalar::Int64 => "int64",
        Scalar::Double => "float64",
        Scalar::Bytes => "[]uint8",
        // The times and durations are read from strings, and that is what the message says.
        Scalar::String | Scalar::Time | Scalar::MicroTime | Scalar::Duration => "string",
        Scalar::Quantity => "resource.Quantity",
    }
}

/// Returns the name of the type in Go, as near as the schema tells.
fn go_type(schema: Schema<'_>) -> String {
    match schema.shape() {
        Shape::Any | Shape::Struct { .. } => {
            let mut parts = schema.name().rsplit('.');
            let (name, package) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") }
        }
        Shape::Scalar(Scalar::IntOrString) => "intstr.IntOrString".to_owned(),
        Shape::Scalar(scalar) => go_scalar(*scalar).to_owned(),
        Shape::Map { values, .. } => format!("map[string]{}", go_type(schema.at(*values))),
        Shape::List { items, .. } => format!("[]{}", go_type(schema.at(*items))),
    }
}
