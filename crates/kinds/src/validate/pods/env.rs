//! Variables of the environment and what they refer to.

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::quantity::Quantity;

use crate::defaults::pods::amount::read;
use crate::validate::names;
use crate::validate::place::Place;
use crate::validate::read::{items, named, part, present, text};

/// Fields of a Pod that a variable may be.
const VARIABLE_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a Pod that a file may be.
pub(super) const FILE_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Fields of a Pod that can be named at all.
const KNOWN_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Checks `env`.
pub(super) fn check_variables(container: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, variable) in items(container, "env").iter().enumerate() {
        let at = at.index(index);
        present(variable, "name", &at, errors);
        named(variable, "name", names::env_var_name, &at, errors);
        if let Some(source) = part(variable, "valueFrom") {
            check_source(source, !text(variable, "value").is_empty(), &at.child("valueFrom"), errors);
        }
    }
}

fn check_source(source: &Value, has_value: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut count = 0;
    if let Some(field) = part(source, "fieldRef") {
        count += 1;
        check_field(field, &VARIABLE_FIELDS, &at.child("fieldRef"), errors);
    }
    if let Some(resource) = part(source, "resourceFieldRef") {
        count += 1;
        check_resource(resource, false, &at.child("resourceFieldRef"), errors);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = part(source, key) {
            count += 1;
            check_key(reference, &at.child(key), errors);
        }
    }
    if let Some(file) = part(source, "fileKeyRef") {
        count += 1;
        let at = at.child("fileKeyRef");
        for key in ["key", "path", "volumeName"] {
            present(file, key, &at, errors);
        }
    }
    if count == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        at.invalid(errors, "", detail);
    } else if has_value {
        at.invalid(errors, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        at.invalid(errors, "", "may not have more than one field specified at a time");
    }
}

fn check_key(reference: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let name = text(reference, "name");
    let reasons = names::dns1123_subdomain(name);
    if !reasons.is_empty() {
        at.child("name").invalid_for(errors, name, reasons);
    }
    present(reference, "key", at, errors);
    named(reference, "key", names::config_map_key, at, errors);
}

/// Checks a reference to a field of the Pod, which must be one of those allowed.
pub(super) fn check_field(field: &Value, allowed: &[&str], at: &Place<'_>, errors: &mut FieldErrors) {
    let (version, path) = (text(field, "apiVersion"), text(field, "fieldPath"));
    if version.is_empty() {
        return at.child("apiVersion").required(errors, "");
    }
    if path.is_empty() {
        return at.child("fieldPath").required(errors, "");
    }
    let subscripted =
        path.strip_suffix("']").and_then(|path| path.split_once("['")).filter(|(p, _)| !p.is_empty());
    let problem = if version != "v1" {
        Some(format!("unsupported pod version: {version}"))
    } else if let Some((field, _)) = subscripted {
        let known = matches!(field, "metadata.annotations" | "metadata.labels");
        (!known).then(|| format!("field label does not support subscript: {path}"))
    } else {
        let known = KNOWN_FIELDS.contains(&path) || path == "spec.host";
        (!known).then(|| format!("field label not supported: {path}"))
    };
    if let Some(problem) = problem {
        return at.child("fieldPath").invalid(errors, path, format!("error converting fieldPath: {problem}"));
    }
    match subscripted {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            at.invalid_for(errors, &key, names::qualified_name(&key));
        }
        Some((_, key)) => at.invalid_for(errors, key, names::qualified_name(key)),
        None => {
            let path = if path == "spec.host" { "spec.nodeName" } else { path };
            if !allowed.contains(&path) {
                at.child("fieldPath").not_supported(errors, path, allowed);
            }
        }
    }
}

/// Checks a reference to a resource of a container.
pub(super) fn check_resource(resource: &Value, in_file: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    let name = text(resource, "resource");
    let is_huge = name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-");
    if in_file && text(resource, "containerName").is_empty() {
        at.child("containerName").required(errors, "");
    } else if name.is_empty() {
        at.child("resource").required(errors, "");
    } else if !RESOURCES.contains(&name) && !is_huge {
        at.child("resource").not_supported(errors, name, &RESOURCES);
    }
    let divisor = resource.get("divisor").and_then(read).filter(|divisor| !divisor.is_zero());
    if let Some(divisor) = divisor {
        check_divisor(name, is_huge, divisor, at, errors);
    }
}

fn check_divisor(name: &str, is_huge: bool, divisor: Quantity, at: &Place<'_>, errors: &mut FieldErrors) {
    const SIZES: [&str; 13] =
        ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let divisor = divisor.to_string();
    let kind = match name {
        "limits.cpu" | "requests.cpu" => {
            if !["1m", "1"].contains(&divisor.as_str()) {
                let detail = "only divisor's values 1m and 1 are supported with the cpu resource";
                at.child("divisor").invalid(errors, name, detail);
            }
            return;
        }
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if is_huge => "hugepages",
        _ => return,
    };
    if !SIZES.contains(&divisor.as_str()) {
        let detail =
            format!("only divisor's values {} are supported with the {kind} resource", SIZES.join(", "));
        at.child("divisor").invalid(errors, name, detail);
    }
}

/// Checks `envFrom`.
pub(super) fn check_sources(container: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, source) in items(container, "envFrom").iter().enumerate() {
        let item = at.index(index);
        named(source, "prefix", names::env_var_name, &item, errors);
        let mut count = 0;
        for key in ["configMapRef", "secretRef"] {
            if let Some(reference) = part(source, key) {
                count += 1;
                present(reference, "name", &item.child(key), errors);
                named(reference, "name", names::dns1123_subdomain, &item.child(key), errors);
            }
        }
        if count == 0 {
            at.invalid(errors, "", "must specify one of: `configMapRef` or `secretRef`");
        } else if count > 1 {
            at.invalid(errors, "", "may not have more than one field specified at a time");
        }
    }
}
