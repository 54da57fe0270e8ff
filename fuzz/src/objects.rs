//! Objects made of bytes: mostly of the right types, so that what is fuzzed gets past the checks of types.

use serde_json::{Map, Value, json};
use stanchion_machinery::schema::{ListKind, Scalar, Schema, Shape};

/// Words that collide often; some mean something to patches.
const WORDS: [&str; 16] = [
    "a", "b", "name", "web", "", "1", "80", "TCP", "$patch", "replace", "delete", "merge", "f:a", ".", "x/y",
    "k:{}",
];

/// Bytes that are read one by one; after the end come zeros.
#[derive(Debug)]
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns whether there are bytes left.
    pub fn has_more(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns the next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    /// Returns any JSON.
    pub fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.byte() > 127),
            2 => json!(self.byte()),
            3 => json!(-1.5),
            4 | 5 => json!(self.word()),
            6 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => (0..self.below(4)).map(|_| (self.word().to_owned(), self.json(depth - 1))).collect(),
        }
    }

    /// Returns a value of a type; now and then one of another.
    pub fn value(&mut self, schema: Schema<'_>, depth: usize) -> Value {
        if depth == 0 || self.byte() == 255 {
            return self.json(depth.min(2));
        }
        match schema.shape() {
            Shape::Any => self.json(2),
            Shape::Scalar(scalar) => self.scalar(*scalar),
            Shape::Struct { fields, .. } => self.fields(schema, fields, depth),
            Shape::Map { values, .. } => {
                let values = schema.at(*values);
                (0..self.below(3)).map(|_| (self.word().to_owned(), self.value(values, depth - 1))).collect()
            }
            Shape::List { items, kind } => self.items(schema.at(*items), kind, depth),
        }
    }

    fn fields(
        &mut self,
        schema: Schema<'_>,
        fields: &[stanchion_machinery::schema::Field],
        depth: usize,
    ) -> Value {
        let mut object = Map::new();
        for field in fields.iter().filter(|field| field.required) {
            object.insert(field.name.clone(), self.value(schema.at(field.node), depth - 1));
        }
        for _ in 0..self.below(4) {
            if let Some(field) = fields.get(self.below(fields.len())) {
                object.insert(field.name.clone(), self.value(schema.at(field.node), depth - 1));
            }
        }
        if self.byte() > 250 {
            object.insert(self.word().to_owned(), self.json(2));
        }
        Value::Object(object)
    }

    fn items(&mut self, items: Schema<'_>, kind: &ListKind, depth: usize) -> Value {
        let made = (0..self.below(4)).map(|_| {
            let mut item = self.value(items, depth - 1);
            if let (ListKind::Map(keys), Some(map)) = (kind, item.as_object_mut()) {
                for key in keys {
                    let schema = items.child(key).unwrap_or(items);
                    map.insert(key.clone(), self.key(schema));
                }
            }
            item
        });
        made.collect()
    }

    /// Returns a value of a key. A zero is the same as none, and so would be another key once it is stored.
    fn key(&mut self, schema: Schema<'_>) -> Value {
        match self.value(schema, 1) {
            Value::String(text) if text.is_empty() => json!("a"),
            Value::Number(number) if number.as_i64() == Some(0) => json!(1),
            other => other,
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Value {
        match scalar {
            Scalar::Boolean => json!(self.byte() > 127),
            Scalar::Int32 | Scalar::Int64 => json!(self.byte()),
            Scalar::Double => json!(f64::from(self.byte()) / 2.0),
            Scalar::String => json!(self.word()),
            Scalar::Bytes => json!("YQ=="),
            Scalar::Quantity => json!(["1", "100m", "1Gi", "0"][self.below(4)]),
            Scalar::IntOrString => [json!(80), json!("80"), json!("25%")][self.below(3)].clone(),
            Scalar::Time => json!("2024-01-01T00:00:00Z"),
            Scalar::MicroTime => json!("2024-01-01T00:00:00.000000Z"),
            Scalar::Duration => json!("1m0s"),
        }
    }

    /// Returns an object of a kind, with the right name and type.
    pub fn object(&mut self, schema: Schema<'_>, api_version: &str, kind: &str) -> Value {
        let mut object = match self.value(schema, 6) {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        object.insert("apiVersion".to_owned(), api_version.into());
        object.insert("kind".to_owned(), kind.into());
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if !metadata.is_object() {
            *metadata = json!({});
        }
        metadata["name"] = json!("web");
        Value::Object(object)
    }
}
