//! Config maps and secrets.

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::{meta, name};

use super::checks::{each, immutable};
use super::json_syntax::check_object;
use super::read::{annotation, entries, get, list, text};
use crate::defaults::objects::base64;

/// How many bytes all values together may have.
const SIZE_MAX: usize = 1024 * 1024;
const FROZEN: &str = "field is immutable when `immutable` is set";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// Checks the keys and the size of a config map.
pub(super) fn config_map(object: &Value, errors: &mut FieldErrors) {
    let mut size = 0;
    for (key, value) in entries(object, "data") {
        let problems = name::config_map_key(key);
        if !problems.is_empty() {
            each(errors, &Path::new("data").key(key), key, problems);
        }
        if get(get(object, "binaryData"), key).is_string() {
            let path = Path::new("data").key(key);
            errors.push(FieldError::invalid(&path, key, "duplicate of key present in binaryData"));
        }
        size += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(object, "binaryData") {
        let problems = name::config_map_key(key);
        if !problems.is_empty() {
            each(errors, &Path::new("binaryData").key(key), key, problems);
        }
        size += value.as_str().map_or(0, base64::decoded_len);
    }
    if size > SIZE_MAX {
        errors.push(FieldError::too_long(&Path::root().key(""), SIZE_MAX));
    }
}

/// Checks that an immutable config map or secret stays as it is.
pub(super) fn frozen(new: &Value, old: &Value, errors: &mut FieldErrors) {
    if get(old, "immutable") != &Value::Bool(true) {
        return;
    }
    if get(new, "immutable") != &Value::Bool(true) {
        errors.push(FieldError::forbidden(&Path::new("immutable"), FROZEN));
    }
    for key in ["data", "binaryData"] {
        if !same_bytes(new.get(key), old.get(key)) {
            errors.push(FieldError::forbidden(&Path::new(key), FROZEN));
        }
    }
}

/// Compares data key by key, where an empty value is a value.
fn same_bytes(a: Option<&Value>, b: Option<&Value>) -> bool {
    fn keys(map: Option<&Value>) -> Option<&Map<String, Value>> {
        map.and_then(Value::as_object).filter(|map| !map.is_empty())
    }
    keys(a) == keys(b)
}

/// Checks that a secret keeps its type.
pub(super) fn same_type(new: &Value, old: &Value, errors: &mut FieldErrors) {
    immutable(errors, &Path::new("type"), get(new, "type"), get(old, "type"));
}

/// Checks the keys and the size of a secret, and what its type asks for.
pub(super) fn secret(object: &Value, errors: &mut FieldErrors) {
    let path = Path::new("data");
    let mut size = 0;
    for (key, value) in entries(object, "data") {
        let problems = name::config_map_key(key);
        if !problems.is_empty() {
            each(errors, &path.key(key), key, problems);
        }
        size += value.as_str().map_or(0, base64::decoded_len);
    }
    if size > SIZE_MAX {
        errors.push(FieldError::too_long(&path, SIZE_MAX));
    }
    let data = get(object, "data");
    let has = |key: &str| data.get(key).is_some();
    let missing = |key: &str| FieldError::required(&path.key(key), "");
    match text(object, "type") {
        "kubernetes.io/service-account-token"
            if annotation(object, ACCOUNT_NAME).is_none_or(str::is_empty) =>
        {
            errors.push(FieldError::required(&Path::new("metadata.annotations").key(ACCOUNT_NAME), ""));
        }
        "kubernetes.io/dockercfg" => docker_config(data, ".dockercfg", &path, errors),
        "kubernetes.io/dockerconfigjson" => docker_config(data, ".dockerconfigjson", &path, errors),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            errors.extend([missing("username"), missing("password")]);
        }
        "kubernetes.io/ssh-auth" if text(data, "ssh-privatekey").is_empty() => {
            errors.push(missing("ssh-privatekey"));
        }
        "kubernetes.io/tls" => {
            errors.extend(["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).map(missing));
        }
        _ => {}
    }
}

fn docker_config(data: &Value, key: &str, path: &Path, errors: &mut FieldErrors) {
    let path = path.key(key);
    let Some(content) = data.get(key) else {
        errors.push(FieldError::required(&path, ""));
        return;
    };
    let bytes = base64::decode(content.as_str().unwrap_or("")).unwrap_or_default();
    if let Err(why) = check_object(&bytes) {
        errors.push(FieldError::invalid(&path, "<secret contents redacted>", why));
    }
}

/// Checks a reference to the object that is bound to a node.
pub(super) fn binding(object: &Value, errors: &mut FieldErrors) {
    let path = Path::new("target");
    let target = get(object, "target");
    let kind = text(target, "kind");
    if !kind.is_empty() && kind != "Node" {
        errors.push(FieldError::not_supported(&path.child("kind"), kind, &["Node", "<empty>"]));
    }
    if text(target, "name").is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
}

/// Checks what a namespace waits for.
pub(super) fn namespace(object: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.finalizers");
    for finalizer in list(get(object, "spec"), "finalizers") {
        let finalizer = finalizer.as_str().unwrap_or("");
        each(errors, &path, finalizer, name::qualified_name(finalizer));
        let is_standard = matches!(finalizer, "kubernetes" | "orphan" | "foregroundDeletion");
        if !finalizer.contains('/') && !is_standard {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(&path, finalizer, why));
        }
    }
}

/// Checks that the phase of a namespace says whether it is being deleted.
pub(super) fn namespace_status(new: &Value, errors: &mut FieldErrors) {
    let is_deleting = meta::is_deleting(new);
    let phase = text(get(new, "status"), "phase");
    let (expected, why) = if is_deleting {
        ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
    } else {
        ("Active", "may only be 'Active' if `deletionTimestamp` is empty")
    };
    if phase != expected {
        errors.push(FieldError::invalid(&Path::new("status.Phase"), phase, why));
    }
}
