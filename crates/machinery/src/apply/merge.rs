//! Puts an applied configuration into an object.
//!
//! Nothing is taken out. Where a list has named items, those that both have keep the order of the configuration,
//! and those that only the object has stay where they were between them.

use serde_json::{Map, Value};

use super::form::{Form, Items, Named, Place};
use crate::schema::Schema;

/// Returns the object with the configuration in it.
pub(super) fn merge(live: &Value, config: &Value, schema: Schema<'_>) -> Value {
    merged(Place::root(schema), live, config)
}

fn merged(place: Place<'_>, live: &Value, config: &Value) -> Value {
    match (place.form(), live, config) {
        (Form::Map(place), Value::Object(live), Value::Object(config)) => maps(place, live, config),
        (Form::Deduced, Value::Object(live), Value::Object(config)) => maps(Place::Unknown, live, config),
        (Form::List(items), Value::Array(live), Value::Array(config)) => lists(items, live, config),
        // What has parts is not replaced by nothing; only the owner's removal takes parts out.
        (Form::Map(_) | Form::Deduced, Value::Object(map), Value::Null) if !map.is_empty() => live.clone(),
        (Form::List(_), Value::Array(list), Value::Null) if !list.is_empty() => live.clone(),
        (Form::Leaf | Form::Map(_) | Form::List(_) | Form::Deduced, _, _) => config.clone(),
    }
}

fn maps(place: Place<'_>, live: &Map<String, Value>, config: &Map<String, Value>) -> Value {
    let mut out = live.clone();
    for (key, value) in config {
        match out.get_mut(key) {
            Some(slot) => *slot = merged(place.child(key).0, slot, value),
            None => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(out)
}

/// Two lists on their way into one.
struct Weave<'v> {
    items: Items<'v>,
    live: Named<'v>,
    config: Named<'v>,
    /// For each item of the configuration whether it is in already.
    done: Vec<bool>,
    /// The items of the configuration that are in the object too and not passed yet, last first.
    shared: Vec<usize>,
    out: Vec<Value>,
}

fn lists(items: Items<'_>, live: &[Value], config: &[Value]) -> Value {
    let (live, config) = (items.named(live), items.named(config));
    let mut shared: Vec<usize> =
        (0..config.items.len()).filter(|at| !live.places(&config.items[*at].0).is_empty()).collect();
    shared.reverse();
    let size = live.items.len().max(config.items.len());
    let done = vec![false; config.items.len()];
    let weave = Weave { items, live, config, done, shared, out: Vec::with_capacity(size) };
    Value::Array(weave.run())
}

impl Weave<'_> {
    fn run(mut self) -> Vec<Value> {
        let (mut left, mut right) = (0, 0);
        while left < self.live.items.len() || right < self.config.items.len() {
            if left < self.live.items.len() {
                match self.twin(left) {
                    None => {
                        self.out.push(self.live.at(left).clone());
                        left += 1;
                        continue;
                    }
                    Some(twin) if twin == right && right < self.config.items.len() => {
                        self.take(right);
                        (left, right) = (left + 1, right + 1);
                        self.shared.pop();
                        continue;
                    }
                    // It comes in where the configuration has it.
                    Some(twin)
                        if right < self.config.items.len()
                            && self.shared.last().is_some_and(|next| *next != twin) =>
                    {
                        left += 1;
                        continue;
                    }
                    Some(twin) if self.done[twin] => left += 1,
                    Some(_) => {}
                }
            }
            if right < self.config.items.len() {
                self.take(right);
                if self.shared.last() == Some(&right) {
                    self.shared.pop();
                }
                right += 1;
            }
        }
        self.out
    }

    /// Returns where the configuration has the item that is at a place of the object.
    fn twin(&self, left: usize) -> Option<usize> {
        self.config.places(&self.live.items[left].0).first().copied()
    }

    /// Puts an item of the configuration in, merged with that of the object.
    fn take(&mut self, right: usize) {
        let config = self.config.at(right);
        let item = match self.live.places(&self.config.items[right].0) {
            [one] => merged(self.items.place(), self.live.at(*one), config),
            // Of several items with this name none is the one that is meant.
            _ => config.clone(),
        };
        self.done[right] = true;
        self.out.push(item);
    }
}
