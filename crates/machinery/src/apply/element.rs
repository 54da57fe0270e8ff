//! Steps of a field path: how they sort, read and are written in `FieldsV1`.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

use super::values;

/// One step from a value to a part of it.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// To the field of a struct or the value of a map.
    Field(String),
    /// To the item of a list with these values in its key fields, sorted by name.
    Key(Vec<(String, Value)>),
    /// To this item of a set.
    Value(Value),
    /// To an item by its place.
    Index(usize),
}

impl PathElement {
    /// Makes a step to a field.
    pub fn field(name: impl Into<String>) -> Self {
        Self::Field(name.into())
    }

    /// Makes a step to an item by its keys, in any order.
    pub fn key(mut keys: Vec<(String, Value)>) -> Self {
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(keys)
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }

    /// Returns the step as it stands in `FieldsV1`.
    pub(super) fn encode(&self) -> String {
        match self {
            Self::Field(name) => {
                let mut out = String::with_capacity(name.len() + 2);
                out.push_str("f:");
                out.push_str(name);
                out
            }
            Self::Key(keys) => {
                let mut out = String::from("k:{");
                for (index, (name, value)) in keys.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    values::json_string(name, &mut out);
                    out.push(':');
                    values::json(value, &mut out);
                }
                out.push('}');
                out
            }
            Self::Value(value) => {
                let mut out = String::from("v:");
                values::json(value, &mut out);
                out
            }
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads a step of `FieldsV1`. There is none in text of a sort that is not known yet, which is skipped.
    pub(super) fn decode(text: &str) -> Result<Option<Self>, String> {
        let bytes = text.as_bytes();
        let (Some(sort), Some(colon)) = (bytes.first(), bytes.get(1)) else {
            return Err("key must be 2 characters long:".to_owned());
        };
        if *colon != b':' {
            return Err(format!("missing colon: {text}"));
        }
        let rest = &text[2..];
        Ok(Some(match sort {
            b'f' => Self::Field(rest.to_owned()),
            b'v' => Self::Value(serde_json::from_str(rest).map_err(|e| e.to_string())?),
            b'k' => {
                let keys: Map<String, Value> = serde_json::from_str(rest).map_err(|e| e.to_string())?;
                Self::key(keys.into_iter().collect())
            }
            b'i' => Self::Index(rest.parse().map_err(|e: std::num::ParseIntError| e.to_string())?),
            _ => return Ok(None),
        }))
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => compare_keys(a, b),
            (Self::Value(a), Self::Value(b)) => values::compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

fn compare_keys(a: &[(String, Value)], b: &[(String, Value)]) -> Ordering {
    let differing = a
        .iter()
        .zip(b)
        .map(|(a, b)| a.0.cmp(&b.0).then_with(|| values::compare(&a.1, &b.1)))
        .find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                let keys: Vec<String> =
                    keys.iter().map(|(name, value)| format!("{name}={}", values::in_path(value))).collect();
                write!(f, "[{}]", keys.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", values::in_path(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The steps from an object to one of its fields; shown as in a conflict.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<PathElement>);

impl FieldPath {
    /// Makes a path of names of fields only.
    pub fn of_fields<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(PathElement::field).collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_sort_and_read_as_clients_know_them() {
        let key = |pairs: &[(&str, Value)]| {
            PathElement::key(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
        };
        let sorted = [
            (PathElement::field("a"), "f:a", ".a"),
            (PathElement::field("b<"), "f:b<", ".b<"),
            (key(&[("name", json!("c<d"))]), r#"k:{"name":"c\u003cd"}"#, r#"[name="c<d"]"#),
            (
                key(&[("protocol", json!("TCP")), ("port", json!(80))]),
                r#"k:{"port":80,"protocol":"TCP"}"#,
                r#"[port=80,protocol="TCP"]"#,
            ),
            (PathElement::Value(json!(3)), "v:3", "[=3]"),
            (PathElement::Value(json!("x")), "v:\"x\"", "[=\"x\"]"),
            (PathElement::Value(json!(true)), "v:true", "[=true]"),
            (PathElement::Index(2), "i:2", "[2]"),
            (PathElement::Index(10), "i:10", "[10]"),
        ];
        for (i, (a, encoded, shown)) in sorted.iter().enumerate() {
            assert_eq!(a.encode(), *encoded);
            assert_eq!(a.to_string(), *shown);
            assert_eq!(PathElement::decode(encoded).as_ref(), Ok(&Some(a.clone())), "{encoded}");
            for (j, (b, ..)) in sorted.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn text_that_is_no_step_is_refused() {
        for text in ["", "f", "fa", "v:", "v:{", "v:1 2", "k:1", "k:{\"a\":}", "i:", "i:-1", "i:x", "\u{e9}:"]
        {
            assert!(PathElement::decode(text).is_err(), "{text}");
        }
        assert_eq!(PathElement::decode("z:whatever"), Ok(None));
    }
}
