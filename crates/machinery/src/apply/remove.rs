//! Takes fields out of an object.

use serde_json::{Map, Value};

use super::form::{Form, Items, Place};
use super::set::FieldSet;

/// What becomes of a place that loses all its parts but is not taken out itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emptied {
    /// It is null: it still counts as being there.
    Null,
    /// It goes too, or is an empty item of its list.
    Gone,
}

/// Takes fields out of a value.
pub(super) fn remove(place: Place<'_>, value: Value, fields: &FieldSet, emptied: Emptied) -> Value {
    match (place.form(), value) {
        (Form::Map(place), Value::Object(map)) => from_map(place, map, fields, emptied),
        (Form::Deduced, Value::Object(map)) => from_map(Place::Unknown, map, fields, emptied),
        (Form::List(items), Value::Array(list)) => from_list(items, list, fields, emptied),
        // An atomic value has no parts that could go, yet something of it was to go.
        (Form::Leaf, Value::Object(_) | Value::Array(_)) | (Form::Deduced, Value::Array(_)) => Value::Null,
        (Form::Leaf | Form::Map(_) | Form::List(_) | Form::Deduced, value) => value,
    }
}

fn from_map(place: Place<'_>, map: Map<String, Value>, fields: &FieldSet, emptied: Emptied) -> Value {
    let mut out = Map::new();
    for (key, value) in map {
        let value = match fields.field(&key) {
            Some(node) if node.member => continue,
            Some(node) => {
                let was_null = value.is_null();
                let value = remove(place.child(&key).0, value, &node.children, emptied);
                if value.is_null() && !was_null && emptied == Emptied::Gone {
                    continue;
                }
                value
            }
            None => value,
        };
        out.insert(key, value);
    }
    if out.is_empty() { Value::Null } else { Value::Object(out) }
}

fn from_list(items: Items<'_>, list: Vec<Value>, fields: &FieldSet, emptied: Emptied) -> Value {
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        let node = items.element(&item).ok().and_then(|element| fields.node(&element));
        match node {
            Some(node) if node.member => {}
            Some(node) => match remove(items.place(), item, &node.children, emptied) {
                Value::Null if emptied == Emptied::Gone => out.push(Value::Object(Map::new())),
                item => out.push(item),
            },
            None => out.push(item),
        }
    }
    if out.is_empty() { Value::Null } else { Value::Array(out) }
}
