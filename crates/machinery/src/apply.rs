//! Server-side apply: who owns which field of an object, and what an applied configuration makes of it.
//!
//! Every write passes through here. [`update`] records what a create, update or patch changed; [`apply`] merges a
//! configuration, takes out what its owner no longer wants, and refuses to overwrite what others own. Ownership
//! stands in `metadata.managedFields`. An owner's time changes only with what it wrote, so that a write that
//! changes nothing leaves the object as it was.

mod application;
mod check;
mod compare;
mod conflict;
mod element;
mod fields;
mod form;
mod last_applied;
mod managed;
mod merge;
mod owned;
mod remove;
mod set;
mod values;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde_json::{Map, Value};

pub use self::compare::{Comparison, compare};
pub use self::conflict::{ApplyError, Conflict};
pub use self::element::{FieldPath, PathElement};
pub use self::set::FieldSet;

use self::application::Application;
use self::form::Place;
use self::managed::{Entry, Owners};
use self::owned::everything;
use crate::meta;
use crate::schema::Schema;

/// How an owner came to its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By create, update or patch.
    Update,
}

/// Who makes a request, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manager<'a> {
    /// The name that the client gives or its user agent; empty is `unknown`.
    pub name: &'a str,
    /// The sort of request. [`update`] and [`apply`] go by their own.
    pub operation: Operation,
    /// The API version of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// The subresource, possibly empty.
    pub subresource: &'a str,
    /// The time of the request, RFC 3339 with seconds.
    pub time: &'a str,
}

/// What nobody owns because it is the server's or says what the object is.
static UNOWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let of_metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let top = ["apiVersion", "kind", "metadata"].map(|name| FieldPath::of_fields([name]));
    let below = of_metadata.map(|name| FieldPath::of_fields(["metadata", name]));
    FieldSet::from_paths(top.into_iter().chain(below))
});

fn managed_fields(object: &Value) -> Option<&Value> {
    object.get("metadata").and_then(|metadata| metadata.get("managedFields"))
}

fn take_managed_fields(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata").and_then(Value::as_object_mut).and_then(|m| m.remove("managedFields"))
}

fn put_managed_fields(object: &mut Value, list: Option<Value>) {
    match list {
        Some(list) => {
            meta::metadata_mut(object).insert("managedFields".to_owned(), list);
        }
        None => drop(take_managed_fields(object)),
    }
}

/// Records in an object that is about to be written who owns what now.
///
/// `live` is the object as it is; on create there is none, or the empty object of the kind: one without a uid,
/// whose fields exist before anybody writes them and so are not owned by who creates the object (`{"spec":
/// {"containers": null}}` for a Pod, as its Go type has it). `ignored` are the fields that the endpoint resets.
///
/// Managed fields in `new` take the place of those of `live` if they are valid and the request is not for a
/// subresource; an empty list (or one empty entry) forgets all owners. An object that exists and has no owners
/// stays so. What has no metadata is left alone.
pub fn update(
    schema: Schema<'_>,
    live: Option<&Value>,
    new: &mut Value,
    manager: &Manager<'_>,
    ignored: &FieldSet,
) {
    if !new.get("metadata").is_some_and(Value::is_object) {
        return;
    }
    let supplied = take_managed_fields(new).filter(|_| manager.subresource.is_empty());
    let recorded = live.and_then(managed_fields);
    let comparison = changes(schema, live, new, ignored);
    let mut owners = match supplied.as_ref() {
        Some(supplied) if Some(supplied) != recorded => {
            if is_reset(supplied) {
                Owners::default()
            } else {
                let place = Place::root(schema);
                let owners = Owners::decode(Some(supplied), place).unwrap_or_default();
                if owners.entries.is_empty() { recorded_owners(recorded, schema) } else { owners }
            }
        }
        _ if comparison.is_empty() => return put_managed_fields(new, recorded.cloned()),
        _ => recorded_owners(recorded, schema),
    };
    let exists = live.is_some_and(|live| !meta::uid(live).is_empty());
    if owners.entries.is_empty() && exists {
        return;
    }
    record(&mut owners, comparison, manager);
    put_managed_fields(new, owners.encode());
}

fn recorded_owners<'v>(recorded: Option<&'v Value>, schema: Schema<'_>) -> Owners<'v> {
    Owners::decode(recorded, Place::root(schema)).unwrap_or_default()
}

/// Returns whether a client asks for all owners to be forgotten.
fn is_reset(supplied: &Value) -> bool {
    match supplied.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(Map::is_empty),
        Some(_) | None => false,
    }
}

/// Returns what a write changes of what can be owned.
fn changes(schema: Schema<'_>, live: Option<&Value>, new: &Value, ignored: &FieldSet) -> Comparison {
    let mut comparison = match live {
        Some(live) => compare(live, new, schema),
        None => Comparison { added: everything(Place::root(schema), new), ..Comparison::default() },
    };
    comparison.subtract(&UNOWNED);
    comparison.without(ignored)
}

/// Moves what was changed to who changed it.
fn record(owners: &mut Owners<'_>, changes: Comparison, manager: &Manager<'_>) {
    let Comparison { added, modified, removed } = changes;
    let mut gained = added;
    gained.extend(modified);
    for entry in &mut owners.entries {
        entry.lose(&gained);
        entry.lose(&removed);
    }
    owners.drop_empty();
    if !gained.is_empty() {
        owners.gain(Entry::new(manager, false, gained), manager.time);
    }
    owners.cap();
}

/// Returns the object that a configuration makes of the live one, or of none.
///
/// `config` is what the client applies, complete with `apiVersion`, `kind` and name. The caller fills in defaults
/// afterwards. When nothing changes the result is the live object, save that the manager may own more or less.
pub fn apply(
    schema: Schema<'_>,
    live: Option<&Value>,
    config: &Value,
    manager: &Manager<'_>,
    force: bool,
    ignored: &FieldSet,
) -> Result<Value, ApplyError> {
    let request = Application::new(schema, live, config, manager, ignored)?;
    let applied = match request.run(force) {
        Err(ApplyError::Conflicts(conflicts)) if manager.name == last_applied::KUBECTL => {
            request.take_over(conflicts)
        }
        other => other,
    };
    let mut object = applied?;
    if manager.name == last_applied::KUBECTL {
        last_applied::refresh(&mut object, config);
    }
    Ok(object)
}

/// Puts the owners of `live` back into an object that differs from it only in their times.
pub fn keep_times(live: &Value, new: &mut Value) {
    let (Some(Value::Array(old)), Some(Value::Array(list))) = (managed_fields(live), managed_fields(new))
    else {
        return;
    };
    let same_but_time = |a: &Value, b: &Value| match (a, b) {
        (Value::Object(a), Value::Object(b)) => same_entries(a, b, "time", Value::eq),
        (a, b) => a == b,
    };
    let all_same = old.len() == list.len() && old.iter().zip(list).all(|(a, b)| same_but_time(a, b));
    if all_same && old != list && same_but_owners(live, new) {
        put_managed_fields(new, managed_fields(live).cloned());
    }
}

/// Returns whether two objects are the same but for their managed fields.
fn same_but_owners(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return values::equal(a, b) };
    let same_metadata = |a: &Value, b: &Value| match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => same_entries(a, b, "managedFields", values::equal),
        (Some(_) | None, _) => values::equal(a, b),
    };
    let same = |key: &str| match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => same_metadata(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    same("metadata") && same_entries(a, b, "metadata", values::equal)
}

/// Returns whether two maps are the same but for one key.
fn same_entries(
    a: &Map<String, Value>,
    b: &Map<String, Value>,
    but: &str,
    same: fn(&Value, &Value) -> bool,
) -> bool {
    let size = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key(but));
    let held = |(key, value): (&String, &Value)| key == but || b.get(key).is_some_and(|b| same(value, b));
    size(a) == size(b) && a.iter().all(held)
}
