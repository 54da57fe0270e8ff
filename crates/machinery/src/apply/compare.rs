//! What a write changed, field by field.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::element::PathElement;
use super::form::{Form, Items, Named, Place};
use super::owned::everything;
use super::set::FieldSet;
use super::values;
use crate::schema::Schema;

/// The fields that differ between two values. None is in more than one set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Only in the new value.
    pub added: FieldSet,
    /// In both, but not the same.
    pub modified: FieldSet,
    /// Only in the old value.
    pub removed: FieldSet,
}

impl Comparison {
    /// Returns whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Takes out fields and all below them.
    pub(super) fn without(mut self, ignored: &FieldSet) -> Self {
        self.added.subtract_recursively(ignored);
        self.modified.subtract_recursively(ignored);
        self.removed.subtract_recursively(ignored);
        self
    }

    /// Takes out fields, but not what is below them.
    pub(super) fn subtract(&mut self, fields: &FieldSet) {
        self.added.subtract(fields);
        self.modified.subtract(fields);
        self.removed.subtract(fields);
    }

    fn push_added(&mut self, element: PathElement, children: FieldSet) {
        self.added.push(element, true, children);
    }

    fn push_removed(&mut self, element: PathElement, children: FieldSet) {
        self.removed.push(element, true, children);
    }

    /// Adds what differs below a step.
    fn push(&mut self, element: &PathElement, difference: Difference) {
        let Difference { modified, below } = difference;
        if !below.added.is_empty() {
            self.added.push(element.clone(), false, below.added);
        }
        if !below.removed.is_empty() {
            self.removed.push(element.clone(), false, below.removed);
        }
        if modified || !below.modified.is_empty() {
            self.modified.push(element.clone(), modified, below.modified);
        }
    }

    fn sort(&mut self) {
        self.added.sort();
        self.modified.sort();
        self.removed.sort();
    }
}

/// What differs at a place that both values have.
#[derive(Default)]
struct Difference {
    modified: bool,
    below: Comparison,
}

/// Compares two values of one type.
pub fn compare(old: &Value, new: &Value, schema: Schema<'_>) -> Comparison {
    let mut comparison = differences(Place::root(schema), old, new).below;
    comparison.sort();
    comparison
}

fn differences(place: Place<'_>, old: &Value, new: &Value) -> Difference {
    match place.form() {
        Form::Leaf => leaf(old, new),
        Form::Map(place) => match (as_map(old), as_map(new)) {
            (Some(old), Some(new)) => maps(place, old, new),
            _ => leaf(old, new),
        },
        Form::List(items) => match (as_list(old), as_list(new)) {
            (Some(a), Some(b)) if a.is_empty() && b.is_empty() => leaf(old, new),
            (Some(old), Some(new)) => lists(items, old, new),
            _ => leaf(old, new),
        },
        Form::Deduced => deduced(old, new),
    }
    .or_leaf(old, new)
}

impl Difference {
    /// Null and an empty map differ although neither has parts.
    fn or_leaf(self, old: &Value, new: &Value) -> Self {
        let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if empty(old) && empty(new) { leaf(old, new) } else { self }
    }
}

fn leaf(old: &Value, new: &Value) -> Difference {
    Difference { modified: !values::equal(old, new), below: Comparison::default() }
}

static NO_ENTRIES: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The parts of a map; null has none.
fn as_map(value: &Value) -> Option<&Map<String, Value>> {
    if value.is_null() { Some(&NO_ENTRIES) } else { value.as_object() }
}

/// The items of a list; null has none.
fn as_list(value: &Value) -> Option<&[Value]> {
    if value.is_null() { Some(&[]) } else { value.as_array().map(Vec::as_slice) }
}

fn maps(place: Place<'_>, old: &Map<String, Value>, new: &Map<String, Value>) -> Difference {
    let mut below = Comparison::default();
    for (key, value) in new {
        let (child, _) = place.child(key);
        match old.get(key) {
            Some(old) => {
                let difference = differences(child, old, value);
                if difference.modified || !difference.below.is_empty() {
                    below.push(&PathElement::field(key), difference);
                }
            }
            None => below.push_added(PathElement::field(key), everything(child, value)),
        }
    }
    for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        below.push_removed(PathElement::field(key), everything(place.child(key).0, value));
    }
    below.sort();
    Difference { modified: false, below }
}

fn deduced(old: &Value, new: &Value) -> Difference {
    match (as_map(old), as_map(new)) {
        (Some(_), Some(_)) if old.is_null() && new.is_null() => Difference::default(),
        (Some(old), Some(new)) => maps(Place::Unknown, old, new),
        (None, None) => leaf(old, new),
        _ if old.is_null() || new.is_null() => leaf(old, new),
        // A map that gives way to something else is a change of the place and of all parts.
        (Some(map), None) => Difference { modified: true, ..maps(Place::Unknown, map, &NO_ENTRIES) },
        (None, Some(map)) => Difference { modified: true, ..maps(Place::Unknown, &NO_ENTRIES, map) },
    }
}

fn lists(items: Items<'_>, old: &[Value], new: &[Value]) -> Difference {
    // Most lists do not change, and naming the items costs more than looking.
    if old.len() == new.len() && old.iter().zip(new).all(|(old, new)| values::equal(old, new)) {
        return Difference::default();
    }
    let (old, new) = (items.named(old), items.named(new));
    let mut below = Comparison::default();
    let names: BTreeSet<&PathElement> =
        old.groups().chain(new.groups()).map(|(element, _)| element).collect();
    for element in names {
        items_of_name(items, element, (&old, &new), &mut below);
    }
    below.sort();
    Difference { modified: false, below }
}

/// Compares the items of one name. Several in one list are compared and owned as one.
fn items_of_name(
    items: Items<'_>,
    element: &PathElement,
    (old, new): (&Named<'_>, &Named<'_>),
    out: &mut Comparison,
) {
    let all = |named: &Named<'_>, place: usize| everything(items.place(), named.at(place));
    match (old.places(element), new.places(element)) {
        ([], []) => {}
        ([], [one]) => out.push_added(element.clone(), all(new, *one)),
        ([one], []) => out.push_removed(element.clone(), all(old, *one)),
        ([a], [b]) => out.push(element, differences(items.place(), old.at(*a), new.at(*b))),
        ([], _) => out.push_added(element.clone(), FieldSet::default()),
        (_, []) => out.push_removed(element.clone(), FieldSet::default()),
        ([one], _) => {
            out.push_removed(element.clone(), all(old, *one));
            out.push_added(element.clone(), FieldSet::default());
        }
        (_, [one]) => {
            out.push_added(element.clone(), all(new, *one));
            out.push_removed(element.clone(), FieldSet::default());
        }
        (a, b) => {
            let same =
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| values::equal(old.at(*a), new.at(*b)));
            let modified = !same;
            out.push(element, Difference { modified, below: Comparison::default() });
        }
    }
}
