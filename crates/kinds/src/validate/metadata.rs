//! What metadata may say, for every kind alike.
//!
//! Names are checked by the rule of the kind ([`name_rule`]), after they have been generated. On updates a field
//! that a client left out counts as unchanged where the server keeps the old value.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::{meta, name};

use super::objects::read::{get, list, text};

const IMMUTABLE: &str = "field is immutable";
const MANAGER_MAX: usize = 128;
const SUBRESOURCE_MAX: usize = 256;

/// How the objects of a kind may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS name, such as `a.b-c`.
    DnsSubdomain,
    /// One label of a DNS name.
    DnsLabel,
    /// One label of a DNS name that begins with a letter.
    Dns1035Label,
    /// Anything that can stand in the path of a URL.
    PathSegment,
    /// An IP address in its canonical form.
    IpAddress,
}

impl NameRule {
    /// Returns what is wrong with a name; a prefix may end with what a generated suffix follows.
    pub fn check(self, name: &str, is_prefix: bool) -> Vec<String> {
        let masked = match name.strip_suffix('-') {
            Some(start) if is_prefix && !start.is_empty() => Some(format!("{start}a")),
            Some(_) | None => None,
        };
        let name = masked.as_deref().unwrap_or(name);
        match self {
            Self::DnsSubdomain => name::dns1123_subdomain(name),
            Self::DnsLabel => name::dns1123_label(name),
            Self::Dns1035Label => name::dns1035_label(name),
            Self::PathSegment if is_prefix => name::path_segment_prefix(name),
            Self::PathSegment => name::path_segment_name(name),
            Self::IpAddress => name::canonical_ip(name),
        }
    }
}

/// Returns the rule for the names of a built-in kind.
pub fn name_rule(group: &str, kind: &str) -> NameRule {
    match (group, kind) {
        ("", "Namespace" | "Service") => NameRule::DnsLabel,
        ("", "Binding" | "Event" | "ComponentStatus") | ("rbac.authorization.k8s.io", _) => {
            NameRule::PathSegment
        }
        ("networking.k8s.io", "IPAddress") => NameRule::IpAddress,
        _ => NameRule::DnsSubdomain,
    }
}

/// Returns whether an update of a kind must say which version it is based on.
pub fn requires_resource_version(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("coordination.k8s.io", "Lease")
            | ("policy", "PodDisruptionBudget")
            | ("storage.k8s.io", "CSIDriver" | "CSINode" | "CSIStorageCapacity" | "VolumeAttachment")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("apiregistration.k8s.io", "APIService")
    )
}

/// Checks the metadata of a new object, after a name has been generated.
pub fn create(object: &Value, namespaced: bool, name_rule: NameRule) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("metadata");
    let prefix = meta::text(object, "generateName");
    if !prefix.is_empty() {
        invalid(&mut errors, &path.child("generateName"), prefix, name_rule.check(prefix, true));
    }
    let name = meta::name(object);
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "name or generateName is required"));
    } else {
        invalid(&mut errors, &path.child("name"), name, name_rule.check(name, false));
    }
    let namespace = meta::namespace(object);
    if !namespaced {
        if !namespace.is_empty() {
            errors.push(FieldError::forbidden(&path.child("namespace"), "not allowed on this type"));
        }
    } else if namespace.is_empty() {
        errors.push(FieldError::required(&path.child("namespace"), ""));
    } else {
        invalid(&mut errors, &path.child("namespace"), namespace, name::dns1123_label(namespace));
    }
    generation(object, &path, &mut errors);
    contents(object, &path, &mut errors);
    finalizers(object, &path.child("finalizers"), &mut errors);
    errors
}

/// Checks the metadata of an object that is updated.
///
/// The server fills in the current version where a kind does not [ask for one](requires_resource_version), so that
/// none at all is always wrong.
pub fn update(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("metadata");
    if meta::is_deleting(old) {
        no_new_finalizers(new, old, &path, &mut errors);
    }
    if meta::resource_version(new).is_empty() {
        let path = path.child("resourceVersion");
        errors.push(FieldError::invalid(&path, "", "must be specified for an update"));
    }
    generation(new, &path, &mut errors);
    let number = meta::generation(new);
    if number != 0 && number < meta::generation(old) {
        errors.push(FieldError::invalid(&path.child("generation"), number, "must not be decremented"));
    }
    for key in ["name", "namespace"] {
        let (is, was) = (meta::text(new, key), meta::text(old, key));
        if is != was {
            errors.push(FieldError::invalid(&path.child(key), is, IMMUTABLE));
        }
    }
    let (is, was) = (get(new, "metadata"), get(old, "metadata"));
    for key in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let value = get(is, key);
        if !value.is_null() && value.as_str() != Some("") && value != get(was, key) {
            errors.push(FieldError::invalid(&path.child(key), value.clone(), IMMUTABLE));
        }
    }
    contents(new, &path, &mut errors);
    finalizers(new, &path.child("finalizers"), &mut errors);
    errors
}

fn invalid(errors: &mut FieldErrors, path: &Path, value: &str, problems: Vec<String>) {
    errors.extend(problems.into_iter().map(|why| FieldError::invalid(path, value, why)));
}

fn generation(object: &Value, path: &Path, errors: &mut FieldErrors) {
    let number = meta::generation(object);
    if number < 0 {
        let path = path.child("generation");
        errors.push(FieldError::invalid(&path, number, "must be greater than or equal to 0"));
    }
}

/// Checks what is checked on creations and updates alike.
fn contents(object: &Value, path: &Path, errors: &mut FieldErrors) {
    let metadata = get(object, "metadata");
    if let Some(labels) = metadata.get("labels") {
        errors.extend(name::labels(labels, &path.child("labels")));
    }
    if let Some(annotations) = metadata.get("annotations") {
        errors.extend(name::annotations(annotations, &path.child("annotations")));
    }
    owners(metadata, &path.child("ownerReferences"), errors);
    managed_fields(metadata, path, errors);
}

fn finalizers(object: &Value, path: &Path, errors: &mut FieldErrors) {
    let (mut orphans, mut foreground) = (false, false);
    for finalizer in meta::strings(object, "finalizers") {
        invalid(errors, path, finalizer, name::qualified_name(finalizer));
        orphans |= finalizer == "orphan";
        foreground |= finalizer == "foregroundDeletion";
    }
    if orphans && foreground {
        let all: Vec<&str> = meta::strings(object, "finalizers").collect();
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(path, all, why));
    }
}

fn no_new_finalizers(new: &Value, old: &Value, path: &Path, errors: &mut FieldErrors) {
    let known: Vec<&str> = meta::strings(old, "finalizers").collect();
    let mut added: Vec<&str> =
        meta::strings(new, "finalizers").filter(|finalizer| !known.contains(finalizer)).collect();
    added.sort_unstable();
    added.dedup();
    if !added.is_empty() {
        let added: Vec<String> = added.iter().map(|finalizer| format!("{finalizer:?}")).collect();
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        );
        errors.push(FieldError::forbidden(&path.child("finalizers"), why));
    }
}

fn owners(metadata: &Value, path: &Path, errors: &mut FieldErrors) {
    let mut controller: Option<String> = None;
    for (i, owner) in list(metadata, "ownerReferences").iter().enumerate() {
        owner_reference(owner, &path.index(i), errors);
        if get(owner, "controller") != &Value::Bool(true) {
            continue;
        }
        let current = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
        if let Some(first) = &controller {
            let why = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {current}"
            );
            errors.push(FieldError::invalid(path, get(metadata, "ownerReferences").clone(), why));
        } else {
            controller = Some(current);
        }
    }
}

fn owner_reference(owner: &Value, path: &Path, errors: &mut FieldErrors) {
    let version = text(owner, "apiVersion");
    let parts: Vec<&str> = version.split('/').collect();
    if version.is_empty() {
        errors.push(FieldError::required(&path.child("apiVersion"), "must not be empty"));
    } else if parts.len() > 2 || parts.last().is_some_and(|part| part.is_empty()) {
        let why = "must be <group>/<version> or <version>";
        errors.push(FieldError::invalid(&path.child("apiVersion"), version, why));
    }
    for key in ["kind", "name", "uid"] {
        if text(owner, key).is_empty() {
            errors.push(FieldError::required(&path.child(key), "must not be empty"));
        }
    }
    if version == "v1" && text(owner, "kind") == "Event" {
        let why = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(FieldError::invalid(path, owner.clone(), why));
    }
}

fn managed_fields(metadata: &Value, path: &Path, errors: &mut FieldErrors) {
    for (i, entry) in list(metadata, "managedFields").iter().enumerate() {
        let at = || path.child("managedFields").index(i);
        match text(entry, "operation") {
            "Apply" | "Update" => {}
            "" => errors.push(FieldError::required(&at().child("operation"), "must not be empty")),
            operation => {
                let path = at().child("operation");
                errors.push(FieldError::not_supported(&path, operation, &["Apply", "Update"]));
            }
        }
        let fields_type = text(entry, "fieldsType");
        if !fields_type.is_empty() && fields_type != "FieldsV1" {
            errors.push(FieldError::invalid(&at().child("fieldsType"), fields_type, "must be `FieldsV1`"));
        }
        manager(text(entry, "manager"), || at().child("manager"), errors);
        if text(entry, "subresource").len() > SUBRESOURCE_MAX {
            errors.push(FieldError::too_long(&at().child("subresource"), SUBRESOURCE_MAX));
        }
    }
}

fn manager(name: &str, path: impl Fn() -> Path, errors: &mut FieldErrors) {
    if name.len() > MANAGER_MAX {
        errors.push(FieldError::too_long(&path(), MANAGER_MAX));
    }
    for (position, character) in name.char_indices().filter(|(_, character)| character.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {position})", u32::from(character));
        errors.push(FieldError::invalid(&path(), name, why));
    }
}

#[cfg(test)]
mod tests;
