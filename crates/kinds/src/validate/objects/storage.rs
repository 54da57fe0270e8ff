//! Storage classes, CSI drivers and what they say of nodes and volumes.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::{each, immutable, non_negative, required_of, selector, supported};
use super::quantities;
use super::read::{entries, get, int, is_set, list, spec, strings, text};
use super::reviews::token_lifetime;
use super::volumes;
use crate::defaults::objects::same;

const PARAMETERS_SIZE: usize = 256 * 1024;
const PARAMETERS_MAX: usize = 512;
const MESSAGE_MAX: usize = 1024;
const NODE_ID_MAX: usize = 256;
const DRIVER_NAME_MAX: usize = 63;

/// Checks the name of a driver.
pub(super) fn driver_name(errors: &mut FieldErrors, path: &Path, driver: &str) {
    if driver.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if driver.len() > DRIVER_NAME_MAX {
        errors.push(FieldError::too_long(path, DRIVER_NAME_MAX));
    }
    each(errors, path, driver, name::dns1123_subdomain(&driver.to_lowercase()));
}

/// Checks a storage class.
pub(super) fn class(object: &Value, errors: &mut FieldErrors) {
    provisioner(object, "provisioner", errors);
    parameters(object, true, errors);
    let policy = text(object, "reclaimPolicy");
    if !policy.is_empty() {
        supported(errors, &Path::new("reclaimPolicy"), policy, &["Delete", "Retain"]);
    }
    let mode = text(object, "volumeBindingMode");
    required_of(errors, &Path::new("volumeBindingMode"), mode, &["Immediate", "WaitForFirstConsumer"]);
    topologies(object, errors);
}

/// Checks what must not change when a storage class is updated.
pub(super) fn class_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    for key in ["parameters", "provisioner", "reclaimPolicy"] {
        fixed(new, old, key, errors);
    }
    let mode = "volumeBindingMode";
    immutable(errors, &Path::new(mode), get(new, mode), get(old, mode));
}

/// Checks a class of volume attributes.
pub(super) fn attributes_class(object: &Value, errors: &mut FieldErrors) {
    provisioner(object, "driverName", errors);
    parameters(object, false, errors);
}

/// Checks what must not change when a class of volume attributes is updated.
pub(super) fn attributes_class_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    fixed(new, old, "driverName", errors);
    fixed(new, old, "parameters", errors);
}

fn fixed(new: &Value, old: &Value, key: &str, errors: &mut FieldErrors) {
    if !same(new.get(key), old.get(key)) {
        errors.push(FieldError::forbidden(&Path::new(key), format!("updates to {key} are forbidden.")));
    }
}

fn provisioner(object: &Value, key: &str, errors: &mut FieldErrors) {
    let path = Path::new(key);
    let driver = text(object, key);
    if driver.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else {
        let driver = driver.to_lowercase();
        each(errors, &path, driver.as_str(), name::qualified_name(&driver));
    }
}

fn parameters(object: &Value, may_be_empty: bool, errors: &mut FieldErrors) {
    let path = Path::new("parameters");
    let count = entries(object, "parameters").count();
    if count > PARAMETERS_MAX {
        errors.push(FieldError::too_long(&path, PARAMETERS_MAX));
        return;
    }
    let mut size = 0;
    for (key, value) in entries(object, "parameters") {
        if key.is_empty() {
            errors.push(FieldError::invalid(&path, key, "field can not be empty."));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > PARAMETERS_SIZE {
        errors.push(FieldError::too_long(&path, PARAMETERS_SIZE));
    }
    if count == 0 && !may_be_empty {
        errors.push(FieldError::required(&path, "must contain at least one key/value pair"));
    }
}

fn topologies(object: &Value, errors: &mut FieldErrors) {
    for (i, term) in list(object, "allowedTopologies").iter().enumerate() {
        let path = Path::new("allowedTopologies").index(i).child("matchLabelExpressions");
        let mut keys = HashSet::new();
        for (i, expression) in list(term, "matchLabelExpressions").iter().enumerate() {
            let path = path.index(i);
            let key = text(expression, "key");
            let values = path.child("values");
            if list(expression, "values").is_empty() {
                errors.push(FieldError::required(&values, ""));
            }
            let mut seen = HashSet::new();
            for (i, value) in
                strings(expression, "values").enumerate().filter(|(_, value)| !seen.insert(*value))
            {
                errors.push(FieldError::duplicate(&values.index(i), value));
            }
            errors.extend(name::label_key(key, &path.child("key")));
            if !keys.insert(key) {
                errors.push(FieldError::duplicate(&path.child("key"), key));
            }
        }
        if list(object, "allowedTopologies")[..i].contains(term) {
            errors.push(FieldError::duplicate(&path, ""));
        }
    }
}

/// Checks what a driver says of itself.
pub(super) fn driver(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    let path = Path::new("spec");
    let flags = [
        ("attachRequired", "attachedRequired"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("storageCapacity", "storageCapacity"),
    ];
    for (key, shown) in flags {
        if !is_set(spec, key) {
            errors.push(FieldError::required(&path.child(shown), ""));
        }
    }
    if let Some(policy) = get(spec, "fsGroupPolicy").as_str() {
        let known = ["File", "None", "ReadWriteOnceWithFSType"];
        supported(errors, &path.child("fsGroupPolicy"), policy, &known);
    }
    let mut audiences = HashSet::new();
    for (i, request) in list(spec, "tokenRequests").iter().enumerate() {
        let path = path.child("tokenRequests").index(i);
        let audience = text(request, "audience");
        if audiences.insert(audience) {
            let seconds = int(request, "expirationSeconds");
            token_lifetime(seconds, &path.child("expirationSeconds"), errors);
        } else {
            errors.push(FieldError::duplicate(&path.child("audience"), audience));
        }
    }
    for mode in strings(spec, "volumeLifecycleModes") {
        supported(errors, &path.child("volumeLifecycleModes"), mode, &["Persistent", "Ephemeral"]);
    }
    if !is_set(spec, "seLinuxMount") {
        errors.push(FieldError::required(&path.child("seLinuxMount"), ""));
    }
    if let Some(period) = int(spec, "nodeAllocatableUpdatePeriodSeconds").filter(|period| *period < 10) {
        let why = "must be greater than or equal to 10 seconds";
        errors.push(FieldError::invalid(&path.child("nodeAllocatableUpdatePeriodSeconds"), period, why));
    }
}

/// Checks what must not change when a driver is updated.
pub(super) fn driver_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    for (key, shown) in
        [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")]
    {
        let (is, was) = (get(spec(new), key), get(spec(old), key));
        immutable(errors, &Path::new("spec").child(shown), is, was);
    }
}

/// Checks the drivers of a node.
pub(super) fn node(object: &Value, errors: &mut FieldErrors) {
    let mut names = HashSet::new();
    for (i, driver) in list(spec(object), "drivers").iter().enumerate() {
        let path = Path::new("spec.drivers").index(i);
        let name = text(driver, "name");
        driver_name(errors, &path.child("name"), name);
        let id = text(driver, "nodeID");
        if id.is_empty() {
            errors.push(FieldError::required(&path.child("nodeID"), ""));
        }
        if id.len() > NODE_ID_MAX {
            let why = format!("must be {NODE_ID_MAX} characters or less");
            errors.push(FieldError::invalid(&path.child("nodeID"), id, why));
        }
        let count = int(get(driver, "allocatable"), "count");
        non_negative(errors, &path.child("allocatable").child("count"), count);
        if !names.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
        let mut keys = HashSet::new();
        for key in strings(driver, "topologyKeys") {
            if key.is_empty() {
                errors.push(FieldError::required(&path, ""));
            }
            if !keys.insert(key) {
                errors.push(FieldError::duplicate(&path, key));
            }
            each(errors, &path, key, name::qualified_name(key));
        }
    }
}

/// Checks that the drivers of a node stay as they are, but for how many volumes they take.
pub(super) fn node_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.drivers");
    for is in list(spec(new), "drivers") {
        for was in list(spec(old), "drivers").iter().filter(|was| text(was, "name") == text(is, "name")) {
            let fits = |key| same(is.get(key), was.get(key));
            if !["nodeID", "topologyKeys"].into_iter().all(fits) {
                errors.push(FieldError::invalid(&path, is.clone(), "field is immutable"));
            }
        }
    }
}

/// Checks how much room a driver says there is.
pub(super) fn capacity(object: &Value, errors: &mut FieldErrors) {
    selector(errors, &Path::root(), object, "nodeTopology");
    let class = text(object, "storageClassName");
    each(errors, &Path::new("storageClassName"), class, name::dns1123_subdomain(class));
    if is_set(object, "capacity") {
        quantities::non_negative(errors, &Path::new("capacity"), get(object, "capacity"));
    }
}

/// Checks what must not change when the room is updated.
pub(super) fn capacity_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    for key in ["nodeTopology", "storageClassName"] {
        immutable(errors, &Path::new(key), get(new, key), get(old, key));
    }
}

/// Checks which volume goes to which node.
pub(super) fn attachment(object: &Value, is_new: bool, errors: &mut FieldErrors) {
    let wanted = spec(object);
    let path = Path::new("spec");
    let attacher = text(wanted, "attacher");
    if attacher.is_empty() {
        errors.push(FieldError::required(&path.child("attacher"), ""));
    }
    attachment_source(get(wanted, "source"), &path.child("source"), errors);
    let node = text(wanted, "nodeName");
    each(errors, &path.child("nodeName"), node, name::dns1123_subdomain(node));
    attachment_status(object, errors);
    if is_new {
        driver_name(errors, &path.child("attacher"), attacher);
        if let Some(volume) = get(get(wanted, "source"), "persistentVolumeName").as_str() {
            let path = path.child("source").child("persistentVolumeName");
            each(errors, &path, volume, name::dns1123_subdomain(volume));
        }
    }
}

fn attachment_source(source: &Value, path: &Path, errors: &mut FieldErrors) {
    let why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    let inline = get(source, "inlineVolumeSpec");
    match (inline.is_null(), get(source, "persistentVolumeName").as_str()) {
        (true, None) => errors.push(FieldError::required(path, why)),
        (false, Some(_)) => errors.push(FieldError::forbidden(path, why)),
        (true, Some("")) => {
            let why = "must specify non empty persistentVolumeName";
            errors.push(FieldError::required(&path.child("persistentVolumeName"), why));
        }
        (true, Some(_)) => {}
        (false, None) => volumes::volume(inline, &path.child("inlineVolumeSpec"), true, errors),
    }
}

/// Checks what the attacher says.
pub(super) fn attachment_status(object: &Value, errors: &mut FieldErrors) {
    let status = get(object, "status");
    let path = Path::new("status");
    let texts = entries(status, "attachmentMetadata");
    let size: usize = texts.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > PARAMETERS_SIZE {
        errors.push(FieldError::too_long(&path.child("attachmentMetadata"), PARAMETERS_SIZE));
    }
    for key in ["attachError", "detachError"] {
        let error = get(status, key);
        if text(error, "message").len() > MESSAGE_MAX {
            errors.push(FieldError::too_long(&path.child(key).child("message"), PARAMETERS_SIZE));
        }
        if let Some(code) = int(error, "errorCode").filter(|code| *code < 0) {
            let why = "must be between 0 and 2147483647, inclusive";
            errors.push(FieldError::invalid(&path.child(key).child("errorCode"), code, why));
        }
    }
}

/// Checks that an attachment stays as it was wanted.
pub(super) fn attachment_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    immutable(errors, &Path::new("spec"), spec(new), spec(old));
}
