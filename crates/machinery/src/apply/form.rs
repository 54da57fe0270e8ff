//! What apply makes of a place in an object: a leaf, a map or a list of items that have names.
//!
//! Beside what a schema says there is content that no schema describes, in open structs: its maps have parts, and
//! everything else in it is a leaf.

use serde_json::Value;

use super::element::PathElement;
use crate::schema::{ListKind, Schema, Shape};

/// What is known of a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// A schema describes it; the flag says that it is atomic by the field that leads there.
    Known(Schema<'a>, bool),
    /// Nothing describes it.
    Unknown,
}

/// How a place is walked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// As one value.
    Leaf,
    /// Key by key.
    Map(Place<'a>),
    /// Item by item.
    List(Items<'a>),
    /// By what stands there: maps key by key, everything else as one value.
    Deduced,
}

/// The items of a list that have names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items<'a> {
    schema: Schema<'a>,
    keys: Option<&'a [String]>,
}

impl<'a> Place<'a> {
    pub(super) fn root(schema: Schema<'a>) -> Self {
        Self::Known(schema, false)
    }

    pub(super) fn form(self) -> Form<'a> {
        let Self::Known(schema, atomic_here) = self else { return Form::Deduced };
        match schema.shape() {
            Shape::Any | Shape::Scalar(_) => Form::Leaf,
            Shape::Struct { atomic, .. } | Shape::Map { atomic, .. } if *atomic || atomic_here => Form::Leaf,
            Shape::Struct { .. } | Shape::Map { .. } => Form::Map(self),
            Shape::List { items, kind } => {
                let schema = schema.at(*items);
                match kind {
                    ListKind::Set if !atomic_here => Form::List(Items { schema, keys: None }),
                    ListKind::Map(keys) if !atomic_here => Form::List(Items { schema, keys: Some(keys) }),
                    ListKind::Atomic | ListKind::Set | ListKind::Map(_) => Form::Leaf,
                }
            }
        }
    }

    /// Returns what stands under a key, and whether a struct declares it.
    pub(super) fn child(self, key: &str) -> (Self, bool) {
        let Self::Known(schema, _) = self else { return (Self::Unknown, false) };
        match schema.shape() {
            Shape::Struct { .. } => match schema.field(key) {
                Some(field) => (Self::Known(schema.at(field.node), field.atomic), true),
                None => (Self::Unknown, false),
            },
            Shape::Map { values, .. } => (Self::Known(schema.at(*values), false), false),
            Shape::Any | Shape::Scalar(_) | Shape::List { .. } => (Self::Unknown, false),
        }
    }

    /// Returns whether a key may stand there.
    pub(super) fn admits(self, key: &str) -> bool {
        let Self::Known(schema, _) = self else { return true };
        match schema.shape() {
            Shape::Struct { open, .. } => *open || schema.field(key).is_some(),
            Shape::Map { .. } | Shape::Any => true,
            Shape::Scalar(_) | Shape::List { .. } => false,
        }
    }

    /// Returns what a step of a path leads to, and whether it is a field that a struct declares.
    pub(super) fn step(self, element: &PathElement) -> (Self, bool) {
        match (element, self.form()) {
            (PathElement::Field(name), Form::Map(place)) => place.child(name),
            (PathElement::Key(_), Form::List(items)) => (items.place(), false),
            (
                PathElement::Field(_) | PathElement::Key(_) | PathElement::Value(_) | PathElement::Index(_),
                Form::Leaf | Form::Map(_) | Form::List(_) | Form::Deduced,
            ) => (Self::Unknown, false),
        }
    }
}

impl<'a> Items<'a> {
    /// Returns what the items are.
    pub(super) fn place(self) -> Place<'a> {
        Place::Known(self.schema, false)
    }

    /// Names an item of the list.
    pub(super) fn element(self, item: &Value) -> Result<PathElement, String> {
        let Some(keys) = self.keys else { return set_element(item) };
        let map = match item {
            Value::Object(map) => map,
            Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err("associative list with keys may not have non-map elements".to_owned());
            }
        };
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let default = || self.schema.field(key).and_then(|field| field.default.as_ref());
            // An explicit null is not kept, so it cannot be part of a name that is to be found again.
            if let Some(value) = map.get(key).filter(|value| !value.is_null()).or_else(default) {
                found.push((key.clone(), value.clone()));
            }
        }
        if found.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| super::values::quote(key)).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have \
                 default values for any key fields)",
                keys.join(" ")
            ));
        }
        Ok(PathElement::key(found))
    }

    /// Names all items. What has no name is left out: it cannot be owned.
    pub(super) fn named(self, list: &[Value]) -> Named<'_> {
        let items: Vec<(PathElement, &Value)> =
            list.iter().filter_map(|item| Some((self.element(item).ok()?, item))).collect();
        let mut sorted: Vec<usize> = (0..items.len()).collect();
        sorted.sort_by(|a, b| items[*a].0.cmp(&items[*b].0));
        Named { items, sorted }
    }
}

fn set_element(item: &Value) -> Result<PathElement, String> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
        Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
        Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(PathElement::Value(item.clone())),
    }
}

/// The items of a list with their names.
#[derive(Debug)]
pub(super) struct Named<'v> {
    /// In the order of the list.
    pub(super) items: Vec<(PathElement, &'v Value)>,
    sorted: Vec<usize>,
}

impl<'v> Named<'v> {
    /// Returns the places of all items of a name, in order.
    pub(super) fn places(&self, element: &PathElement) -> &[usize] {
        let start = self.sorted.partition_point(|index| self.items[*index].0 < *element);
        let rest = &self.sorted[start..];
        &rest[..rest.partition_point(|index| self.items[*index].0 <= *element)]
    }

    /// Returns each name once, sorted, with the places of its items.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&PathElement, &[usize])> {
        self.sorted
            .chunk_by(|a, b| self.items[*a].0 == self.items[*b].0)
            .map(|places| (&self.items[places[0]].0, places))
    }

    /// Returns the item at a place.
    pub(super) fn at(&self, place: usize) -> &'v Value {
        self.items[place].1
    }
}
