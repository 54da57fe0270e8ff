//! Values that expressions work with. Objects and lists of the request are borrowed and looked into lazily.

use std::net::IpAddr;
use std::rc::Rc;

use serde_json::Value;
use stanchion_machinery::structural::{Structural, Type};

use crate::time;

/// Why an evaluation ended without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The work allowed is used up.
    Budget,
    /// The expression failed.
    Error(String),
}

impl Fault {
    pub(crate) fn error<T>(says: impl Into<String>) -> Result<T, Self> {
        Err(Self::Error(says.into()))
    }

    pub(crate) fn overload<T>() -> Result<T, Self> {
        Self::error("no such overload")
    }
}

/// A version as semver.org has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Semver {
    pub(crate) core: [u64; 3],
    pub(crate) pre: Vec<String>,
}

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Borrowed(&'a str),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since 1970.
    Timestamp(i128),
    Json(&'a Value, Option<&'a Structural>),
    List(Rc<Vec<Val<'a>>>),
    Map(Rc<Vec<(Val<'a>, Val<'a>)>>),
    Optional(Option<Rc<Val<'a>>>),
    Type(&'static str),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
    /// In units of 10⁻⁹.
    Quantity(i128),
    Url(Rc<Url>),
    Semver(Rc<Semver>),
    Format(&'static str),
}

impl<'a> Val<'a> {
    /// Makes a string.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Rc::from(text.as_ref()))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(items))
    }

    pub(crate) fn some(value: Self) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    /// Looks at a JSON value with what its schema says of it.
    pub(crate) fn of(value: &'a Value, schema: Option<&'a Structural>) -> Result<Self, Fault> {
        let kind = schema.filter(|s| !s.int_or_string).and_then(|s| s.kind);
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => {
                let double = number.as_f64().unwrap_or(f64::NAN);
                match (kind, number.as_i64()) {
                    (Some(Type::Number), _) => Self::Double(double),
                    (_, Some(int)) => Self::Int(int),
                    (Some(Type::Integer), None) => match int_of(double) {
                        Some(int) => Self::Int(int),
                        None => return Fault::error("integer overflow"),
                    },
                    (_, None) => Self::Double(double),
                }
            }
            Value::String(text) => match schema.map_or("", |s| s.checks.format.as_str()) {
                "byte" => match crate::functions::base64(text) {
                    Some(bytes) => Self::Bytes(Rc::from(bytes)),
                    None => return Fault::error("illegal base64 data"),
                },
                "duration" => match Some(text).filter(|t| t.len() < MAX_TIME).and_then(|t| time::duration(t))
                {
                    Some(nanos) => Self::Duration(nanos),
                    None => return Fault::error(format!("Invalid duration {text}")),
                },
                "date" | "date-time" => match moment(text) {
                    Some(nanos) => Self::Timestamp(nanos),
                    None => return Fault::error(format!("Invalid date formatted string {text}")),
                },
                _ => Self::Borrowed(text),
            },
            Value::Array(_) | Value::Object(_) => Self::Json(value, schema),
        })
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Borrowed(text) => Some(text),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns how many items or entries there are, if it has any.
    pub(crate) fn count(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.len()),
            Self::Map(entries) => Some(entries.len()),
            Self::Json(Value::Array(items), _) => Some(items.len()),
            Self::Json(Value::Object(map), _) => Some(map.len()),
            _ => None,
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Json(Value::Array(_), _))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Json(Value::Object(_), _))
    }

    /// Returns an item of a list.
    pub(crate) fn item(&self, index: usize) -> Option<Result<Self, Fault>> {
        match self {
            Self::List(items) => items.get(index).cloned().map(Ok),
            Self::Json(Value::Array(items), schema) => {
                let schema = schema.and_then(|s| s.items.as_deref());
                items.get(index).map(|item| Self::of(item, schema))
            }
            _ => None,
        }
    }

    /// Returns all items of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, Fault> {
        (0..self.count().unwrap_or(0)).filter_map(|index| self.item(index)).collect()
    }

    /// Returns the keys of a map with their values.
    pub(crate) fn entries(&self) -> Result<Vec<(Self, Self)>, Fault> {
        match self {
            Self::Map(entries) => Ok(entries.as_ref().clone()),
            Self::Json(Value::Object(map), schema) => map
                .iter()
                .map(|(key, value)| Ok((Self::Borrowed(key), Self::of(value, below(*schema, key))?)))
                .collect(),
            _ => Fault::overload(),
        }
    }

    /// Returns the value of a field or key that is a string.
    pub(crate) fn field(&self, name: &str) -> Option<Result<Self, Fault>> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| Ok(value.clone()))
            }
            Self::Json(Value::Object(map), schema) => {
                map.get(name).map(|value| Self::of(value, below(*schema, name)))
            }
            _ => None,
        }
    }

    /// Returns what `type()` says.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Borrowed(_) | Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::List(_) | Self::Json(Value::Array(_), _) => "list",
            Self::Map(_) | Self::Json(..) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Ip(_) => "net.IP",
            Self::Cidr(..) => "net.CIDR",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Url(_) => "kubernetes.URL",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Format(_) => "kubernetes.NamedFormat",
        }
    }
}

/// Bytes a duration or moment may have; longer ones would be dear to read again and again.
const MAX_TIME: usize = 64;

fn moment(text: &str) -> Option<i128> {
    if text.len() < MAX_TIME { time::timestamp(text).or_else(|| time::date(text)) } else { None }
}

fn below<'a>(schema: Option<&'a Structural>, name: &str) -> Option<&'a Structural> {
    let schema = schema?;
    schema.properties.get(name).or_else(|| schema.additional.schema())
}

/// Returns a float as an integer if it is in range, cut off towards zero.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn int_of(value: f64) -> Option<i64> {
    (value > -9.223_372_036_854_775e18 && value < 9.223_372_036_854_775e18).then_some(value as i64)
}
