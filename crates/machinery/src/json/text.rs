//! JSON, read in one pass that notes duplicate keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{DecodeError, Decoded, MAX_DEPTH, MAX_STORED_DEPTH, Place, note};

const TOO_DEEP: &str = "exceeded max depth";

/// Reads JSON. Invalid UTF-8 is replaced, integers of 64 bits stay integers and larger ones become floats.
pub fn decode_json(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode(bytes, MAX_DEPTH)
}

/// Reads an object from the store: whatever could be written can be read.
pub fn decode_stored(bytes: &[u8]) -> Result<Value, DecodeError> {
    // The parser's own way is the quickest; it gives up at a depth that few objects have.
    serde_json::from_slice(bytes).or_else(|_| decode(bytes, MAX_STORED_DEPTH).map(|decoded| decoded.value))
}

fn decode(bytes: &[u8], depth: usize) -> Result<Decoded, DecodeError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    let mut duplicates = Vec::new();
    let mut json = serde_json::Deserializer::from_str(&text);
    // Depth is bounded below, at more than the parser would allow.
    json.disable_recursion_limit();
    let seed = Seed { place: Place::Root, room: depth, duplicates: &mut duplicates };
    let value = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match value {
        Ok(value) => Ok(Decoded { value, duplicates }),
        Err(error) => Err(DecodeError(in_words_of_go(&error, &text))),
    }
}

struct Seed<'a> {
    place: Place<'a>,
    /// How many more levels there may be.
    room: usize,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "that is what the server does to integers beyond 64 bits")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| (value as f64).into(), Value::from))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // The parser makes a float of `-0`.
        let negative_zero = value.to_bits() == (-0.0_f64).to_bits();
        Ok(if negative_zero { 0.into() } else { Number::from_f64(value).map_or(Value::Null, Value::Number) })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { place, room, duplicates } = self;
        if room == 0 {
            return Err(A::Error::custom(TOO_DEEP));
        }
        let mut list = Vec::new();
        loop {
            let place = Place::Item(&place, list.len());
            match items.next_element_seed(Seed { place, room: room - 1, duplicates: &mut *duplicates })? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Self { place, room, duplicates } = self;
        if room == 0 {
            return Err(A::Error::custom(TOO_DEEP));
        }
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let at = Place::Key(&place, &key);
            if map.contains_key(&key) {
                note(duplicates, "duplicate", at);
            }
            let seed = Seed { place: at, room: room - 1, duplicates: &mut *duplicates };
            let value = entries.next_value_seed(seed)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Says what is wrong as Go's parser would.
fn in_words_of_go(error: &serde_json::Error, text: &str) -> String {
    let message = error.to_string();
    if message.starts_with(TOO_DEEP) {
        return TOO_DEEP.to_owned();
    }
    if error.is_eof() || text.is_empty() {
        return "unexpected end of JSON input".to_owned();
    }
    let context = [
        ("expected value", "looking for beginning of value"),
        ("expected ident", "in literal"),
        ("key must be a string", "looking for beginning of object key string"),
        ("trailing characters", "after top-level value"),
        ("trailing comma", "looking for beginning of value"),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("control character", "in string literal"),
        ("invalid escape", "in string escape code"),
        ("invalid number", "in numeric literal"),
    ];
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or("");
    let column = error.column().saturating_sub(1);
    let found = line.get(column..).and_then(|rest| rest.chars().next());
    match (context.iter().find(|(start, _)| message.starts_with(start)), found) {
        (Some((_, context)), Some(found)) => format!("invalid character {found:?} {context}"),
        (_, _) => message,
    }
}
