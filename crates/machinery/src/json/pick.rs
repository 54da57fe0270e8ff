//! Parts of an object, read without the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::DecodeError;

/// The most paths that are looked for at once.
const MAX_PATHS: usize = 64;

/// Reads what some paths lead to: an object with nothing else in it.
///
/// What no path leads to is passed over and costs no memory. It is known to be JSON in its form, but numbers in it
/// may be out of range. Of more than 64 paths the rest are not looked for.
pub fn pick<'p>(bytes: &[u8], paths: impl IntoIterator<Item = &'p [&'p str]>) -> Result<Value, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DecodeError(error.to_string()))?;
    let paths: Vec<&[&str]> = paths.into_iter().take(MAX_PATHS).collect();
    let live = (0..paths.len()).fold(0, |live, at| live | 1 << at);
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    let found = Pick { paths: &paths, live, depth: 0 }.deserialize(&mut json);
    found.and_then(|found| json.end().map(|()| found)).map_err(|error| DecodeError(error.to_string()))
}

/// The paths that go on below a place.
#[derive(Clone, Copy)]
struct Pick<'a> {
    paths: &'a [&'a [&'a str]],
    live: u64,
    depth: usize,
}

impl Pick<'_> {
    /// Returns the paths that go through a key, and whether one ends there.
    fn step(self, key: &str) -> (Self, bool) {
        let (mut live, mut ends) = (0, false);
        for (at, path) in self.paths.iter().enumerate() {
            if self.live & 1 << at != 0 && path.get(self.depth) == Some(&key) {
                live |= 1 << at;
                ends |= path.len() == self.depth + 1;
            }
        }
        (Self { paths: self.paths, live, depth: self.depth + 1 }, ends)
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = entries.next_key::<Key<'de>>()? {
            let (below, ends) = self.step(&key);
            if ends {
                map.insert(key.into_owned(), entries.next_value()?);
            } else if below.live != 0 {
                map.insert(key.into_owned(), entries.next_value_seed(below)?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(map))
    }

    // Paths lead through objects only: there is nothing to find in anything else.

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// A key, borrowed if it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PATHS: &[&[&str]] =
        &[&["metadata", "labels"], &["spec", "nodeName"], &["spec", "a", "b"], &["reason"]];

    fn found(text: &str) -> Option<Value> {
        pick(text.as_bytes(), PATHS.iter().copied()).ok()
    }

    #[test]
    fn only_what_paths_lead_to_is_read() {
        let object = json!({
            "metadata": {"name": "x", "labels": {"a": "b", "spec": "c"}},
            "spec": {"nodeName": "n", "a": {"b": [1, {"c": null}], "d": 1}, "containers": [{"nodeName": "no"}]},
            "nodeName": "no", "status": {"reason": "no"},
        });
        let expected = json!({
            "metadata": {"labels": {"a": "b", "spec": "c"}},
            "spec": {"nodeName": "n", "a": {"b": [1, {"c": null}]}},
        });
        assert_eq!(found(&object.to_string()), Some(expected));
    }

    #[test]
    fn other_things_in_the_way_are_nothing() {
        for (text, expected) in [
            (r#"{"spec":"x","metadata":[{"labels":1}]}"#, json!({"spec": null, "metadata": null})),
            (r#"{"reason":1e999}"#, Value::Null),
            (r#"{"spec":-1,"re\u0061son":"escaped"}"#, json!({"spec": null, "reason": "escaped"})),
            ("7", Value::Null),
        ] {
            assert_eq!(found(text).unwrap_or_default(), expected, "{text}");
        }
        for bad in ["", "{", r#"{"other":"#, "{}x", r#"{"other":[1,]}"#] {
            assert_eq!(found(bad), None, "{bad}");
        }
        assert!(pick(b"{\"other\":\"\xff\"}", PATHS.iter().copied()).is_err());
        let deep = format!("{{\"other\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(found(&deep), Some(json!({})));
    }
}
