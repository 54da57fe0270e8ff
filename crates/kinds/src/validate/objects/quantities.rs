//! Amounts of resources, and the names resources may have where.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;
use stanchion_machinery::quantity::Quantity;

use super::checks::each;

const QUOTA: [&str; 19] = [
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

const COUNTED: [&str; 9] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// Returns an amount; nothing if it cannot be read, which the schema refuses earlier.
pub(super) fn amount(value: &Value) -> Quantity {
    Quantity::from_value(value).unwrap_or(Quantity::new(0))
}

/// Returns whether an amount is more than nothing.
pub(super) fn is_positive(value: &Value) -> bool {
    let amount = amount(value);
    !amount.is_zero() && !amount.is_negative()
}

/// Checks that an amount is not negative and, where things are counted, a whole number.
pub(super) fn of_resource(errors: &mut FieldErrors, path: &Path, resource: &str, value: &Value) {
    non_negative(errors, path, value);
    if is_integer(resource) && !amount(value).is_integer() {
        errors.push(FieldError::invalid(path, amount(value).to_string(), "must be an integer"));
    }
}

/// Checks that an amount is not negative.
pub(super) fn non_negative(errors: &mut FieldErrors, path: &Path, value: &Value) {
    if amount(value).is_negative() {
        let shown = amount(value).to_string();
        errors.push(FieldError::invalid(path, shown, "must be greater than or equal to 0"));
    }
}

/// Checks that an amount is positive.
pub(super) fn positive(errors: &mut FieldErrors, path: &Path, value: &Value) {
    if !is_positive(value) {
        errors.push(FieldError::invalid(path, amount(value).to_string(), "must be greater than 0"));
    }
}

/// Checks that a volume has no negative size.
pub(super) fn basic(errors: &mut FieldErrors, path: &Path, value: &Value) {
    let amount = amount(value);
    if amount.is_negative() {
        errors.push(FieldError::invalid(path, amount.value(), "must be a valid resource quantity"));
    }
}

/// Checks the name of a resource; returns whether it can be one.
pub(super) fn resource_name(errors: &mut FieldErrors, path: &Path, resource: &str) -> bool {
    let problems = name::qualified_name(resource);
    if !problems.is_empty() {
        each(errors, path, resource, problems);
        return false;
    }
    if !resource.contains('/') && !is_quota(resource) && resource != "storage" {
        let why = "must be a standard resource type or fully qualified";
        errors.push(FieldError::invalid(path, resource, why));
        return false;
    }
    true
}

/// Checks the name of a resource of containers.
pub(super) fn container_resource_name(errors: &mut FieldErrors, path: &Path, resource: &str) {
    resource_name(errors, path, resource);
    if !resource.contains('/') {
        let is_standard = matches!(resource, "cpu" | "memory" | "ephemeral-storage");
        if !is_standard && !resource.starts_with("hugepages-") {
            errors.push(FieldError::invalid(path, resource, "must be a standard resource for containers"));
        }
    } else if !is_native(resource) && !is_extended(resource) {
        errors.push(FieldError::invalid(path, resource, "doesn't follow extended resource name standard"));
    }
}

/// Checks the name of a resource that is limited per namespace.
pub(super) fn quota_resource_name(errors: &mut FieldErrors, path: &Path, resource: &str) {
    resource_name(errors, path, resource);
    if !resource.contains('/') && !is_quota(resource) {
        errors.push(FieldError::invalid(path, resource, "must be a standard resource for quota"));
    }
}

/// Returns whether the quota system knows a resource.
pub(super) fn is_quota(resource: &str) -> bool {
    QUOTA.contains(&resource)
        || resource.starts_with("hugepages-")
        || resource.starts_with("requests.hugepages-")
}

/// Returns whether pods may together be promised more of a resource than there is.
pub(super) fn can_overcommit(resource: &str) -> bool {
    is_native(resource) && !resource.starts_with("hugepages-")
}

/// Returns whether a resource is one of Kubernetes itself.
pub(super) fn is_native(resource: &str) -> bool {
    !resource.contains('/') || resource.contains("kubernetes.io/")
}

fn is_extended(resource: &str) -> bool {
    !is_native(resource)
        && !resource.starts_with("requests.")
        && name::qualified_name(&format!("requests.{resource}")).is_empty()
}

fn is_integer(resource: &str) -> bool {
    COUNTED.contains(&resource) || is_extended(resource)
}
