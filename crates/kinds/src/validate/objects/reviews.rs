//! Questions that are asked of the server: tokens and permissions.

use serde_json::{Map, Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::meta;
use stanchion_machinery::name;

use super::read::{get, int, list, spec, text};

/// How long a token lives at least, in seconds.
const TOKEN_MIN: i64 = 600;
/// How long a token lives at most, in seconds.
const TOKEN_MAX: i64 = 1 << 32;

/// Checks how long a token is to live.
pub(super) fn token_request(object: &Value, errors: &mut FieldErrors) {
    token_lifetime(int(spec(object), "expirationSeconds"), &Path::new("spec.expirationSeconds"), errors);
}

/// Checks how long a token may live.
pub(super) fn token_lifetime(seconds: Option<i64>, path: &Path, errors: &mut FieldErrors) {
    let Some(seconds) = seconds else { return };
    if seconds < TOKEN_MIN {
        let why = "may not specify a duration less than 10 minutes";
        errors.push(FieldError::invalid(path, seconds, why));
    }
    if seconds > TOKEN_MAX {
        let why = "may not specify a duration larger than 2^32 seconds";
        errors.push(FieldError::invalid(path, seconds, why));
    }
}

/// Checks a question about the permissions of somebody, or of the one who asks.
pub(super) fn access(object: &Value, is_self: bool, errors: &mut FieldErrors) {
    question(spec(object), is_self, errors);
    no_metadata(object, &[], "must be empty", errors);
}

/// Checks a question about the permissions of somebody in a namespace.
pub(super) fn local_access(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    question(spec, false, errors);
    no_metadata(object, &["namespace"], "must be empty except for namespace", errors);
    let (resource, other) = (get(spec, "resourceAttributes"), get(spec, "nonResourceAttributes"));
    if !resource.is_null() && text(resource, "namespace") != meta::namespace(object) {
        let path = Path::new("spec.resourceAttributes.namespace");
        let why = "must match metadata.namespace";
        errors.push(FieldError::invalid(&path, text(resource, "namespace"), why));
    }
    if !other.is_null() {
        let path = Path::new("spec.nonResourceAttributes");
        errors.push(FieldError::invalid(&path, shown(other), "disallowed on this kind of request"));
    }
}

fn shown(attributes: &Value) -> Value {
    json!({ "Path": text(attributes, "path"), "Verb": text(attributes, "verb") })
}

fn question(spec: &Value, is_self: bool, errors: &mut FieldErrors) {
    let path = Path::new("spec");
    let (resource, other) = (get(spec, "resourceAttributes"), get(spec, "nonResourceAttributes"));
    if !resource.is_null() && !other.is_null() {
        let why = "cannot be specified in combination with resourceAttributes";
        errors.push(FieldError::invalid(&path.child("nonResourceAttributes"), shown(other), why));
    }
    if resource.is_null() && other.is_null() {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        errors.push(FieldError::invalid(&path.child("resourceAttributes"), Value::Null, why));
    }
    if !is_self && text(spec, "user").is_empty() && list(spec, "groups").is_empty() {
        let why = "at least one of user or group must be specified";
        errors.push(FieldError::invalid(&path.child("user"), "", why));
    }
    for key in ["fieldSelector", "labelSelector"] {
        let selector = get(resource, key);
        if !selector.is_null() {
            attribute_selector(selector, key, &path.child("resourceAttributes").child(key), errors);
        }
    }
}

fn attribute_selector(selector: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let (raw, requirements) = (text(selector, "rawSelector"), list(selector, "requirements"));
    if !raw.is_empty() && !requirements.is_empty() {
        let why = "may not specified at the same time as requirements";
        errors.push(FieldError::invalid(&path.child("rawSelector"), raw, why));
    }
    if raw.is_empty() && requirements.is_empty() {
        let why = format!("when {path} is specified, requirements or rawSelector is required");
        errors.push(FieldError::required(&path.child("requirements"), why));
    }
    for (i, requirement) in requirements.iter().enumerate() {
        let path = path.child("requirements").index(i);
        let key = text(requirement, "key");
        if kind == "labelSelector" {
            errors.extend(name::label_key(key, &path.child("key")));
        } else if key.is_empty() {
            errors.push(FieldError::required(&path.child("key"), "must be specified"));
        }
        let is_empty = list(requirement, "values").is_empty();
        let path = path.child("values");
        match text(requirement, "operator") {
            "In" | "NotIn" if is_empty => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&path, why));
            }
            "Exists" | "DoesNotExist" if !is_empty => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&path, why));
            }
            _ => {}
        }
    }
}

fn no_metadata(object: &Value, allowed: &[&str], why: &str, errors: &mut FieldErrors) {
    let metadata = get(object, "metadata");
    let is_empty = |value: &Value| {
        value.is_null() || value.as_str() == Some("") || value.as_object().is_some_and(Map::is_empty)
    };
    let is_fine = |(key, value): (&String, &Value)| {
        key == "managedFields" || allowed.contains(&key.as_str()) || is_empty(value)
    };
    if !metadata.as_object().into_iter().flatten().all(is_fine) {
        errors.push(FieldError::invalid(&Path::new("metadata"), metadata.clone(), why));
    }
}
