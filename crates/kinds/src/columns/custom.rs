//! The columns of custom resources, which their definitions give as paths.

use serde_json::{Value, json};

use super::path::Path;
use super::read::Read;
use super::{Column, Columns, Source, age};

/// A column of a custom resource, and how its cells are made.
#[derive(Debug)]
pub(super) struct CustomColumn {
    name: String,
    kind_name: String,
    format: String,
    description: String,
    priority: i64,
    kind: Kind,
    path: Path,
}

/// The type of the cells of a column.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
    /// A type that nothing can be shown as.
    Unknown,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            _ => Self::Unknown,
        }
    }
}

/// Makes the columns of a version of a custom resource from its `additionalPrinterColumns`.
///
/// The name comes first; without further columns the age follows. The first column whose path cannot be read ends
/// the list, as definitions are checked before they are stored.
pub fn custom(additional: &[Value]) -> Columns {
    let name = json!({
        "name": "Name", "type": "string", "format": "name", "description": "The name of the object.",
        "jsonPath": ".metadata.name",
    });
    let age = json!({
        "name": "Age", "type": "date", "description": "The time since the object was created.",
        "jsonPath": ".metadata.creationTimestamp",
    });
    let default = std::slice::from_ref(&age);
    let additional = if additional.is_empty() { default } else { additional };
    let columns = std::iter::once(&name).chain(additional).map_while(CustomColumn::of);
    Columns(Source::Custom(columns.collect()))
}

impl CustomColumn {
    fn of(definition: &Value) -> Option<Self> {
        let path = definition.text("jsonPath");
        let owned = |field: &str| definition.text(field).to_owned();
        let description = match owned("description") {
            none if none.is_empty() => {
                format!("Custom resource definition column (in JSONPath format): {path}")
            }
            given => given,
        };
        Some(Self {
            name: owned("name"),
            kind_name: owned("type"),
            format: owned("format"),
            description,
            priority: definition.int("priority"),
            kind: Kind::of(definition.text("type")),
            path: Path::parse(path)?,
        })
    }

    /// Returns the column as tables show it.
    pub(super) fn column(&self) -> Column<'_> {
        Column {
            name: &self.name,
            kind: &self.kind_name,
            format: &self.format,
            description: &self.description,
            priority: self.priority,
        }
    }

    /// Makes the cell of an object.
    pub(super) fn cell(&self, object: &Value, now: i64) -> Value {
        let Some(value) = self.path.first(object) else { return Value::Null };
        match self.kind {
            Kind::Text => printed(value).into(),
            Kind::Integer => integer(value),
            Kind::Number => number(value),
            Kind::Boolean => value.as_bool().map_or(Value::Null, Value::Bool),
            Kind::Date => date(value, now),
            Kind::Unknown => Value::Null,
        }
    }
}

fn integer(value: &Value) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the fraction is dropped, and the cast saturates")]
    let truncated = || value.as_f64().map(|float| float as i64);
    value.as_i64().or_else(truncated).map_or(Value::Null, Value::from)
}

/// Returns a number, without a fraction if it is whole.
fn number(value: &Value) -> Value {
    match value.as_f64() {
        Some(float) if value.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => integer(value),
        Some(_) => value.clone(),
        None => Value::Null,
    }
}

fn date(value: &Value, now: i64) -> Value {
    match value {
        Value::String(text) if text.is_empty() || text == "null" => age::UNKNOWN.into(),
        Value::String(text) if age::parse(text).is_none() => "<invalid>".into(),
        Value::String(_) => age::since(value, now).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Value::Null,
    }
}

/// Returns any value as text.
fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_i64() => printed_float(float),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => compact(value),
    }
}

/// Returns a list or object as JSON that can stand in a web page, as servers write it.
fn compact(value: &Value) -> String {
    let mut escaped = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns a float in the fewest digits, with an exponent of at least two digits where it is very large or small.
fn printed_float(float: f64) -> String {
    let size = float.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |small| ('-', small));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests;
