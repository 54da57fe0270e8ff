//! Pods: when they are made and when they are changed.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::meta;

use super::same::{self, differences};
use super::template::{APP_ARMOR, MIRROR, check_annotations};
use super::{scheduling, spec};
use crate::validate::place::Place;
use crate::validate::read::{entries, int, items, map, part, text};

/// Checks a Pod as a whole.
pub(super) fn check(pod: &Value, errors: &mut FieldErrors) {
    let metadata = part(pod, "metadata").unwrap_or(&Value::Null);
    let spec = part(pod, "spec").unwrap_or(&Value::Null);
    check_annotations(metadata, spec, &Place::new("metadata").child("annotations"), errors);
    let at = Place::new("spec");
    spec::check(spec, Some(meta::name(pod)), &[], &at, errors);
    if text(spec, "serviceAccountName").is_empty() {
        forbid_tokens(spec, &at.child("volumes"), errors);
    }
}

/// Forbids tokens of an account to a Pod without one.
fn forbid_tokens(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let sources = part(volume, "projected").map_or(&[][..], |projected| items(projected, "sources"));
        for (source_index, source) in sources.iter().enumerate() {
            if part(source, "serviceAccountToken").is_some() {
                let at = at.index(index);
                let at = at.child("projected");
                let at = at.child("sources");
                let detail = "must not be specified when serviceAccountName is not set";
                at.index(source_index).child("serviceAccountToken").forbidden(errors, detail);
            }
        }
    }
}

/// Checks a Pod that is made.
pub(super) fn create(pod: &Value, errors: &mut FieldErrors) {
    check(pod, errors);
    let spec = part(pod, "spec").unwrap_or(&Value::Null);
    let at = Place::new("spec");
    if !items(spec, "ephemeralContainers").is_empty() {
        at.child("ephemeralContainers").forbidden(errors, "cannot be set on create");
    }
    if !text(spec, "nodeName").is_empty() && !items(spec, "schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        at.child("nodeName").forbidden(errors, detail);
    }
}

/// Checks annotations that only the kubelet may change.
pub(super) fn check_annotation_changes(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let (new_metadata, old_metadata) = (new.get("metadata"), old.get("metadata"));
    let at = Place::new("metadata");
    let at = at.child("annotations");
    let value_in = |metadata: Option<&Value>, key: &str| {
        metadata.and_then(|metadata| map(metadata, "annotations")?.get(key).cloned())
    };
    for (key, value) in old_metadata.into_iter().flat_map(|metadata| entries(metadata, "annotations")) {
        let is_special = key == MIRROR || key.starts_with(APP_ARMOR);
        if is_special && value_in(new_metadata, key).as_ref() != Some(value) {
            let what = if key == MIRROR { "mirror pod annotation" } else { "AppArmor annotations" };
            at.key(key).forbidden(errors, format!("may not remove or update {what}"));
        }
    }
    for (key, _) in new_metadata.into_iter().flat_map(|metadata| entries(metadata, "annotations")) {
        let is_special = key == MIRROR || key.starts_with(APP_ARMOR);
        if is_special && value_in(old_metadata, key).is_none() {
            let what = if key == MIRROR { "mirror pod annotation" } else { "AppArmor annotations" };
            at.key(key).forbidden(errors, format!("may not add {what}"));
        }
    }
}

/// Checks a Pod that is changed.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    check(new, errors);
    check_annotation_changes(new, old, errors);
    let (new, old) = (part(new, "spec").unwrap_or(&Value::Null), part(old, "spec").unwrap_or(&Value::Null));
    let at = Place::new("spec");
    for key in ["containers", "initContainers"] {
        if items(new, key).len() != items(old, key).len() {
            return at.child(key).forbidden(errors, "pod updates may not add or remove containers");
        }
    }
    if !check_deadline(new, old, &at.child("activeDeadlineSeconds"), errors) {
        return;
    }
    check_tolerations(new, old, &at, errors);
    check_gates(new, old, &at.child("schedulingGates"), errors);
    let gated = !items(old, "schedulingGates").is_empty();
    if gated {
        check_gated(new, old, &at, errors);
    }
    let changed = differences(new, old, |key, new_value, old_value| match key {
        "activeDeadlineSeconds" | "schedulingGates" | "tolerations" => true,
        "containers" | "initContainers" => same::but_for(items(new, key), items(old, key), &["image"]),
        "terminationGracePeriodSeconds" => {
            new_value.and_then(Value::as_i64) == Some(1)
                && old_value.and_then(Value::as_i64).is_some_and(|s| s < 0)
        }
        "nodeSelector" => gated,
        "affinity" => gated && same_but_for_nodes(new_value, old_value),
        _ => false,
    });
    if !changed.is_empty() {
        at.forbidden(
            errors,
            format!(
                "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n{}",
                same::shown("core.PodSpec", &changed)
            ),
        );
    }
}

/// Checks that a deadline only comes nearer; returns whether it makes sense to look further.
fn check_deadline(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) -> bool {
    const MOST: i64 = i32::MAX as i64;
    let (new, old) = (int(new, "activeDeadlineSeconds"), int(old, "activeDeadlineSeconds"));
    match (new, old) {
        (Some(new), _) if !(0..=MOST).contains(&new) => {
            at.invalid(errors, new, format!("must be between 0 and {MOST}, inclusive"));
            false
        }
        (Some(new), Some(old)) if old < new => {
            at.invalid(errors, new, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            at.invalid(errors, Value::Null, "must not update from a positive integer to nil value");
            true
        }
        (Some(_), _) | (None, None) => true,
    }
}

fn check_tolerations(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let (new_list, old_list) = (items(new, "tolerations"), items(old, "tolerations"));
    if new_list == old_list {
        return;
    }
    let but_for_time = |toleration: &'_ Value| {
        ["key", "operator", "value", "effect"].map(|k| text(toleration, k).to_owned())
    };
    let kept: HashSet<_> = new_list.iter().map(but_for_time).collect();
    if !old_list.iter().all(|old| kept.contains(&but_for_time(old))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        at.child("tolerations").forbidden(errors, detail);
    }
}

fn check_gates(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let had: HashSet<&str> = items(old, "schedulingGates").iter().map(|gate| text(gate, "name")).collect();
    for (index, gate) in items(new, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        if !had.contains(name) {
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            at.index(index).child("name").forbidden(errors, detail);
        }
    }
}

/// Checks that where a Pod may run, which is not yet looked at, only gets narrower.
fn check_gated(new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    if !scheduling::only_adds_labels(new, old) {
        let value = new.get("nodeSelector").cloned().unwrap_or_default();
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        at.child("nodeSelector").invalid(errors, value, detail);
    }
    let nodes =
        |spec: &Value| part(spec, "affinity").and_then(|affinity| part(affinity, "nodeAffinity")).cloned();
    let (new, old) = (nodes(new), nodes(old));
    if new == old || old.is_none() {
        return;
    }
    let (new, old) = (scheduling::required_terms(new.as_ref()), scheduling::required_terms(old.as_ref()));
    let at = at.child("affinity");
    let at = at.child("nodeAffinity");
    let at = at.child("requiredDuringSchedulingIgnoredDuringExecution");
    if !old.is_empty() && old.len() != new.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return at.child("nodeSelectorTerms").invalid(errors, new.to_vec(), detail);
    }
    for (index, (new, old)) in new.iter().zip(old).enumerate() {
        if !scheduling::only_adds(new, old) {
            let detail = "only additions are allowed (no mutations or deletions)";
            at.child("nodeSelectorTerms").index(index).invalid(errors, new.clone(), detail);
        }
    }
}

fn same_but_for_nodes(new: Option<&Value>, old: Option<&Value>) -> bool {
    let rest =
        |affinity: Option<&Value>, key: &str| affinity.and_then(|affinity| part(affinity, key)).cloned();
    ["podAffinity", "podAntiAffinity"].iter().all(|key| rest(new, key) == rest(old, key))
}

/// Returns whether a kubelet made the Pod from a file.
pub(super) fn is_mirror(pod: &Value) -> bool {
    pod.get("metadata")
        .and_then(|metadata| map(metadata, "annotations"))
        .is_some_and(|a| a.contains_key(MIRROR))
}

/// Returns whether a container that runs before the others stays.
pub(super) fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}
