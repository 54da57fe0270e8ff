//! Claims of persistent volumes.

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::{each, immutable, optional, selector, supported};
use super::quantities::{amount, basic, is_native, of_resource, positive};
use super::read::{annotation, entries, get, is_set, list, spec, text};
use super::volumes::{VOLUME_MODES, access_modes};
use crate::defaults::objects::same;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const RESIZING: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

/// Checks a claim.
pub(super) fn check(object: &Value, errors: &mut FieldErrors) {
    claim(spec(object), &Path::new("spec"), errors);
}

/// Checks the spec of a claim, wherever it stands.
pub(crate) fn claim(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    if list(spec, "accessModes").is_empty() {
        let why = "at least 1 access mode is required";
        errors.push(FieldError::required(&path.child("accessModes"), why));
    }
    selector(errors, path, spec, "selector");
    access_modes(spec, path, errors);
    let field = path.child("resources").key("storage");
    match storage(spec) {
        None => errors.push(FieldError::required(&field, "")),
        Some(size) => positive(errors, &field, size),
    }
    let class = text(spec, "storageClassName");
    optional(errors, &path.child("storageClassName"), class, name::dns1123_subdomain);
    if let Some(mode) = get(spec, "volumeMode").as_str() {
        supported(errors, &path.child("volumeMode"), mode, &VOLUME_MODES);
    }
    let (source, reference) = (get(spec, "dataSource"), get(spec, "dataSourceRef"));
    data_source(source, &path.child("dataSource"), errors);
    data_source(reference, &path.child("dataSourceRef"), errors);
    optional(
        errors,
        &path.child("dataSourceRef").child("namespace"),
        text(reference, "namespace"),
        name::dns1123_label,
    );
    if !source.is_null() && !reference.is_null() {
        let at = path.child("dataSource").to_string();
        let fits = ["apiGroup", "kind", "name"].iter().all(|key| get(source, key) == get(reference, key));
        if !text(reference, "namespace").is_empty() {
            let why = "may not be specified when dataSourceRef.namespace is specified";
            errors.push(FieldError::invalid(path, at, why));
        } else if !fits {
            errors.push(FieldError::invalid(path, at, "must match dataSourceRef"));
        }
    }
    let class = text(spec, "volumeAttributesClassName");
    optional(errors, &path.child("volumeAttributesClassName"), class, name::dns1123_subdomain);
}

fn storage(spec: &Value) -> Option<&Value> {
    spec.get("resources")?.get("requests")?.get("storage")
}

fn data_source(source: &Value, path: &Path, errors: &mut FieldErrors) {
    if source.is_null() {
        return;
    }
    for key in ["name", "kind"] {
        if text(source, key).is_empty() {
            errors.push(FieldError::required(&path.child(key), ""));
        }
    }
    let (group, kind) = (text(source, "apiGroup"), text(source, "kind"));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(FieldError::invalid(path, kind, why));
    }
    optional(errors, &path.child("apiGroup"), group, name::dns1123_subdomain);
}

/// Checks what must not change when a claim is updated.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let (is, was) = (spec(new), spec(old));
    let (class, old_class) = (annotation(new, CLASS), annotation(old, CLASS));
    let upgrades = is_upgrade(is, was, class, old_class);
    if !upgrades && class.unwrap_or("") != old_class.unwrap_or("") {
        let path = Path::new("metadata.annotations").key(CLASS);
        errors.push(FieldError::invalid(&path, class.unwrap_or(""), "field is immutable"));
    }
    if !same(Some(&fixed(new, old, upgrades)), Some(was)) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.push(FieldError::forbidden(&Path::new("spec"), why));
    }
    let size = storage(is).map(amount);
    if size < storage(was).map(amount) {
        let granted = get(get(get(old, "status"), "capacity"), "storage");
        if size.is_none_or(|size| size <= amount(granted)) {
            let path = Path::new("spec.resources.requests.storage");
            errors.push(FieldError::forbidden(&path, "field can not be less than status.capacity"));
        }
    }
    immutable(errors, &Path::new("volumeMode"), get(is, "volumeMode"), get(was, "volumeMode"));
    if is_set(was, "volumeAttributesClassName") {
        let path = Path::new("spec.volumeAttributesClassName");
        match get(is, "volumeAttributesClassName").as_str() {
            None => {
                let why = "update from non-nil value to nil is forbidden";
                errors.push(FieldError::forbidden(&path, why));
            }
            Some("") => {
                let why = "update from non-nil value to an empty string is forbidden";
                errors.push(FieldError::forbidden(&path, why));
            }
            Some(_) => {}
        }
    }
}

/// Returns whether a storage class moves from the annotation into the spec.
fn is_upgrade(is: &Value, was: &Value, class: Option<&str>, old_class: Option<&str>) -> bool {
    old_class.is_some_and(|old_class| {
        !is_set(was, "storageClassName")
            && get(is, "storageClassName").as_str() == Some(old_class)
            && class.is_none_or(|class| class == old_class)
    })
}

/// Returns the new spec with what may change taken from the old one.
fn fixed(new: &Value, old: &Value, upgrades: bool) -> Value {
    let mut spec = spec(new).as_object().cloned().unwrap_or_default();
    let was = get(old, "spec");
    let keep = |spec: &mut Map<String, Value>, key: &str| {
        match was.get(key) {
            Some(value) => spec.insert(key.to_owned(), value.clone()),
            None => spec.remove(key),
        };
    };
    if text(was, "volumeName").is_empty() {
        keep(&mut spec, "volumeName");
    }
    let old_class = annotation(old, CLASS);
    let class = spec.get("storageClassName").and_then(Value::as_str);
    let may_set = !is_set(was, "storageClassName")
        && class.is_some_and(|class| old_class.is_none_or(|old_class| old_class == class));
    if upgrades || may_set {
        keep(&mut spec, "storageClassName");
    }
    if text(get(new, "status"), "phase") == "Bound" {
        let requests = spec.get_mut("resources").and_then(|r| r.get_mut("requests"));
        if let (Some(requests), Some(size)) = (requests.and_then(Value::as_object_mut), storage(was)) {
            requests.insert("storage".to_owned(), size.clone());
        }
        if spec.contains_key("volumeAttributesClassName") {
            keep(&mut spec, "volumeAttributesClassName");
        }
    }
    Value::Object(spec)
}

/// Checks what the controllers say of a claim.
pub(super) fn status(new: &Value, errors: &mut FieldErrors) {
    let status = get(new, "status");
    if list(spec(new), "accessModes").is_empty() {
        errors.push(FieldError::required(&Path::new("Spec.accessModes"), ""));
    }
    for (resource, size) in entries(status, "capacity") {
        basic(errors, &Path::new("status.capacity").key(resource), size);
    }
    let path = Path::new("status.allocatedResourceStatus");
    for (resource, state) in entries(status, "allocatedResourceStatuses") {
        resource_key(resource, &path, errors);
        if !state.as_str().is_some_and(|state| RESIZING.contains(&state)) {
            errors.push(FieldError::not_supported(&path, resource, &RESIZING));
        }
    }
    let path = Path::new("status.allocatedResources");
    for (resource, size) in entries(status, "allocatedResources") {
        if resource_key(resource, &path, errors) {
            of_resource(errors, &path.key(resource), "storage", size);
        }
    }
}

fn resource_key(resource: &str, path: &Path, errors: &mut FieldErrors) -> bool {
    let before = errors.len();
    each(errors, path, resource, name::qualified_name(resource));
    if errors.len() == before && is_native(resource) {
        supported(errors, path, resource, &["storage"]);
    }
    errors.len() == before
}
