//! Defaults and preparation of Pods and of everything with a template of Pods.
//!
//! Applying defaults twice is the same as applying them once. Preparation depends on what the server already put into
//! the metadata (such as the uid) and is for one write only.

pub(crate) mod amount;
mod container;
mod image;
mod job;
mod pod;
mod prepare;
mod template;
mod volume;
mod workload;

use serde_json::{Map, Value};

pub use prepare::{
    prepare_create, prepare_ephemeral_containers, prepare_resize, prepare_status, prepare_update,
};

/// Fills in the defaults of a kind; returns false if the kind is not one with Pods.
pub fn apply(group: &str, kind: &str, object: &mut Value) -> bool {
    let fill: fn(&mut Map<String, Value>) = match (group, kind) {
        ("", "Pod") => pod::fill,
        ("", "PodTemplate") => template::fill_in,
        ("", "ReplicationController") => workload::replication_controller,
        ("apps", "Deployment") => workload::deployment,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("apps", "ControllerRevision") => |_| (),
        ("batch", "Job") => job::job,
        ("batch", "CronJob") => job::cron_job,
        _ => return false,
    };
    if let Some(object) = object.as_object_mut() {
        fill(object);
    }
    true
}

/// Puts a value under a key that has none.
fn absent(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), value.into());
    }
}

/// Puts a string under a key that has none or the empty one.
fn blank(map: &mut Map<String, Value>, key: &str, value: &str) {
    if map.get(key).is_none_or(|found| found.as_str() == Some("")) {
        map.insert(key.to_owned(), value.into());
    }
}

/// Puts a number under a key that has none or zero.
fn zero(map: &mut Map<String, Value>, key: &str, value: i64) {
    if map.get(key).is_none_or(|found| found.as_i64() == Some(0)) {
        map.insert(key.to_owned(), value.into());
    }
}

/// Returns the map under a key.
fn part<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_object_mut)
}

/// Returns the map under a key, made if there is none.
fn made<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    map.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// Returns the maps in the list under a key.
fn each<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Returns whether the map or list under a key is missing or has nothing in it.
fn is_empty(map: &Map<String, Value>, key: &str) -> bool {
    match map.get(key) {
        Some(Value::Object(found)) => found.is_empty(),
        Some(Value::Array(found)) => found.is_empty(),
        Some(Value::Null) | None => true,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    }
}

#[cfg(test)]
mod tests;
