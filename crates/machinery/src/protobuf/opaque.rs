//! The types that are anything in JSON and have a message of their own in protobuf.

use serde_json::Value;

use super::decode::last;
use super::encode::mismatch;
use super::wire::{Reader, put_bytes, put_message, put_number};
use super::{MAGIC, MAX_DEPTH, ProtobufError, decode, decode_envelope, encode};
use crate::schema::Schema;

const EXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.";
const PROPS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opaque {
    /// JSON as bytes in field 1, or an envelope.
    Extension,
    /// JSON as bytes in field 1.
    Json,
    /// A message without fields.
    Empty,
    /// A boolean in field 1, a schema in field 2 that goes before it.
    PropsOrBool,
    /// A schema in field 1, or several in field 2.
    PropsOrArray,
    /// A schema in field 1, or strings in field 2.
    PropsOrStrings,
}

impl Opaque {
    /// Finds the form of a type by its published name.
    pub(super) fn of(name: &str) -> Result<Self, ProtobufError> {
        let form = match name.strip_prefix(EXTENSIONS).and_then(|rest| rest.split_once('.')) {
            Some((_version, "JSON")) => Some(Self::Json),
            Some((_version, "CustomResourceSubresourceStatus")) => Some(Self::Empty),
            Some((_version, "JSONSchemaPropsOrBool")) => Some(Self::PropsOrBool),
            Some((_version, "JSONSchemaPropsOrArray")) => Some(Self::PropsOrArray),
            Some((_version, "JSONSchemaPropsOrStringArray")) => Some(Self::PropsOrStrings),
            Some(_) => None,
            None => match name {
                "io.k8s.apimachinery.pkg.runtime.RawExtension" => Some(Self::Extension),
                "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1" => Some(Self::Json),
                _ => None,
            },
        };
        form.ok_or_else(|| ProtobufError::Value(format!("{name:?} has no form in protobuf")))
    }

    pub(super) fn decode(self, bytes: &[u8], at: Schema<'_>, depth: usize) -> Result<Value, ProtobufError> {
        if depth >= MAX_DEPTH {
            return Err(ProtobufError::TooDeep);
        }
        match self {
            Self::Empty => {
                let mut reader = Reader::new(bytes);
                while reader.field()?.is_some() {}
                Ok(Value::Object(serde_json::Map::new()))
            }
            Self::Extension | Self::Json => match last(bytes, 1)? {
                None => Ok(Value::Null),
                Some(wire) => {
                    let raw = wire.bytes("raw")?;
                    if self == Self::Extension && raw.starts_with(MAGIC) {
                        enveloped(raw, at, depth)
                    } else {
                        json(raw)
                    }
                }
            },
            Self::PropsOrBool => {
                if let Some(wire) = last(bytes, 2)? {
                    return decode::message(wire.bytes("schema")?, props(at)?, depth + 1);
                }
                let allows = last(bytes, 1)?.map_or(Ok(0), |wire| wire.varint("allows"))?;
                Ok(Value::Bool(allows != 0))
            }
            Self::PropsOrArray | Self::PropsOrStrings => self.decode_list(bytes, at, depth),
        }
    }

    /// A list goes before a single schema.
    fn decode_list(self, bytes: &[u8], at: Schema<'_>, depth: usize) -> Result<Value, ProtobufError> {
        let (mut single, mut list) = (None, Vec::new());
        let mut reader = Reader::new(bytes);
        while let Some((number, wire)) = reader.field()? {
            match number {
                1 => single = Some(wire.bytes("schema")?),
                2 if self == Self::PropsOrStrings => list.push(wire.text("property")?.into()),
                2 => list.push(decode::message(wire.bytes("jSONSchemas")?, props(at)?, depth + 1)?),
                _ => {}
            }
        }
        match single {
            Some(bytes) if list.is_empty() => decode::message(bytes, props(at)?, depth + 1),
            None if list.is_empty() => Ok(Value::Null),
            Some(_) | None => Ok(Value::Array(list)),
        }
    }

    pub(super) fn encode(
        self,
        value: &Value,
        at: Schema<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtobufError> {
        match (self, value) {
            (Self::Empty, _) | (_, Value::Null) => Ok(()),
            (Self::Extension | Self::Json, _) => {
                put_bytes(1, value.to_string().as_bytes(), out);
                Ok(())
            }
            (Self::PropsOrBool, Value::Bool(allows)) => {
                put_number(1, (*allows).into(), out);
                Ok(())
            }
            (Self::PropsOrBool, Value::Object(_)) => {
                put_number(1, 1, out);
                put_message(2, out, |out| encode::message(value, props(at)?, depth + 1, out))
            }
            (Self::PropsOrArray | Self::PropsOrStrings, Value::Object(_)) => {
                put_message(1, out, |out| encode::message(value, props(at)?, depth + 1, out))
            }
            (Self::PropsOrArray, Value::Array(list)) => list.iter().try_for_each(|item| {
                put_message(2, out, |out| encode::message(item, props(at)?, depth + 1, out))
            }),
            (Self::PropsOrStrings, Value::Array(list)) => list.iter().try_for_each(|item| {
                let text = item.as_str().ok_or_else(|| mismatch(at.name(), "a list of strings"))?;
                put_bytes(2, text.as_bytes(), out);
                Ok(())
            }),
            (Self::PropsOrBool, _) => Err(mismatch(at.name(), "a schema or a boolean")),
            (Self::PropsOrArray | Self::PropsOrStrings, _) => Err(mismatch(at.name(), "a schema or a list")),
        }
    }
}

fn props(at: Schema<'_>) -> Result<Schema<'_>, ProtobufError> {
    at.set().named(PROPS).ok_or_else(|| ProtobufError::Value("JSONSchemaProps is not known".to_owned()))
}

fn json(raw: &[u8]) -> Result<Value, ProtobufError> {
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(raw).map_err(|error| ProtobufError::Value(error.to_string()))
}

/// Reads an object within an object. Its type is found by its group, version and kind.
fn enveloped(body: &[u8], at: Schema<'_>, depth: usize) -> Result<Value, ProtobufError> {
    let envelope = decode_envelope(body)?;
    if envelope.content_type == "application/json" {
        return json(envelope.raw);
    }
    let (group, version) = envelope.api_version.split_once('/').unwrap_or(("core", envelope.api_version));
    let (group, kind) = (group.split('.').next().unwrap_or(group), envelope.kind);
    let known = at.set().named(&format!("io.k8s.api.{group}.{version}.{kind}"));
    let known = known.or_else(|| at.set().named(&format!("{EXTENSIONS}{version}.{kind}")));
    let unknown =
        || ProtobufError::Value(format!("no kind {kind:?} is registered for {:?}", envelope.api_version));
    let mut value = decode::message(envelope.raw, known.ok_or_else(unknown)?, depth + 1)?;
    if let Value::Object(object) = &mut value {
        object.insert("apiVersion".to_owned(), envelope.api_version.into());
        object.insert("kind".to_owned(), kind.into());
    }
    Ok(value)
}
