//! Events of both groups.
//!
//! The groups name some fields differently; messages use the names of the core group for both.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::{meta, name};

use super::checks::{each, immutable};
use super::read::{get, int_or_zero, is_set, text};

const WORD_MAX: usize = 128;
const NOTE_MAX: usize = 1024;

/// Where the fields of an event stand in a group.
struct Names {
    regarding: &'static str,
    controller: &'static str,
    note: &'static str,
    source: &'static str,
    first: &'static str,
    last: &'static str,
    count: &'static str,
}

const CORE: Names = Names {
    regarding: "involvedObject",
    controller: "reportingComponent",
    note: "message",
    source: "source",
    first: "firstTimestamp",
    last: "lastTimestamp",
    count: "count",
};

const EVENTS: Names = Names {
    regarding: "regarding",
    controller: "reportingController",
    note: "note",
    source: "deprecatedSource",
    first: "deprecatedFirstTimestamp",
    last: "deprecatedLastTimestamp",
    count: "deprecatedCount",
};

/// Checks a new event; the newer group is strict.
pub(super) fn create(group: &str, event: &Value, errors: &mut FieldErrors) {
    if group.is_empty() {
        return legacy(event, &CORE, errors);
    }
    legacy(event, &EVENTS, errors);
    series(event, errors);
    if !is_set(event, "eventTime") {
        errors.push(FieldError::required(&Path::new("eventTime"), ""));
    }
    let kind = text(event, "type");
    if !matches!(kind, "Normal" | "Warning") {
        errors.push(FieldError::invalid(&Path::new("type"), "", format!("has invalid value: {kind}")));
    }
    let source = get(event, EVENTS.source);
    let found = [
        ("firstTimestamp", is_set(event, EVENTS.first)),
        ("lastTimestamp", is_set(event, EVENTS.last)),
        ("count", int_or_zero(event, EVENTS.count) != 0),
        ("source", !text(source, "component").is_empty() || !text(source, "host").is_empty()),
    ];
    for (field, _) in found.into_iter().filter(|(_, is_there)| *is_there) {
        errors.push(FieldError::invalid(&Path::new(field), "", "needs to be unset"));
    }
}

/// Checks an event that is updated; in the newer group only the series may change.
pub(super) fn update(group: &str, new: &Value, old: &Value, errors: &mut FieldErrors) {
    if group.is_empty() {
        return legacy(new, &CORE, errors);
    }
    legacy(new, &EVENTS, errors);
    if get(new, "series") != get(old, "series") {
        series(new, errors);
    }
    for (field, key) in [
        ("involvedObject", EVENTS.regarding),
        ("reason", "reason"),
        ("message", EVENTS.note),
        ("source", EVENTS.source),
        ("firstTimestamp", EVENTS.first),
        ("lastTimestamp", EVENTS.last),
        ("count", EVENTS.count),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", EVENTS.controller),
        ("reportingInstance", "reportingInstance"),
    ] {
        immutable(errors, &Path::new(field), get(new, key), get(old, key));
    }
}

fn series(event: &Value, errors: &mut FieldErrors) {
    let series = get(event, "series");
    if series.is_null() {
        return;
    }
    if int_or_zero(series, "count") < 2 {
        errors.push(FieldError::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if !is_set(series, "lastObservedTime") {
        errors.push(FieldError::required(&Path::new("series.lastObservedTime"), ""));
    }
}

fn legacy(event: &Value, names: &Names, errors: &mut FieldErrors) {
    let namespace = meta::namespace(event);
    let involved = text(get(event, names.regarding), "namespace");
    let is_new = is_set(event, "eventTime");
    let is_elsewhere = match (involved.is_empty(), is_new) {
        (true, true) => !matches!(namespace, "default" | "kube-system"),
        (true, false) => !matches!(namespace, "" | "default"),
        (false, true) => false,
        (false, false) => namespace != involved,
    };
    if is_elsewhere {
        let path = Path::new("involvedObject.namespace");
        errors.push(FieldError::invalid(&path, involved, "does not match event.namespace"));
    }
    if is_new {
        reported(event, names, errors);
    }
    each(errors, &Path::new("namespace"), namespace, name::dns1123_subdomain(namespace));
}

fn reported(event: &Value, names: &Names, errors: &mut FieldErrors) {
    let controller = text(event, names.controller);
    let path = Path::new("reportingController");
    if controller.is_empty() {
        errors.push(FieldError::required(&path, ""));
    }
    each(errors, &path, controller, name::qualified_name(controller));
    for key in ["reportingInstance", "action", "reason"] {
        let value = text(event, key);
        if value.is_empty() {
            errors.push(FieldError::required(&Path::new(key), ""));
        }
        at_most(value, WORD_MAX, key, errors);
    }
    at_most(text(event, names.note), NOTE_MAX, "message", errors);
}

fn at_most(value: &str, max: usize, field: &str, errors: &mut FieldErrors) {
    if value.len() > max {
        let why = format!("can have at most {max} characters");
        errors.push(FieldError::invalid(&Path::new(field), "", why));
    }
}
