//! The fields that are owned by who writes a value.

use serde_json::{Map, Value};

use super::element::PathElement;
use super::form::{Form, Items, Place};
use super::set::FieldSet;
use crate::schema::{Schema, Shape};

impl FieldSet {
    /// Returns the fields that are owned by who applies a value: leaves, entries of maps, items of lists.
    ///
    /// Structs and lists are not owned themselves, unless they are atomic, null or an empty map.
    pub fn of(value: &Value, schema: Schema<'_>) -> Self {
        applied(Place::root(schema), value)
    }

    /// Turns what was owned below a place that is atomic now into ownership of that place, if there is such.
    pub(super) fn settled(&self, place: Place<'_>) -> Option<Self> {
        unsettled(self, place).then(|| self.moved_up(place))
    }

    fn moved_up(&self, place: Place<'_>) -> Self {
        let mut settled = Self::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let (below, _) = place.step(&node.element);
            if is_atomic(below) && !node.children.is_empty() {
                settled.push(node.element.clone(), true, Self::default());
            } else {
                settled.push(node.element.clone(), node.member, node.children.moved_up(below));
            }
        }
        settled
    }

    /// Adds the declared fields that lead to members.
    #[must_use]
    pub(super) fn with_named_fields(&self, place: Place<'_>) -> Self {
        let mut named = Self::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let (below, declared) = place.step(&node.element);
            let leads = declared && !node.children.is_empty();
            named.push(node.element.clone(), node.member || leads, node.children.with_named_fields(below));
        }
        named
    }
}

fn unsettled(set: &FieldSet, place: Place<'_>) -> bool {
    set.nodes().iter().filter(|node| !node.children.is_empty()).any(|node| {
        let (below, _) = place.step(&node.element);
        is_atomic(below) || unsettled(&node.children, below)
    })
}

fn is_atomic(place: Place<'_>) -> bool {
    let Place::Known(schema, _) = place else { return false };
    match schema.shape() {
        // Opaque content was never atomic: what is owned below stays as it is.
        Shape::Any | Shape::Scalar(_) => false,
        Shape::Struct { .. } | Shape::Map { .. } | Shape::List { .. } => matches!(place.form(), Form::Leaf),
    }
}

fn applied(place: Place<'_>, value: &Value) -> FieldSet {
    match (place.form(), value) {
        (Form::Map(place), Value::Object(map)) => applied_map(place, map),
        (Form::Deduced, Value::Object(map)) => applied_map(Place::Unknown, map),
        (Form::List(items), Value::Array(list)) => applied_list(items, list),
        (Form::Leaf | Form::Map(_) | Form::List(_) | Form::Deduced, _) => FieldSet::default(),
    }
}

fn applied_map(place: Place<'_>, map: &Map<String, Value>) -> FieldSet {
    let mut set = FieldSet::with_capacity(map.len());
    for (key, value) in map {
        let (below, declared) = place.child(key);
        let member = !declared || is_leaf(below, value);
        set.push(PathElement::field(key), member, applied(below, value));
    }
    set.sort();
    set
}

fn is_leaf(place: Place<'_>, value: &Value) -> bool {
    match place.form() {
        Form::Leaf => true,
        Form::Map(_) | Form::Deduced => value.as_object().is_none_or(Map::is_empty),
        Form::List(_) => !value.is_array(),
    }
}

fn applied_list(items: Items<'_>, list: &[Value]) -> FieldSet {
    let named = items.named(list);
    let mut set = FieldSet::with_capacity(list.len());
    for (element, places) in named.groups() {
        let children = match places {
            [place] => applied(items.place(), named.at(*place)),
            // Several items of one name are owned as one.
            _ => FieldSet::default(),
        };
        set.push(element.clone(), true, children);
    }
    set
}

/// Returns everything in a value that was not there before, or is not any more: all its parts, parents too.
pub(super) fn everything(place: Place<'_>, value: &Value) -> FieldSet {
    match (place.form(), value) {
        (Form::Map(place), Value::Object(map)) => everything_in_map(place, map),
        (Form::Deduced, Value::Object(map)) => everything_in_map(Place::Unknown, map),
        (Form::List(items), Value::Array(list)) => everything_in_list(items, list),
        (Form::Leaf | Form::Map(_) | Form::List(_) | Form::Deduced, _) => FieldSet::default(),
    }
}

fn everything_in_map(place: Place<'_>, map: &Map<String, Value>) -> FieldSet {
    let mut set = FieldSet::with_capacity(map.len());
    for (key, value) in map {
        set.push(PathElement::field(key), true, everything(place.child(key).0, value));
    }
    set.sort();
    set
}

fn everything_in_list(items: Items<'_>, list: &[Value]) -> FieldSet {
    let named = items.named(list);
    let mut set = FieldSet::with_capacity(list.len());
    for (element, places) in named.groups() {
        let children = match places {
            [place] => everything(items.place(), named.at(*place)),
            _ => FieldSet::default(),
        };
        set.push(element.clone(), true, children);
    }
    set
}
