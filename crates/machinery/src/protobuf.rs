//! Objects in Kubernetes' protobuf, to and from JSON values.
//!
//! A body is four bytes of magic and a `runtime.Unknown`: the type and, inside, the message of the object. A
//! [`Schema`] of the built-in kinds says how that message is laid out, so there is no code per kind:
//!
//! ```text
//! body --(decode_envelope)--> type, raw --(decode, schema)--> Value --(encode, schema)--> raw --(encode_envelope)--> body
//! ```
//!
//! A decoded object is what Go would print as JSON after it decoded the same bytes. A zero of a scalar that Go does
//! not point to is left out where JSON leaves it out, see [`Presence`](crate::schema::Presence); empty messages stay as `{}`.
//! An empty list or map has no form in protobuf and is gone after a round trip.
//!
//! Bytes are never trusted: lengths are checked before anything is made, messages nest at most
//! [`MAX_DEPTH`] deep, strings are UTF-8, unknown fields are skipped. Nothing panics.

mod base64;
mod decode;
mod encode;
mod opaque;
mod time;
mod wire;

#[cfg(test)]
mod tests;

use serde_json::Value;
use thiserror::Error;

use crate::schema::Schema;
use wire::{Reader, put_bytes, put_message};

/// How deep messages may nest.
pub const MAX_DEPTH: usize = 100;

/// What a body begins with.
pub const MAGIC: &[u8] = b"k8s\0";

/// The media type of bodies.
pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Why bytes are no object, or an object has no bytes.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProtobufError {
    /// The body has another form.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoMagic,
    /// The bytes end inside of a field.
    #[error("unexpected EOF")]
    Truncated,
    /// A number takes more than 64 bits.
    #[error("proto: integer overflow")]
    Overflow,
    /// A tag has the number 0, one too large, or an unknown wire type.
    #[error("proto: illegal tag {0}")]
    IllegalTag(u64),
    /// A group ends that did not begin.
    #[error("proto: unexpected end of group")]
    UnexpectedEndGroup,
    /// A known field has another form than its type.
    #[error("proto: wrong wireType = {found} for field {field}")]
    WireType {
        /// The wire type.
        found: u8,
        /// The name in JSON.
        field: String,
    },
    /// Messages nest deeper than [`MAX_DEPTH`].
    #[error("messages nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A string is not UTF-8.
    #[error("string field contains invalid UTF-8")]
    NotUtf8,
    /// A value cannot be carried over.
    #[error("{0}")]
    Value(String),
}

/// The outer message of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The group and version.
    pub api_version: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The message of the object.
    pub raw: &'a [u8],
    /// How `raw` is compressed; empty for not at all.
    pub content_encoding: &'a str,
    /// What `raw` is; empty for protobuf.
    pub content_type: &'a str,
}

/// Reads the outer message of a body.
pub fn decode_envelope(body: &[u8]) -> Result<Envelope<'_>, ProtobufError> {
    let rest = body.strip_prefix(MAGIC).ok_or(ProtobufError::NoMagic)?;
    let mut envelope = Envelope::default();
    let mut reader = Reader::new(rest);
    while let Some((number, value)) = reader.field()? {
        match number {
            1 => {
                let mut types = Reader::new(value.bytes("typeMeta")?);
                while let Some((number, value)) = types.field()? {
                    match number {
                        1 => envelope.api_version = value.text("apiVersion")?,
                        2 => envelope.kind = value.text("kind")?,
                        _ => {}
                    }
                }
            }
            2 => envelope.raw = value.bytes("raw")?,
            3 => envelope.content_encoding = value.text("contentEncoding")?,
            4 => envelope.content_type = value.text("contentType")?,
            _ => {}
        }
    }
    Ok(envelope)
}

/// Makes a body of the message of an object.
pub fn encode_envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAGIC.len() + api_version.len() + kind.len() + raw.len() + 32);
    out.extend_from_slice(MAGIC);
    put_message(1, &mut out, |out| {
        put_bytes(1, api_version.as_bytes(), out);
        put_bytes(2, kind.as_bytes(), out);
    });
    put_bytes(2, raw, &mut out);
    put_bytes(3, b"", &mut out);
    put_bytes(4, b"", &mut out);
    out
}

/// Reads the message of an object. The type is in the envelope: `apiVersion` and `kind` are for the caller to add.
pub fn decode(raw: &[u8], schema: Schema<'_>) -> Result<Value, ProtobufError> {
    decode::message(raw, schema, 0)
}

/// Writes the message of an object, without `apiVersion` and `kind`. Fields that the schema lacks are left out.
pub fn encode(object: &Value, schema: Schema<'_>) -> Result<Vec<u8>, ProtobufError> {
    let mut out = Vec::with_capacity(512);
    encode::message(object, schema, 0, &mut out)?;
    Ok(out)
}

/// Writes the message of a list of objects (`PodList` and all its like); `metadata` is of the type `ListMeta`.
pub fn encode_list<'a>(
    metadata: &Value,
    list_meta: Schema<'_>,
    items: impl IntoIterator<Item = &'a Value>,
    schema: Schema<'_>,
) -> Result<Vec<u8>, ProtobufError> {
    let mut out = Vec::with_capacity(1024);
    put_message(1, &mut out, |out| encode::message(metadata, list_meta, 1, out))?;
    for item in items {
        put_message(2, &mut out, |out| encode::message(item, schema, 1, out))?;
    }
    Ok(out)
}

/// Writes an event of a watch; `body` is the body of its object. On the wire its length goes before it,
/// four bytes, the highest first.
pub fn encode_watch_event(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(kind.len() + body.len() + 16);
    put_bytes(1, kind.as_bytes(), &mut out);
    put_message(2, &mut out, |out| put_bytes(1, body, out));
    out
}
