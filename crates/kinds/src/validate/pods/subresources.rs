//! Changes of Pods through `ephemeralcontainers` and `resize`.

use std::collections::HashMap;

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};

use super::pod::{self, is_mirror, is_sidecar};
use super::same::{self, differences};
use crate::qos;
use crate::validate::place::Place;
use crate::validate::read::{items, map, part, text};

/// Checks a change of ephemeral containers: those that are there stay as they are.
pub(super) fn ephemeral_containers(new: &Value, old: &Value) -> FieldErrors {
    if is_mirror(old) {
        return vec![FieldError::forbidden(&Path::root(), "static pods do not support ephemeral containers")];
    }
    let mut errors = FieldErrors::new();
    pod::check(new, &mut errors);
    pod::check_annotation_changes(new, old, &mut errors);
    let at = Place::new("spec");
    let at = at.child("ephemeralContainers");
    let list = |pod: &'_ Value| {
        pod.get("spec").map_or(Vec::new(), |spec| items(spec, "ephemeralContainers").to_vec())
    };
    let (new, old) = (list(new), list(old));
    let named: HashMap<&str, &Value> =
        new.iter().map(|container| (text(container, "name"), container)).collect();
    for container in &old {
        let name = text(container, "name");
        match named.get(name) {
            None => {
                at.forbidden(
                    &mut errors,
                    format!("existing ephemeral containers {name:?} may not be removed\n"),
                );
            }
            Some(new) => {
                let changes = differences(new, container, |_, _, _| false);
                if !changes.is_empty() {
                    let shown = same::shown("core.EphemeralContainer", &changes);
                    let detail =
                        format!("existing ephemeral containers {name:?} may not be changed\n{shown}");
                    at.forbidden(&mut errors, detail);
                }
            }
        }
    }
    errors
}

/// Checks a change of resources: of processors and memory, of containers that stay, to nothing that was not there.
pub(super) fn resize(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let root = |detail: &str| vec![FieldError::forbidden(&Path::root(), detail)];
    let (new_spec, old_spec) =
        (part(new, "spec").unwrap_or(&Value::Null), part(old, "spec").unwrap_or(&Value::Null));
    if is_mirror(old) {
        return root("static pods cannot be resized");
    }
    if part(old_spec, "os").is_some_and(|os| text(os, "name") == "windows") {
        return root("windows pods cannot be resized");
    }
    pod::check(new, &mut errors);
    let at = Place::new("spec");
    let class = qos::class_of(new_spec).as_str();
    let had = part(old, "status").map_or("", |status| text(status, "qosClass"));
    let had = if had.is_empty() { qos::class_of(old_spec).as_str() } else { had };
    if class != had {
        at.invalid(&mut errors, had, "Pod QOS Class may not change as a result of resizing");
    }
    if !can_resize(old) {
        at.forbidden(&mut errors, "Pod running on node without support for resize");
    }
    if !check_order(new_spec, old_spec, &at, &mut errors) {
        return errors;
    }
    check_containers(new_spec, old_spec, &at, &mut errors);
    if errors.is_empty() {
        let lists = ["containers", "initContainers", "resources"];
        if !differences(new_spec, old_spec, |key, _, _| lists.contains(&key)).is_empty() {
            at.forbidden(&mut errors, "only cpu and memory resources are mutable");
        }
    }
    errors
}

/// Returns whether the node of a Pod says what resources its containers have, so that they can change.
fn can_resize(pod: &Value) -> bool {
    let statuses = part(pod, "status").map_or(&[][..], |status| items(status, "containerStatuses"));
    let running =
        statuses.iter().find(|status| part(status, "state").is_some_and(|s| part(s, "running").is_some()));
    running.is_none_or(|status| part(status, "resources").is_some())
}

fn check_order(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) -> bool {
    let before = errors.len();
    for key in ["containers", "initContainers"] {
        let (new, old) = (items(new, key), items(old, key));
        let at = at.child(key);
        if new.len() != old.len() {
            at.forbidden(errors, format!("{key} may not be added or removed on resize"));
            continue;
        }
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            if text(new, "name") != text(old, "name") {
                let detail = format!("{key} may not be renamed or reordered on resize");
                at.index(index).child("name").forbidden(errors, detail);
            }
        }
    }
    errors.len() == before
}

fn check_containers(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (key, detail) in [
        ("initContainers", "only cpu and memory resources for sidecar containers are mutable"),
        ("containers", "only cpu and memory resources are mutable"),
    ] {
        for (index, (new, old)) in items(new, key).iter().zip(items(old, key)).enumerate() {
            if key == "initContainers" && !is_sidecar(old) {
                if !differences(new, old, |_, _, _| false).is_empty() {
                    at.forbidden(errors, "resources for non-sidecar init containers are immutable");
                }
                continue;
            }
            let at_list = at.child(key);
            check_removed(new, old, &at_list.index(index).child("resources"), errors);
            let same = differences(new, old, |field, new, old| {
                field == "resources" && same_beyond_compute(new, old)
            });
            if !same.is_empty() {
                at.forbidden(errors, detail);
            }
        }
    }
}

fn check_removed(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (key, detail) in
        [("requests", "resource requests cannot be removed"), ("limits", "resource limits cannot be removed")]
    {
        let list = |container| part(container, "resources").and_then(|resources: &Value| map(resources, key));
        let (new, old): (_, Option<&Map<String, Value>>) = (list(new), list(old));
        let gone = |name: &String| new.is_none_or(|new| !new.contains_key(name));
        if old.is_some_and(|old| old.keys().any(gone)) {
            at.child(key).forbidden(errors, detail);
        }
    }
}

/// Returns whether resources differ in processors and memory at most.
fn same_beyond_compute(new: Option<&Value>, old: Option<&Value>) -> bool {
    let null = Value::Null;
    let (new, old) = (new.unwrap_or(&null), old.unwrap_or(&null));
    differences(new, old, |key, new, old| {
        let (new, old) = (new.unwrap_or(&Value::Null), old.unwrap_or(&Value::Null));
        key != "claims" && differences(new, old, |name, _, _| qos::is_compute(name)).is_empty()
    })
    .is_empty()
}
