//! The object `CustomResourceDefinition` itself: defaults, validation and status.
//!
//! Schemas are read with [`Structural::parse`](super::Structural::parse); expressions in them are compiled by
//! `stanchion-rules`, so a server that accepts a CRD asks both.

mod names;
mod status;
mod versions;

use serde_json::{Map, Value, json};

use super::Structural;
use crate::field::{FieldError, FieldErrors, Path};
use crate::meta;
use names::{dns_1035_label, dns_1123_subdomain};
pub use status::{Approval, NamesInUse, approval, compute_status};

/// The annotation by which a group of the Kubernetes project is approved.
pub const APPROVED: &str = "api-approved.kubernetes.io";

/// Puts in the defaults of a CRD.
pub fn default_crd(crd: &mut Value) {
    let Some(spec) = crd.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let missing = |map: &Map<String, Value>, key: &str| {
        map.get(key).is_none_or(|v| v.is_null() || v.as_str() == Some(""))
    };
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
        if missing(names, "singular") {
            names.insert("singular".to_owned(), json!(kind.to_lowercase()));
        }
        if missing(names, "listKind") && !kind.is_empty() {
            names.insert("listKind".to_owned(), json!(format!("{kind}List")));
        }
    }
    if missing(spec, "conversion") {
        spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
    }
}

/// Returns what an update cannot have changed for storage to be understood: whether the CRD is `Established`.
pub fn is_established(crd: &Value) -> bool {
    status::condition(crd, "Established").is_some_and(|c| c["status"] == "True")
}

/// Checks a CRD that has its defaults; `old` is what an update replaces.
pub fn validate_crd(new: &Value, old: Option<&Value>) -> FieldErrors {
    let mut errors = Vec::new();
    let spec = &new["spec"];
    let path = Path::new("spec");
    name(new, &mut errors);
    group_and_scope(spec, &path, &mut errors);
    names::validate(&spec["names"], &path.child("names"), true, &mut errors);
    versions::validate(spec, &path, &mut errors);
    conversion(&spec["conversion"], &path.child("conversion"), &mut errors);
    if spec["preserveUnknownFields"] == true {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid(&path.child("preserveUnknownFields"), true, why));
    }
    names::validate(
        &new["status"]["acceptedNames"],
        &Path::new("status").child("acceptedNames"),
        false,
        &mut errors,
    );
    approved(new, old, &mut errors);
    if let Some(old) = old {
        unchanged(new, old, &mut errors);
        stored_versions(new, &mut errors);
    }
    errors
}

/// Reads the schema of a version; nothing if the CRD has none for it.
pub fn schema_of(crd: &Value, version: &str) -> Option<Result<Structural, FieldErrors>> {
    let versions = crd["spec"]["versions"].as_array()?;
    let (index, found) = versions.iter().enumerate().find(|(_, v)| v["name"] == version)?;
    let schema = found.get("schema")?.get("openAPIV3Schema")?;
    Some(Structural::parse(schema, &versions::schema_path(index)))
}

fn name(crd: &Value, errors: &mut FieldErrors) {
    let name = meta::name(crd);
    let path = Path::new("metadata").child("name");
    if let Some(why) = dns_1123_subdomain(name) {
        errors.push(FieldError::invalid(&path, name, why));
    }
    let spec = &crd["spec"];
    let wanted = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    if name != wanted {
        errors.push(FieldError::invalid(&path, name, r#"must be spec.names.plural+"."+spec.group"#));
    }
}

fn group_and_scope(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    let here = path.child("group");
    let group = text(&spec["group"]);
    if group.is_empty() {
        errors.push(FieldError::required(&here, ""));
    } else if let Some(why) = dns_1123_subdomain(group) {
        errors.push(FieldError::invalid(&here, group, why));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid(&here, group, "should be a domain with at least one dot"));
    }
    let here = path.child("scope");
    match text(&spec["scope"]) {
        "" => errors.push(FieldError::required(&here, "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(FieldError::not_supported(&here, other, &["Cluster", "Namespaced"])),
    }
}

fn conversion(conversion: &Value, path: &Path, errors: &mut FieldErrors) {
    let here = path.child("strategy");
    match text(&conversion["strategy"]) {
        "" if conversion.is_null() => {}
        "" => errors.push(FieldError::required(&here, "")),
        "None" => {
            if conversion.get("webhook").is_some_and(|w| !w.is_null()) {
                let why = "should not be set when strategy is not set to Webhook";
                errors.push(FieldError::forbidden(&path.child("webhook"), why));
            }
        }
        "Webhook" => {
            errors.push(FieldError::forbidden(&here, "conversion webhooks are not supported by this server"));
        }
        other => errors.push(FieldError::not_supported(&here, other, &["None", "Webhook"])),
    }
}

fn approved(new: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let Some((state, why)) = approval(new) else { return };
    if old.and_then(approval).is_some_and(|(before, _)| before == state) {
        return;
    }
    let path = Path::new("metadata").child("annotations").key(APPROVED);
    match state {
        Approval::Missing => errors.push(FieldError::required(&path, why)),
        Approval::Malformed => {
            let given = meta::map(new, "annotations").and_then(|a| a.get(APPROVED));
            errors.push(FieldError::invalid(&path, given.cloned().unwrap_or_default(), why));
        }
        Approval::Approved | Approval::Bypassed => {}
    }
}

fn unchanged(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let mut same: Vec<&[&str]> = vec![&["group"], &["names", "plural"]];
    if is_established(old) {
        same = vec![&["scope"], &["names", "kind"], &["group"], &["names", "plural"]];
    }
    for keys in same {
        let at = |crd: &Value| keys.iter().fold(crd["spec"].clone(), |v, key| v[*key].clone());
        let now = at(new);
        if now != at(old) {
            let path = keys.iter().fold(Path::new("spec"), |path, key| path.child(key));
            errors.push(FieldError::invalid(&path, now, "field is immutable"));
        }
    }
}

fn stored_versions(crd: &Value, errors: &mut FieldErrors) {
    let Some(stored) = crd["status"]["storedVersions"].as_array().filter(|s| !s.is_empty()) else { return };
    let path = Path::new("status").child("storedVersions");
    let versions: Vec<&Value> = crd["spec"]["versions"].as_array().into_iter().flatten().collect();
    for (index, name) in stored.iter().enumerate() {
        if !versions.iter().any(|v| v["name"] == *name) {
            errors.push(FieldError::invalid(&path.index(index), name.clone(), "missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions".replace("v1", text(name))));
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn label_error(path: &Path, value: &str, errors: &mut FieldErrors) {
    if let Some(why) = dns_1035_label(value) {
        errors.push(FieldError::invalid(path, value, why));
    }
}

#[cfg(test)]
mod tests;
