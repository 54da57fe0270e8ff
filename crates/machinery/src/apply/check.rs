//! Whether a value is of the type that its schema says, as apply asks before it merges.

use serde_json::{Map, Value};

use super::element::PathElement;
use super::form::{Form, Place};
use super::values;
use crate::schema::{ListKind, Scalar, Schema, Shape};

/// Whether several items of a list may have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// In objects that are there already.
    Allowed,
    /// In what is applied.
    Refused,
}

/// Says what is wrong with a value, in the words clients know.
pub(super) fn check(schema: Schema<'_>, value: &Value, duplicates: Duplicates) -> Result<(), String> {
    let mut walk = Walk { duplicates, path: Vec::new(), errors: Vec::new() };
    walk.visit(Place::root(schema), value);
    match walk.errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

struct Walk {
    duplicates: Duplicates,
    path: Vec<PathElement>,
    errors: Vec<String>,
}

impl Walk {
    fn fail(&mut self, message: &str) {
        let path: String = self.path.iter().map(ToString::to_string).collect();
        let message = if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") };
        self.errors.push(message);
    }

    fn below(&mut self, element: PathElement, place: Place<'_>, value: &Value) {
        self.path.push(element);
        self.visit(place, value);
        self.path.pop();
    }

    fn visit(&mut self, place: Place<'_>, value: &Value) {
        let Place::Known(schema, _) = place else { return };
        if value.is_null() {
            return;
        }
        match schema.shape() {
            Shape::Any => {}
            Shape::Scalar(scalar) => self.scalar(*scalar, value),
            Shape::Struct { .. } | Shape::Map { .. } => match value.as_object() {
                Some(map) => self.map(place, map),
                None => self.fail(&format!("expected map, got &{{{}}}", values::plain(value))),
            },
            Shape::List { items, kind } => match value.as_array() {
                Some(list) => self.list(place, schema.at(*items), kind, list),
                None => self.fail(&format!("expected list, got &{{{}}}", values::plain(value))),
            },
        }
    }

    fn map(&mut self, place: Place<'_>, map: &Map<String, Value>) {
        for (key, value) in map {
            if place.admits(key) {
                self.below(PathElement::field(key), place.child(key).0, value);
            } else {
                self.path.push(PathElement::field(key));
                self.fail("field not declared in schema");
                self.path.pop();
            }
        }
    }

    fn list(&mut self, place: Place<'_>, items: Schema<'_>, kind: &ListKind, list: &[Value]) {
        let (ListKind::Set | ListKind::Map(_), Form::List(named)) = (kind, place.form()) else {
            for (index, item) in list.iter().enumerate() {
                self.below(PathElement::Index(index), Place::root(items), item);
            }
            return;
        };
        let mut seen = std::collections::BTreeSet::new();
        for (index, item) in list.iter().enumerate() {
            let element = match named.element(item) {
                Ok(element) => element,
                Err(problem) => return self.fail(&format!("element {index}: {problem}")),
            };
            if !seen.insert(element.clone()) && self.duplicates == Duplicates::Refused {
                self.fail(&format!("duplicate entries for key {element}"));
            }
            self.below(element, named.place(), item);
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value) {
        let go_value = || format!("&value.valueUnstructured{{Value:{}}}", values::source(value));
        let problem = match scalar {
            Scalar::Boolean if !value.is_boolean() => {
                format!("expected boolean, got &{{{}}}", values::plain(value))
            }
            Scalar::Int32 | Scalar::Int64 | Scalar::Double if !value.is_number() => {
                format!("expected numeric (int or float), got {}", values::type_name(value))
            }
            Scalar::String | Scalar::Bytes if !value.is_string() => {
                format!("expected string, got {}", go_value())
            }
            Scalar::Quantity | Scalar::IntOrString | Scalar::Time | Scalar::MicroTime | Scalar::Duration
                if value.is_object() || value.is_array() =>
            {
                format!("expected any scalar, got &{{{}}}", values::plain(value))
            }
            Scalar::Boolean
            | Scalar::Int32
            | Scalar::Int64
            | Scalar::Double
            | Scalar::String
            | Scalar::Bytes
            | Scalar::Quantity
            | Scalar::IntOrString
            | Scalar::Time
            | Scalar::MicroTime
            | Scalar::Duration => return,
        };
        self.fail(&problem);
    }
}
