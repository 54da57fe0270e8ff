//! One request to apply: merge, take out what is no longer wanted, and settle who owns what.

use serde_json::{Map, Value};

use super::check::{Duplicates, check};
use super::compare::{Comparison, compare};
use super::conflict::{ApplyError, Conflict, describe, describe_object};
use super::form::Place;
use super::managed::{Entry, Owners};
use super::remove::{Emptied, remove};
use super::set::FieldSet;
use super::{
    Manager, UNOWNED, changes, last_applied, managed_fields, merge, put_managed_fields, record,
    take_managed_fields, values,
};
use crate::meta;
use crate::schema::Schema;

const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// One apply on its way.
pub(super) struct Application<'a> {
    schema: Schema<'a>,
    /// The live object without its managed fields; an empty one if there is none.
    live: Value,
    config: &'a Value,
    manager: &'a Manager<'a>,
    ignored: &'a FieldSet,
    owners: Owners<'a>,
}

impl<'a> Application<'a> {
    /// Reads a request and checks that it makes sense.
    pub(super) fn new(
        schema: Schema<'a>,
        live: Option<&'a Value>,
        config: &'a Value,
        manager: &'a Manager<'a>,
        ignored: &'a FieldSet,
    ) -> Result<Self, ApplyError> {
        let owners = Owners::decode(live.and_then(managed_fields), Place::root(schema))
            .map_err(|problem| ApplyError::internal(format!("failed to decode managed fields: {problem}")))?;
        let mut live = live.cloned().unwrap_or_else(|| Value::Object(Map::new()));
        take_managed_fields(&mut live);
        let mut request = Self { schema, live, config, manager, ignored, owners };
        request.check()?;
        request.find_first_owner();
        Ok(request)
    }

    fn check(&self) -> Result<(), ApplyError> {
        let config = self.config;
        let version = config.get("apiVersion").and_then(Value::as_str).unwrap_or("");
        if version != self.manager.api_version {
            let kind = config.get("kind").and_then(Value::as_str).unwrap_or("");
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            return Err(ApplyError::bad_request(format!(
                "invalid object type: {group}/{version}, Kind={kind}"
            )));
        }
        if managed_fields(config).is_some_and(|fields| !fields.is_null()) {
            return Err(ApplyError::bad_request("metadata.managedFields must be nil"));
        }
        let fail = |what: &str, object: &Value, problem: String| {
            let object = describe_object(object);
            ApplyError::internal(format!("failed to create typed {what} object ({object}): {problem}"))
        };
        check(self.schema, config, Duplicates::Refused).map_err(|problem| fail("patch", config, problem))?;
        check(self.schema, &self.live, Duplicates::Allowed)
            .map_err(|problem| fail("live", &self.live, problem))
    }

    /// Gives an object that was there before owners were tracked to everybody who wrote until now.
    fn find_first_owner(&mut self) {
        let exists = !meta::name(&self.live).is_empty() || !meta::uid(&self.live).is_empty();
        if self.owners.entries.is_empty() && exists {
            let before = Manager { name: BEFORE_FIRST_APPLY, ..*self.manager };
            let all = changes(self.schema, None, &self.live, self.ignored);
            record(&mut self.owners, all, &before);
        }
    }

    pub(super) fn run(&self, force: bool) -> Result<Value, ApplyError> {
        let mut owners = self.owners.clone();
        let mut wanted = FieldSet::of(self.config, self.schema);
        wanted.subtract_recursively(self.ignored);
        let mut merged = merge::merge(&self.live, self.config, self.schema);
        let own = Entry::new(self.manager, true, wanted);
        let last = owners.put(own.clone());
        let pruned = self.dropped(&merged, &owners, last.as_ref()).map(|dropped| {
            let place = Place::root(self.schema);
            let compared = remove(place, merged.clone(), &dropped, Emptied::Null);
            (compared, remove(place, std::mem::take(&mut merged), &dropped, Emptied::Gone))
        });
        let (compared, mut object) = match pruned {
            Some((compared, object)) => (Some(compared), object),
            None => (None, merged),
        };
        let compared = compared.as_ref().unwrap_or(&object);
        let changed = !values::equal(&self.live, compared);
        let differences = compare(&self.live, compared, self.schema).without(self.ignored);
        self.settle(&mut owners, differences, &own, last.as_ref(), (changed, force))?;
        if !changed {
            object = self.live.clone();
        }
        put_managed_fields(&mut object, owners.encode());
        Ok(object)
    }

    /// Takes what changed from other owners, or says that they mind.
    fn settle(
        &self,
        owners: &mut Owners<'a>,
        differences: Comparison,
        own: &Entry<'a>,
        last: Option<&Entry<'a>>,
        (changed, force): (bool, bool),
    ) -> Result<(), ApplyError> {
        let Comparison { added, modified, removed } = differences;
        let mut taken = added;
        taken.extend(modified);
        let is_own = |entry: &Entry<'_>| entry.applied && entry.identity() == own.identity();
        if !force {
            let conflicts = conflicts(owners.entries.iter().filter(|entry| !is_own(entry)), &taken);
            if !conflicts.is_empty() {
                return Err(ApplyError::Conflicts(conflicts));
            }
        }
        for entry in &mut owners.entries {
            if is_own(entry) {
                entry.fields.subtract(&UNOWNED);
                if changed {
                    entry.touch(self.manager.time);
                } else {
                    entry.stay_as(last);
                }
            } else {
                entry.lose(&taken);
                entry.lose(&removed);
            }
        }
        owners.drop_empty();
        Ok(())
    }

    /// Returns what is to be taken out: what the manager applied last time and no longer does, unless somebody
    /// else owns it or something in it.
    fn dropped(&self, merged: &Value, owners: &Owners<'_>, last: Option<&Entry<'_>>) -> Option<FieldSet> {
        let last = &last.filter(|last| !last.fields.is_empty())?.fields;
        let place = Place::root(self.schema);
        let last = last.with_named_fields(place);
        let of = |value: &Value| FieldSet::of(value, self.schema).with_named_fields(place);
        let all = of(merged);
        let mut kept = of(&remove(place, merged.clone(), &last, Emptied::Null));
        let mut owned = FieldSet::default();
        for entry in &owners.entries {
            owned.extend(entry.fields.clone());
        }
        kept.extend(owned.with_named_fields(place));
        let without_owned = remove(place, merged.clone(), &all.difference(&kept), Emptied::Null);
        let mut dropped = all;
        dropped.subtract(&of(&without_owned));
        dropped.intersect(&last);
        (!dropped.is_empty()).then_some(dropped)
    }

    /// Lets kubectl go on where it applied as a client: its own fields of then are no conflict.
    pub(super) fn take_over(&self, mut conflicts: Vec<Conflict>) -> Result<Value, ApplyError> {
        if let Some(own) = last_applied::untouched(self.schema, &self.live, self.manager.api_version) {
            conflicts.retain(|conflict| !own.contains(&conflict.path.0));
        }
        if conflicts.is_empty() { self.run(true) } else { Err(ApplyError::Conflicts(conflicts)) }
    }
}

fn conflicts<'e, 'v: 'e>(others: impl Iterator<Item = &'e Entry<'v>>, taken: &FieldSet) -> Vec<Conflict> {
    let mut others: Vec<&Entry<'_>> = others.filter(|entry| entry.fields.intersects(taken)).collect();
    others.sort_by(|a, b| a.identity().cmp(&b.identity()));
    let mut conflicts = Vec::new();
    for entry in others {
        let paths = entry.fields.intersection(taken).paths();
        conflicts.extend(paths.map(|path| Conflict { manager: describe(entry), path }));
    }
    conflicts
}
