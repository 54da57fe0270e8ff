//! Checks that many kinds share.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;
use stanchion_machinery::selector::validate_label_selector;

use super::read::{get, int, list, text};
use crate::defaults::objects::same;

/// The protocols of ports, in the order messages list them.
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// Adds an error for each thing that is wrong with a value.
pub(super) fn each(errors: &mut FieldErrors, path: &Path, value: impl Into<Value>, problems: Vec<String>) {
    if problems.is_empty() {
        return;
    }
    let value = value.into();
    errors.extend(problems.into_iter().map(|why| FieldError::invalid(path, value.clone(), why)));
}

/// Checks a string that must be there and follow a rule.
pub(super) fn required(errors: &mut FieldErrors, path: &Path, value: &str, rule: fn(&str) -> Vec<String>) {
    if value.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else {
        each(errors, path, value, rule(value));
    }
}

/// Checks a string that must follow a rule if it is there.
pub(super) fn optional(errors: &mut FieldErrors, path: &Path, value: &str, rule: fn(&str) -> Vec<String>) {
    if !value.is_empty() {
        each(errors, path, value, rule(value));
    }
}

/// Checks a value against those that are supported.
pub(super) fn supported(errors: &mut FieldErrors, path: &Path, value: &str, known: &[&str]) {
    if !known.contains(&value) {
        errors.push(FieldError::not_supported(path, value, known));
    }
}

/// Checks a value that must be there against those that are supported.
pub(super) fn required_of(errors: &mut FieldErrors, path: &Path, value: &str, known: &[&str]) {
    if value.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else {
        supported(errors, path, value, known);
    }
}

/// Checks that a number is not negative.
pub(super) fn non_negative(errors: &mut FieldErrors, path: &Path, value: Option<i64>) {
    if let Some(value) = value.filter(|value| *value < 0) {
        errors.push(FieldError::invalid(path, value, "must be greater than or equal to 0"));
    }
}

/// Checks that a number is positive.
pub(super) fn positive(errors: &mut FieldErrors, path: &Path, value: Option<i64>) {
    if let Some(value) = value.filter(|value| *value <= 0) {
        errors.push(FieldError::invalid(path, value, "must be greater than 0"));
    }
}

/// Checks that a value has not changed; an empty one is as good as none.
pub(super) fn immutable(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    if !same(Some(new), Some(old)) {
        errors.push(FieldError::invalid(path, new.clone(), "field is immutable"));
    }
}

/// Checks the number of a port.
pub(super) fn port(errors: &mut FieldErrors, path: &Path, value: i64) {
    each(errors, path, value, name::port_number(value));
}

/// Checks a port that is a number or a name.
pub(super) fn port_or_name(errors: &mut FieldErrors, path: &Path, value: &Value) {
    match value {
        Value::String(text) => each(errors, path, text.as_str(), name::port_name(text)),
        other => port(errors, path, other.as_i64().unwrap_or(0)),
    }
}

/// Checks how many or how large a share of something: a number or a percentage, at most all.
pub(super) fn count_or_share(errors: &mut FieldErrors, path: &Path, value: &Value) {
    let Some(text) = value.as_str() else {
        return non_negative(errors, path, value.as_i64());
    };
    let problems = name::percent(text);
    if problems.is_empty() {
        let share = text.trim_end_matches('%').trim_start_matches('0');
        if share.len() > 3 || share.parse::<u16>().is_ok_and(|share| share > 100) {
            errors.push(FieldError::invalid(path, text, "must not be greater than 100%"));
        }
    }
    each(errors, path, text, problems);
}

/// Checks a selector, if there is one.
pub(super) fn selector(errors: &mut FieldErrors, path: &Path, parent: &Value, key: &str) {
    let selector = get(parent, key);
    if !selector.is_null() {
        errors.extend(validate_label_selector(selector, &path.child(key)));
    }
}

/// Checks a reference to an object by kind and name.
pub(super) fn object_reference(errors: &mut FieldErrors, path: &Path, reference: &Value) {
    for key in ["kind", "name"] {
        required(errors, &path.child(key), text(reference, key), name::path_segment_name);
    }
}

/// Checks the group of a reference, if it has one.
pub(super) fn group_of(errors: &mut FieldErrors, path: &Path, reference: &Value) {
    if let Some(group) = get(reference, "apiGroup").as_str() {
        each(errors, &path.child("apiGroup"), group, name::dns1123_subdomain(group));
    }
}

/// Checks conditions: their types must differ, and all of a condition must be there.
pub(super) fn conditions(errors: &mut FieldErrors, path: &Path, parent: &Value) {
    let mut types: Vec<&str> = Vec::new();
    for (i, condition) in list(parent, "conditions").iter().enumerate() {
        let path = path.child("conditions").index(i);
        let kind = text(condition, "type");
        if types.contains(&kind) {
            errors.push(FieldError::duplicate(&path.child("type"), kind));
        }
        types.push(kind);
        required(errors, &path.child("type"), kind, name::qualified_name);
        required_of(errors, &path.child("status"), text(condition, "status"), &["False", "True", "Unknown"]);
        non_negative(errors, &path.child("observedGeneration"), int(condition, "observedGeneration"));
        for key in ["lastTransitionTime", "reason"] {
            if text(condition, key).is_empty() {
                errors.push(FieldError::required(&path.child(key), "must be set"));
            }
        }
    }
}

/// Returns what is wrong with a host name that may begin with `*.`.
pub(super) fn host_name(host: &str) -> Vec<String> {
    if host.contains('*') { name::wildcard_subdomain(host) } else { name::dns1123_subdomain(host) }
}
