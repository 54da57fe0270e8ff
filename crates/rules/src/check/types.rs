//! Types with the greatest sizes their values can have.

use stanchion_machinery::structural::{Additional, Structural, Type};

use crate::escape::unescape;
use crate::syntax::Binary;

/// The greatest request; what has no bound of its own is bounded by it.
pub(crate) const MAX_REQUEST: u64 = 3 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(crate) enum Ty<'s> {
    /// Anything, up to a size.
    Dyn(u64),
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text(u64),
    Bytes(u64),
    Duration,
    Timestamp,
    List(Box<Ty<'s>>, u64),
    Map(Box<Ty<'s>>, Box<Ty<'s>>, u64),
    /// Declared fields; and whether `apiVersion`, `kind` and `metadata` are among them.
    Object(&'s Structural, bool),
    /// The metadata of an object, of which only names can be seen.
    Meta,
    Optional(Box<Ty<'s>>),
    Type,
}

/// Returns the type of the values of a schema; nothing if expressions cannot see them.
pub(crate) fn declare(schema: &Structural, resource: bool) -> Option<Ty<'_>> {
    let c = &schema.checks;
    if schema.int_or_string {
        return Some(Ty::Dyn(c.max_length.unwrap_or(MAX_REQUEST)));
    }
    Some(match schema.kind? {
        Type::Boolean => Ty::Bool,
        Type::Integer => Ty::Int,
        Type::Number => Ty::Double,
        Type::String => {
            let listed = c.allowed.iter().filter_map(|v| v.as_str()).map(|v| v.len() as u64).max();
            let size = c.max_length.or(listed).unwrap_or(MAX_REQUEST - 2);
            match c.format.as_str() {
                "byte" => Ty::Bytes(size),
                "duration" => Ty::Duration,
                "date" | "date-time" => Ty::Timestamp,
                _ => Ty::Text(size),
            }
        }
        Type::Array => {
            let items = schema.items.as_deref()?;
            let ty = declare(items, items.embedded_resource)?;
            let size = c.max_items.unwrap_or((MAX_REQUEST - 2) / (min_size(items) + 1));
            Ty::List(Box::new(ty), size)
        }
        Type::Object => match &schema.additional {
            Additional::Schema(values) if schema.properties.is_empty() && !resource => {
                let ty = declare(values, values.embedded_resource)?;
                let size = c.max_properties.unwrap_or((MAX_REQUEST - 2) / (min_size(values) + 6));
                Ty::Map(Box::new(Ty::Text(MAX_REQUEST / size.clamp(1, MAX_REQUEST))), Box::new(ty), size)
            }
            Additional::Schema(_) | Additional::Allowed(_) | Additional::Undefined => {
                Ty::Object(schema, resource || schema.embedded_resource)
            }
        },
    })
}

/// Returns the type of a field that an identifier names.
pub(super) fn field<'s>(schema: &'s Structural, resource: bool, name: &str) -> Option<Ty<'s>> {
    match name {
        "apiVersion" | "kind" if resource => return Some(Ty::Text(253)),
        "metadata" if resource => return Some(Ty::Meta),
        _ => {}
    }
    let property = schema.properties.get(unescape(name).as_ref())?;
    declare(property, property.embedded_resource)
}

/// Returns the fewest bytes a value can take in JSON.
pub(crate) fn min_size(schema: &Structural) -> u64 {
    if schema.int_or_string {
        return 1;
    }
    match schema.kind {
        Some(Type::Boolean) => 4,
        Some(Type::Integer | Type::Number) | None => 1,
        Some(Type::Array) => 2,
        Some(Type::String) => match schema.checks.format.as_str() {
            "date" => 12,
            "date-time" => 22,
            "duration" => 4,
            _ => 2,
        },
        Some(Type::Object) => {
            let required = schema.checks.required.iter().filter_map(|name| {
                let property = schema.properties.get(name).filter(|p| p.default.is_none())?;
                Some(name.len() as u64 + 4 + min_size(property))
            });
            2 + required.sum::<u64>()
        }
    }
}

impl Ty<'_> {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Dyn(size)
            | Self::Text(size)
            | Self::Bytes(size)
            | Self::List(_, size)
            | Self::Map(_, _, size) => *size,
            Self::Optional(of) => of.size(),
            Self::Null
            | Self::Bool
            | Self::Int
            | Self::Uint
            | Self::Double
            | Self::Duration
            | Self::Timestamp
            | Self::Object(..)
            | Self::Meta
            | Self::Type => 1,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Dyn(_) => "dyn".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Uint => "uint".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::Bytes(_) => "bytes".to_owned(),
            Self::Duration => "google.protobuf.Duration".to_owned(),
            Self::Timestamp => "google.protobuf.Timestamp".to_owned(),
            Self::List(of, _) => format!("list({})", of.name()),
            Self::Map(key, of, _) => format!("map({}, {})", key.name(), of.name()),
            Self::Object(..) | Self::Meta => "object".to_owned(),
            Self::Optional(of) => format!("optional_type({})", of.name()),
            Self::Type => "type".to_owned(),
        }
    }

    pub(super) fn optional(self, wrap: bool) -> Self {
        if wrap && !matches!(self, Self::Optional(_)) { Self::Optional(Box::new(self)) } else { self }
    }

    pub(super) fn without_optional(self) -> Self {
        match self {
            Self::Optional(of) => *of,
            other => other,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double | Self::Dyn(_))
    }

    pub(super) fn is_ordered(&self) -> bool {
        !matches!(
            self,
            Self::Null
                | Self::List(..)
                | Self::Map(..)
                | Self::Object(..)
                | Self::Meta
                | Self::Optional(_)
                | Self::Type
        )
    }

    /// Returns the type that both can be, if there is one.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        let size = self.size().max(other.size());
        Some(match (self, other) {
            (Self::Dyn(_), _)
            | (_, Self::Dyn(_))
            | (Self::Map(..), Self::Object(..))
            | (Self::Object(..), Self::Map(..)) => Self::Dyn(size),
            (Self::Null, of) | (of, Self::Null) => of.clone(),
            (Self::Text(_), Self::Text(_)) => Self::Text(size),
            (Self::Bytes(_), Self::Bytes(_)) => Self::Bytes(size),
            (Self::List(a, _), Self::List(b, _)) => Self::List(Box::new(a.join(b)?), size),
            (Self::Map(k, a, _), Self::Map(l, b, _)) => {
                Self::Map(Box::new(k.join(l)?), Box::new(a.join(b)?), size)
            }
            (Self::Optional(a), Self::Optional(b)) => Self::Optional(Box::new(a.join(b)?)),
            (Self::Object(a, r), Self::Object(..)) => Self::Object(a, *r),
            (a, b) if std::mem::discriminant(a) == std::mem::discriminant(b) => a.clone(),
            _ => return None,
        })
    }

    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let size = self.size().saturating_add(other.size());
        Some(match (self, other) {
            (Self::Dyn(_), _) | (_, Self::Dyn(_)) => Self::Dyn(size),
            (Self::Text(_), Self::Text(_)) => Self::Text(size),
            (Self::Bytes(_), Self::Bytes(_)) => Self::Bytes(size),
            (Self::List(a, _), Self::List(b, _)) => Self::List(Box::new(a.join(b)?), size),
            (Self::Timestamp, Self::Duration) | (Self::Duration, Self::Timestamp) => Self::Timestamp,
            (Self::Int, Self::Int) => Self::Int,
            (Self::Uint, Self::Uint) => Self::Uint,
            (Self::Double, Self::Double) => Self::Double,
            (Self::Duration, Self::Duration) => Self::Duration,
            _ => return None,
        })
    }

    pub(super) fn arithmetic(&self, other: &Self, operator: Binary) -> Option<Self> {
        let minus = operator == Binary::Subtract;
        Some(match (self, other) {
            (Self::Dyn(_), _) | (_, Self::Dyn(_)) => Self::Dyn(1),
            (Self::Int, Self::Int) => Self::Int,
            (Self::Uint, Self::Uint) => Self::Uint,
            (Self::Double, Self::Double) if operator != Binary::Modulo => Self::Double,
            (Self::Timestamp, Self::Timestamp) | (Self::Duration, Self::Duration) if minus => Self::Duration,
            (Self::Timestamp, Self::Duration) if minus => Self::Timestamp,
            _ => return None,
        })
    }
}
