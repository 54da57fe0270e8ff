//! What keeps a number of Pods running for good.

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::name::percent;

use super::same::differences;
use super::{selector, template, volumes};
use crate::validate::names::dns1123_label;
use crate::validate::place::Place;
use crate::validate::read::{IMMUTABLE, int, items, map, named, none_or_one_of, nonnegative, part, text};

const MISMATCH: &str = "`selector` does not match template `labels`";

/// Checks a Deployment.
pub(super) fn deployment(object: &Value, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    nonnegative(spec, "replicas", &at, errors);
    check_selected(spec, "deployment", "invalid label selector", &[], "ReplicaSet", &at, errors);
    check_strategy(spec, &at.child("strategy"), errors);
    nonnegative(spec, "minReadySeconds", &at, errors);
    nonnegative(spec, "revisionHistoryLimit", &at, errors);
    nonnegative(spec, "progressDeadlineSeconds", &at, errors);
    if let Some(deadline) = int(spec, "progressDeadlineSeconds")
        && deadline <= int(spec, "minReadySeconds").unwrap_or(0)
    {
        at.child("progressDeadlineSeconds").invalid(errors, deadline, "must be greater than minReadySeconds");
    }
}

/// Checks a `ReplicaSet`.
pub(super) fn replica_set(object: &Value, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    nonnegative(spec, "replicas", &at, errors);
    nonnegative(spec, "minReadySeconds", &at, errors);
    // The words speak of a deployment, as they always did.
    check_selected(spec, "deployment", "invalid label selector", &[], "ReplicaSet", &at, errors);
}

/// Checks a `ReplicationController`, whose selector is a plain map.
pub(super) fn replication_controller(object: &Value, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    nonnegative(spec, "minReadySeconds", &at, errors);
    let labels = map(spec, "selector").filter(|labels| !labels.is_empty());
    if labels.is_none() {
        at.child("selector").required(errors, "");
    }
    if part(spec, "replicas").is_none() {
        at.child("replicas").required(errors, "");
    }
    nonnegative(spec, "replicas", &at, errors);
    let at_template = at.child("template");
    let Some(template) = part(spec, "template") else {
        return at_template.required(errors, "");
    };
    let found = labels_of(template);
    let has = |key: &String, value: &Value| found.and_then(|found| found.get(key)) == Some(value);
    if labels.is_some_and(|labels| !labels.iter().all(|(key, value)| has(key, value))) {
        reject_labels(template, &at_template, errors);
    }
    template::check(template, &[], &at_template, errors);
    check_lifetime(template, "ReplicationController", &at_template, errors);
}

/// Checks a `DaemonSet`.
pub(super) fn daemon_set(object: &Value, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    let selector = part(spec, "selector");
    if let Some(selector) = selector {
        selector::check(selector, &at.child("selector"), errors);
    }
    let template = part(spec, "template").unwrap_or(&Value::Null);
    let at_template = at.child("template");
    if selector::selects(selector.unwrap_or(&Value::Null), labels_of(template)).is_ok_and(|selects| !selects)
    {
        reject_labels(template, &at_template, errors);
    }
    if let Some(selector) = selector.filter(|selector| selector::is_empty(selector)) {
        at.child("selector").invalid(errors, selector.clone(), "empty selector is invalid for daemonset");
    }
    template::check(template, &[], &at_template, errors);
    check_lifetime(template, "DaemonSet", &at_template, errors);
    nonnegative(spec, "minReadySeconds", &at, errors);
    let strategy = part(spec, "updateStrategy").unwrap_or(&Value::Null);
    let at_strategy = at.child("updateStrategy");
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => check_daemon_rollout(strategy, &at_strategy.child("rollingUpdate"), errors),
        _ => at_strategy.not_supported(errors, as_in_go(strategy), &["RollingUpdate", "OnDelete"]),
    }
    nonnegative(spec, "revisionHistoryLimit", &at, errors);
}

fn check_daemon_rollout(strategy: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(rolling) = part(strategy, "rollingUpdate") else {
        return at.required(errors, "");
    };
    let unavailable = check_portion(rolling, "maxUnavailable", at, errors);
    let surge = check_portion(rolling, "maxSurge", at, errors);
    check_whole(rolling, "maxUnavailable", at, errors);
    check_whole(rolling, "maxSurge", at, errors);
    match (unavailable != 0, surge != 0) {
        (true, true) => {
            let value = rolling.get("maxSurge").cloned().unwrap_or_default();
            at.child("maxSurge").invalid(errors, value, "may not be set when maxUnavailable is non-zero");
        }
        (false, false) => at.child("maxUnavailable").required(errors, "cannot be 0 when maxSurge is 0"),
        (true, false) | (false, true) => {}
    }
}

/// Checks a StatefulSet; `old` is what it was, if it was.
pub(super) fn stateful_set(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    let policy = text(spec, "podManagementPolicy");
    match policy {
        "OrderedReady" | "Parallel" => {}
        "" => at.child("podManagementPolicy").required(errors, ""),
        other => {
            at.child("podManagementPolicy").invalid(errors, other, "must be 'OrderedReady' or 'Parallel'");
        }
    }
    check_stateful_strategy(spec, &at.child("updateStrategy"), errors);
    if let Some(policy) = part(spec, "persistentVolumeClaimRetentionPolicy") {
        let at = at.child("persistentVolumeClaimRetentionPolicy");
        for key in ["whenDeleted", "whenScaled"] {
            none_or_one_of(policy, key, &["Retain", "Delete"], &at, errors);
        }
    }
    nonnegative(spec, "replicas", &at, errors);
    nonnegative(spec, "minReadySeconds", &at, errors);
    nonnegative(spec, "revisionHistoryLimit", &at, errors);
    if let Some(ordinals) = part(spec, "ordinals")
        && let Some(start) = int(ordinals, "start").filter(|start| *start < 0)
    {
        at.child("ordinals.start").invalid(errors, start, "must be greater than or equal to 0");
    }
    if old.is_none() {
        named(spec, "serviceName", dns1123_label, &at, errors);
        check_claims(spec, &at.child("volumeClaimTemplates"), errors);
    }
    check_stateful_template(spec, old, &at, errors);
}

fn check_stateful_template(spec: &Value, old: Option<&Value>, at: &Place<'_>, errors: &mut FieldErrors) {
    let claims = items(spec, "volumeClaimTemplates");
    let before = errors.len();
    check_selected(spec, "statefulset", "", claims, "StatefulSet", at, errors);
    let Some(old) = old.filter(|_| errors.len() > before) else { return };
    // What was stored before templates were looked at closely may stay as wrong as it was.
    let (old, mut was) = (part(old, "spec").unwrap_or(&Value::Null), FieldErrors::new());
    check_selected(old, "statefulset", "", claims, "StatefulSet", at, &mut was);
    let mut index = 0;
    errors.retain(|error| {
        index += 1;
        index <= before || !was.contains(error)
    });
}

fn check_stateful_strategy(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let strategy = part(spec, "updateStrategy").unwrap_or(&Value::Null);
    let rolling = part(strategy, "rollingUpdate");
    let at_rolling = at.child("rollingUpdate");
    match (text(strategy, "type"), rolling) {
        ("", _) => at.required(errors, ""),
        ("OnDelete", Some(rolling)) => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            at_rolling.invalid(errors, as_in_go(rolling), detail);
        }
        ("RollingUpdate", Some(rolling)) => {
            nonnegative(rolling, "partition", &at_rolling, errors);
            if let Some(value) = part(rolling, "maxUnavailable") {
                if check_portion(rolling, "maxUnavailable", &at_rolling, errors) == 0 {
                    at_rolling.child("maxUnavailable").invalid(errors, value.clone(), "cannot be 0");
                }
                check_whole(rolling, "maxUnavailable", &at_rolling, errors);
            }
        }
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => at.invalid(errors, as_in_go(strategy), "must be 'RollingUpdate' or 'OnDelete'"),
    }
}

fn check_claims(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, claim) in items(spec, "volumeClaimTemplates").iter().enumerate() {
        let at = at.index(index);
        volumes::check_claim(part(claim, "spec").unwrap_or(&Value::Null), &at.child("spec"), errors);
    }
}

/// Checks what of a StatefulSet may not change.
pub(super) fn stateful_set_changes(new: &Value, old: &Value, errors: &mut FieldErrors) {
    const MAY_CHANGE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let (new, at) = spec_of(new);
    let (old, _) = spec_of(old);
    if !differences(new, old, |key, _, _| MAY_CHANGE.contains(&key)).is_empty() {
        at.forbidden(errors, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
    }
}

/// Checks that the selector is the same as before.
pub(super) fn same_selector(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let (new, at) = spec_of(new);
    let (old, _) = spec_of(old);
    if !differences(new, old, |key, _, _| key != "selector").is_empty() {
        at.child("selector").invalid(errors, new.get("selector").cloned().unwrap_or_default(), IMMUTABLE);
    }
}

/// Checks a `ControllerRevision`; its data never change.
pub(super) fn controller_revision(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let at = Place::new("data");
    if part(object, "data").is_none() {
        at.required(errors, "data is mandatory");
    }
    nonnegative(object, "revision", &Place::ROOT, errors);
    if old.is_some_and(|old| part(old, "data") != part(object, "data")) {
        at.invalid(errors, object.get("data").cloned().unwrap_or_default(), IMMUTABLE);
    }
}

/// Returns the spec of an object and its place.
pub(super) fn spec_of(object: &Value) -> (&Value, Place<'static>) {
    (part(object, "spec").unwrap_or(&Value::Null), Place::new("spec"))
}

/// Returns the labels of a template.
pub(super) fn labels_of(template: &Value) -> Option<&Value> {
    part(template, "metadata").and_then(|metadata| part(metadata, "labels"))
}

/// Says that the labels of a template are not those that are selected.
pub(super) fn reject_labels(template: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let at = at.child("metadata");
    at.child("labels").invalid(errors, labels_of(template).cloned().unwrap_or_default(), MISMATCH);
}

/// Checks a selector and the template whose Pods it must select.
fn check_selected(
    spec: &Value,
    kind: &str,
    unreadable: &str,
    claims: &[Value],
    owner: &str,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let at_selector = at.child("selector");
    let selector = part(spec, "selector");
    match selector {
        None => at_selector.required(errors, ""),
        Some(selector) => {
            selector::check(selector, &at_selector, errors);
            if selector::is_empty(selector) {
                let detail = format!("empty selector is invalid for {kind}");
                at_selector.invalid(errors, selector.clone(), detail);
            }
        }
    }
    let template = part(spec, "template").unwrap_or(&Value::Null);
    let at_template = at.child("template");
    match selector::selects(selector.unwrap_or(&Value::Null), labels_of(template)) {
        Err(_) => {
            let value = selector.cloned().unwrap_or_default();
            return at_selector.invalid(errors, value, unreadable);
        }
        Ok(false) => reject_labels(template, &at_template, errors),
        Ok(true) => {}
    }
    template::check(template, claims, &at_template, errors);
    check_lifetime(template, owner, &at_template, errors);
}

/// Checks that Pods are always started again and have no deadline.
fn check_lifetime(template: &Value, owner: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(spec) = part(template, "spec") else { return };
    let at = at.child("spec");
    let policy = text(spec, "restartPolicy");
    if policy != "Always" {
        at.child("restartPolicy").not_supported(errors, policy, &["Always"]);
    }
    if part(spec, "activeDeadlineSeconds").is_some() {
        let detail = format!("activeDeadlineSeconds in {owner} is not Supported");
        at.child("activeDeadlineSeconds").forbidden(errors, detail);
    }
}

fn check_strategy(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let strategy = part(spec, "strategy").unwrap_or(&Value::Null);
    let at_rolling = at.child("rollingUpdate");
    match (text(strategy, "type"), part(strategy, "rollingUpdate")) {
        ("Recreate", Some(_)) => {
            at_rolling.forbidden(errors, "may not be specified when strategy `type` is 'Recreate'");
        }
        ("Recreate", None) => {}
        ("RollingUpdate", None) => {
            at_rolling.required(errors, "this should be defaulted and never be nil");
        }
        ("RollingUpdate", Some(rolling)) => {
            let unavailable = check_portion(rolling, "maxUnavailable", &at_rolling, errors);
            let surge = check_portion(rolling, "maxSurge", &at_rolling, errors);
            if unavailable == 0 && surge == 0 {
                let value = rolling.get("maxUnavailable").cloned().unwrap_or_default();
                at_rolling.child("maxUnavailable").invalid(
                    errors,
                    value,
                    "may not be 0 when `maxSurge` is 0",
                );
            }
            check_whole(rolling, "maxUnavailable", &at_rolling, errors);
        }
        _ => at.not_supported(errors, as_in_go(strategy), &["Recreate", "RollingUpdate"]),
    }
}

/// Checks a number or a percentage and returns it, or 0 if it is neither.
fn check_portion(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) -> i64 {
    let Some(portion) = value.get(key).and_then(Value::as_str) else {
        nonnegative(value, key, at, errors);
        return int(value, key).unwrap_or(0);
    };
    let reasons = percent(portion);
    if reasons.is_empty() {
        return percentage(portion).unwrap_or(i64::MAX);
    }
    at.child(key).invalid_for(errors, portion, reasons);
    // Go reads a string that is no percentage as a number if it can.
    portion.parse().unwrap_or(0)
}

fn percentage(portion: &str) -> Option<i64> {
    portion.strip_suffix('%').and_then(|number| number.parse().ok())
}

fn check_whole(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    let portion = value.get(key).and_then(Value::as_str).filter(|portion| percent(portion).is_empty());
    if let Some(portion) = portion.filter(|portion| percentage(portion).is_none_or(|number| number > 100)) {
        at.child(key).invalid(errors, portion, "must not be greater than 100%");
    }
}

/// Shows a strategy with the names that its fields have in Go, which is how the server shows it.
fn as_in_go(strategy: &Value) -> Value {
    let Some(map) = strategy.as_object() else { return strategy.clone() };
    let mut shown: serde_json::Map<String, Value> = map
        .iter()
        .map(|(key, value)| {
            let mut letters = key.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            (first.chain(letters).collect(), as_in_go(value))
        })
        .collect();
    if shown.contains_key("Type") {
        shown.entry("RollingUpdate").or_insert(Value::Null);
    }
    Value::Object(shown)
}
