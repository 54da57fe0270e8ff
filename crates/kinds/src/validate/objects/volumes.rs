//! Persistent volumes.

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::{each, immutable, optional, supported};
use super::quantities::{basic, positive};
use super::read::{entries, get, is_set, list, spec, strings, text};
use super::storage::driver_name;
use crate::defaults::objects::same;

/// How a volume can be mounted, in the order messages list it.
pub(super) const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// What a volume looks like in a container.
pub(super) const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];
const INLINE: &str = "may not be specified in the context of inline volumes";

/// Checks a volume.
pub(super) fn check(object: &Value, errors: &mut FieldErrors) {
    volume(spec(object), &Path::new("spec"), false, errors);
}

/// Checks the description of a volume, on its own or inside of an attachment.
pub(super) fn volume(spec: &Value, path: &Path, is_inline: bool, errors: &mut FieldErrors) {
    if is_inline {
        for key in ["claimRef", "capacity"] {
            if is_set(spec, key) {
                errors.push(FieldError::forbidden(&path.child(key), INLINE));
            }
        }
    }
    if list(spec, "accessModes").is_empty() {
        errors.push(FieldError::required(&path.child("accessModes"), ""));
    }
    access_modes(spec, path, errors);
    if !is_inline {
        capacity(spec, path, errors);
    }
    reclaim_policy(spec, path, is_inline, errors);
    affinity(get(spec, "nodeAffinity"), &path.child("nodeAffinity"), errors);
    sources(spec, path, errors);
    let class = text(spec, "storageClassName");
    if is_inline && !class.is_empty() {
        errors.push(FieldError::forbidden(&path.child("storageClassName"), INLINE));
    } else {
        optional(errors, &path.child("storageClassName"), class, name::dns1123_subdomain);
    }
    match get(spec, "volumeMode").as_str() {
        Some(mode) if is_inline && mode != "Filesystem" => {
            let why = "may not specify volumeMode other than Filesystem in the context of inline volumes";
            errors.push(FieldError::forbidden(&path.child("volumeMode"), why));
        }
        Some(mode) if !is_inline => supported(errors, &path.child("volumeMode"), mode, &VOLUME_MODES),
        Some(_) | None => {}
    }
    if let Some(class) = get(spec, "volumeAttributesClassName").as_str() {
        let field = path.child("volumeAttributesClassName");
        if class.is_empty() {
            errors.push(FieldError::required(&field, "an empty string is disallowed"));
        }
        optional(errors, &field, class, name::dns1123_subdomain);
        if !is_set(spec, "csi") {
            let why = "has to be specified when using volumeAttributesClassName";
            errors.push(FieldError::required(&path.child("csi"), why));
        }
    }
}

/// Checks how a volume or claim is to be mounted.
pub(super) fn access_modes(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    let path = path.child("accessModes");
    let (mut exclusive, mut shared) = (false, false);
    for mode in strings(spec, "accessModes") {
        supported(errors, &path, mode, &ACCESS_MODES);
        exclusive |= mode == "ReadWriteOncePod";
        shared |= mode != "ReadWriteOncePod" && ACCESS_MODES.contains(&mode);
    }
    if exclusive && shared {
        let why = "may not use ReadWriteOncePod with other access modes";
        errors.push(FieldError::forbidden(&path, why));
    }
}

fn capacity(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    let path = path.child("capacity");
    let capacity = get(spec, "capacity");
    let count = entries(spec, "capacity").count();
    if count == 0 {
        errors.push(FieldError::required(&path, ""));
    }
    if count > 1 || !is_set(capacity, "storage") {
        errors.push(FieldError::not_supported(&path, capacity.clone(), &["storage"]));
    }
    for (resource, value) in entries(spec, "capacity") {
        basic(errors, &path.key(resource), value);
        positive(errors, &path.key(resource), value);
    }
}

fn reclaim_policy(spec: &Value, path: &Path, is_inline: bool, errors: &mut FieldErrors) {
    let policy = text(spec, "persistentVolumeReclaimPolicy");
    let path = path.child("persistentVolumeReclaimPolicy");
    if policy.is_empty() {
    } else if !is_inline {
        supported(errors, &path, policy, &["Delete", "Recycle", "Retain"]);
        let is_root =
            text(get(spec, "hostPath"), "path").split('/').all(|part| part.is_empty() || part == ".");
        if policy == "Recycle" && is_set(spec, "hostPath") && is_root {
            errors.push(FieldError::forbidden(&path, "may not be 'recycle' for a hostPath mount of '/'"));
        }
    } else if policy != "Retain" {
        errors.push(FieldError::forbidden(&path, "may only be Retain in the context of inline volumes"));
    }
}

fn affinity(affinity: &Value, path: &Path, errors: &mut FieldErrors) {
    if affinity.is_null() {
        return;
    }
    let required = get(affinity, "required");
    let path = path.child("required");
    if required.is_null() {
        errors.push(FieldError::required(&path, "must specify required node constraints"));
        return;
    }
    let path = path.child("nodeSelectorTerms");
    let terms = list(required, "nodeSelectorTerms");
    if terms.is_empty() {
        errors.push(FieldError::required(&path, "must have at least one node selector term"));
    }
    for (i, term) in terms.iter().enumerate() {
        for (k, expression) in list(term, "matchExpressions").iter().enumerate() {
            node_expression(expression, &path.index(i).child("matchExpressions").index(k), errors);
        }
    }
}

fn node_expression(expression: &Value, path: &Path, errors: &mut FieldErrors) {
    let values = list(expression, "values");
    let field = path.child("values");
    let operator = text(expression, "operator");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&field, why));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&field, why));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(&field, why));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        _ => errors.push(FieldError::invalid(
            &path.child("operator"),
            operator,
            "not a valid selector operator",
        )),
    }
    let key = text(expression, "key");
    each(errors, &path.child("key"), key, name::qualified_name(key));
}

fn sources(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    let mut found = SOURCES.into_iter().filter(|source| is_set(spec, source));
    let Some(first) = found.next() else {
        errors.push(FieldError::required(path, "must specify a volume type"));
        return;
    };
    source(spec, first, &path.child(first), errors);
    for other in found {
        let why = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(&path.child(other), why));
    }
    if first == "local" && !is_set(spec, "nodeAffinity") {
        let why = "Local volume requires node affinity";
        errors.push(FieldError::required(&path.child("nodeAffinity"), why));
    }
}

fn source(spec: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let source = get(spec, kind);
    let mut required = |key: &str| {
        if text(source, key).is_empty() {
            errors.push(FieldError::required(&path.child(key), ""));
        }
    };
    match kind {
        "hostPath" => {
            required("path");
            no_steps_back(source, path, errors);
            let known = [
                "",
                "BlockDevice",
                "CharDevice",
                "Directory",
                "DirectoryOrCreate",
                "File",
                "FileOrCreate",
                "Socket",
            ];
            supported(errors, &path.child("type"), text(source, "type"), &known);
        }
        "local" => {
            required("path");
            no_steps_back(source, path, errors);
        }
        "nfs" => {
            required("server");
            required("path");
            let target = text(source, "path");
            if !target.is_empty() && !target.starts_with('/') {
                errors.push(FieldError::invalid(&path.child("path"), target, "must be an absolute path"));
            }
        }
        "csi" => {
            required("volumeHandle");
            driver_name(errors, &path.child("driver"), text(source, "driver"));
        }
        _ => {}
    }
}

fn no_steps_back(source: &Value, path: &Path, errors: &mut FieldErrors) {
    let target = text(source, "path");
    if target.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(&path.child("path"), target, "must not contain '..'"));
    }
}

/// Checks what must not change when a volume is updated.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let (is, was) = (spec(new), spec(old));
    let source_of = |spec: &Value| -> Map<String, Value> {
        let found = SOURCES.into_iter().filter_map(|key| Some((key.to_owned(), spec.get(key)?.clone())));
        found.collect()
    };
    let mut source = source_of(is);
    let expand = "controllerExpandSecretRef";
    if was.get("csi").is_some_and(|csi| !is_set(csi, expand))
        && let Some(csi) = source.get_mut("csi").and_then(Value::as_object_mut)
    {
        csi.remove(expand);
    }
    if !same(Some(&Value::Object(source)), Some(&Value::Object(source_of(was)))) {
        let why = "spec.persistentvolumesource is immutable after creation";
        errors.push(FieldError::forbidden(&Path::new("spec.persistentvolumesource"), why));
    }
    immutable(errors, &Path::new("volumeMode"), get(is, "volumeMode"), get(was, "volumeMode"));
    let affinity = get(was, "nodeAffinity");
    if !affinity.is_null() && !same(is.get("nodeAffinity"), Some(affinity)) {
        let why = "field is immutable, except for updating from beta label to GA";
        let value = get(is, "nodeAffinity").clone();
        errors.push(FieldError::invalid(&Path::new("nodeAffinity"), value, why));
    }
    if is_set(was, "volumeAttributesClassName") && !is_set(is, "volumeAttributesClassName") {
        let why = "update from non-nil value to nil is forbidden";
        errors.push(FieldError::forbidden(&Path::new("spec.volumeAttributesClassName"), why));
    }
}
