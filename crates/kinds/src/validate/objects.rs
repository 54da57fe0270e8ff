//! Validation of the kinds that hold no pod template.
//!
//! Metadata is not looked at here, see [`super::metadata`]; only what a kind asks for beyond that is. The order of
//! errors is that of the server, except that maps are walked in the order of their keys.

mod address;
mod autoscaling;
mod checks;
pub(crate) mod claims;
mod config;
mod endpoints;
mod events;
mod ingress;
mod json_syntax;
mod limits;
mod network_policy;
mod networking;
mod node;
mod policy;
mod quantities;
mod rbac;
pub(crate) mod read;
mod reviews;
mod service;
mod service_update;
mod storage;
mod volumes;

#[cfg(test)]
pub(crate) mod tests;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

/// Checks a new object; nothing if the kind is not one of this module.
pub fn create(group: &str, kind: &str, object: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    let e = &mut errors;
    match (group, kind) {
        ("", "ConfigMap") => config::config_map(object, e),
        ("", "Secret") => config::secret(object, e),
        ("", "Namespace") => config::namespace(object, e),
        ("", "Binding") => config::binding(object, e),
        ("", "Node") => node::create(object, e),
        ("", "Service") => service::check(object, None, e),
        ("", "ServiceAccount" | "ComponentStatus")
        | ("policy", "Eviction")
        | ("authentication.k8s.io", "TokenReview" | "SelfSubjectReview")
        | ("authorization.k8s.io", "SelfSubjectRulesReview") => {}
        ("", "Endpoints") => endpoints::endpoints(object, None, e),
        ("" | "events.k8s.io", "Event") => events::create(group, object, e),
        ("", "LimitRange") => limits::limit_range(object, e),
        ("", "ResourceQuota") => {
            limits::quota(object, e);
            limits::quota_status(object, e);
        }
        ("", "PersistentVolume") => volumes::check(object, e),
        ("", "PersistentVolumeClaim") => claims::check(object, e),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::autoscaler(object, None, e),
        ("autoscaling", "Scale") => autoscaling::scale(object, e),
        ("authentication.k8s.io", "TokenRequest") => reviews::token_request(object, e),
        ("authorization.k8s.io", "SubjectAccessReview") => reviews::access(object, false, e),
        ("authorization.k8s.io", "SelfSubjectAccessReview") => reviews::access(object, true, e),
        ("authorization.k8s.io", "LocalSubjectAccessReview") => reviews::local_access(object, e),
        ("coordination.k8s.io", "Lease") => policy::lease(object, e),
        ("discovery.k8s.io", "EndpointSlice") => endpoints::slice(object, e),
        ("policy", "PodDisruptionBudget") => policy::budget(object, e),
        ("scheduling.k8s.io", "PriorityClass") => policy::priority(object, e),
        ("networking.k8s.io", "Ingress") => ingress::create(object, e),
        ("networking.k8s.io", "NetworkPolicy") => network_policy::check(object, None, e),
        ("networking.k8s.io", "IngressClass") => networking::ingress_class(object, e),
        ("networking.k8s.io", "IPAddress") => networking::ip_address(object, e),
        ("networking.k8s.io", "ServiceCIDR") => networking::service_cidr(object, e),
        ("rbac.authorization.k8s.io", _) => return rbac_create(kind, object),
        ("storage.k8s.io", _) => return storage_create(kind, object),
        _ => return None,
    }
    Some(errors)
}

/// Checks an object whose spec is updated; nothing if the kind is not one of this module.
pub fn update(group: &str, kind: &str, new: &Value, old: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    let e = &mut errors;
    match (group, kind) {
        ("", "ConfigMap") => {
            config::frozen(new, old, e);
            config::config_map(new, e);
        }
        ("", "Secret") => {
            config::same_type(new, old, e);
            config::frozen(new, old, e);
            config::secret(new, e);
        }
        ("", "Node") => {
            node::networks(new, e);
            node::update(new, old, e);
        }
        ("", "Service") => {
            service_update::check(new, old, e);
            service::check(new, Some(old), e);
        }
        ("", "Endpoints") => endpoints::endpoints(new, Some(old), e),
        ("" | "events.k8s.io", "Event") => events::update(group, new, old, e),
        ("", "ResourceQuota") => {
            limits::quota(new, e);
            limits::quota_update(new, old, e);
        }
        ("", "PersistentVolume") => {
            volumes::check(new, e);
            volumes::update(new, old, e);
        }
        ("", "PersistentVolumeClaim") => {
            claims::check(new, e);
            claims::update(new, old, e);
        }
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::autoscaler(new, Some(old), e),
        ("discovery.k8s.io", "EndpointSlice") => {
            endpoints::slice(new, e);
            endpoints::slice_update(new, old, e);
        }
        ("scheduling.k8s.io", "PriorityClass") => policy::priority_update(new, old, e),
        ("networking.k8s.io", "Ingress") => ingress::check(new, Some(old), e),
        ("networking.k8s.io", "NetworkPolicy") => network_policy::check(new, Some(old), e),
        ("networking.k8s.io", "IngressClass") => {
            networking::ingress_class_update(new, old, e);
            networking::ingress_class(new, e);
        }
        ("networking.k8s.io", "IPAddress") => {
            networking::ip_address(new, e);
            networking::ip_address_update(new, old, e);
        }
        ("networking.k8s.io", "ServiceCIDR") => {
            networking::service_cidr(new, e);
            networking::service_cidr_update(new, old, e);
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            rbac::binding(new, kind == "RoleBinding", e);
            rbac::binding_update(new, old, e);
        }
        ("storage.k8s.io", _) => return storage_update(kind, new, old),
        _ => return create(group, kind, new),
    }
    Some(errors)
}

/// Checks an object whose status is updated; nothing if the kind is not one of this module.
pub fn update_status(group: &str, kind: &str, new: &Value, old: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    let e = &mut errors;
    match (group, kind) {
        ("", "Namespace") => config::namespace_status(new, e),
        ("", "Node") => node::update(new, old, e),
        ("", "Service") => service::status(new, old, e),
        ("", "ResourceQuota") => limits::quota_status(new, e),
        ("", "PersistentVolume") | ("networking.k8s.io", "ServiceCIDR") => {}
        ("", "PersistentVolumeClaim") => claims::status(new, e),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::status(new, e),
        ("policy", "PodDisruptionBudget") => policy::budget_status(new, e),
        ("networking.k8s.io", "Ingress") => ingress::status(new, old, e),
        ("storage.k8s.io", "VolumeAttachment") => {
            storage::attachment(new, false, e);
            storage::attachment_update(new, old, e);
        }
        _ => return create(group, kind, new).map(|_| FieldErrors::new()),
    }
    Some(errors)
}

fn rbac_create(kind: &str, object: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    match kind {
        "Role" | "ClusterRole" => rbac::role(object, kind == "Role", &mut errors),
        "RoleBinding" | "ClusterRoleBinding" => rbac::binding(object, kind == "RoleBinding", &mut errors),
        _ => return None,
    }
    Some(errors)
}

fn storage_create(kind: &str, object: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    match kind {
        "StorageClass" => storage::class(object, &mut errors),
        "CSIDriver" => storage::driver(object, &mut errors),
        "CSINode" => storage::node(object, &mut errors),
        "CSIStorageCapacity" => storage::capacity(object, &mut errors),
        "VolumeAttachment" => storage::attachment(object, true, &mut errors),
        "VolumeAttributesClass" => storage::attributes_class(object, &mut errors),
        _ => return None,
    }
    Some(errors)
}

fn storage_update(kind: &str, new: &Value, old: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    match kind {
        "StorageClass" => {
            storage::class_update(new, old, &mut errors);
            storage::class(new, &mut errors);
        }
        "CSIDriver" => {
            storage::driver(new, &mut errors);
            storage::driver_update(new, old, &mut errors);
        }
        "CSINode" => {
            storage::node(new, &mut errors);
            storage::node_update(new, old, &mut errors);
        }
        "CSIStorageCapacity" => {
            storage::capacity(new, &mut errors);
            storage::capacity_update(new, old, &mut errors);
        }
        "VolumeAttachment" => {
            storage::attachment(new, false, &mut errors);
            storage::attachment_update(new, old, &mut errors);
        }
        "VolumeAttributesClass" => {
            storage::attributes_class_update(new, old, &mut errors);
            storage::attributes_class(new, &mut errors);
        }
        _ => return None,
    }
    Some(errors)
}
