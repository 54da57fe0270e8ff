//! Defaults and preparation of the kinds that hold no pod template.
//!
//! [`apply`] works on any object that is decoded and changes nothing when it is called again. [`prepare_create`] and
//! [`prepare_update`] run once per write, after the generic layer has dropped or kept the status and before
//! allocators and validation.

mod autoscaling;
pub(crate) mod base64;
mod claims;
mod cluster;
mod fields;
mod limits;
mod networking;
mod rbac;
mod secrets;
pub(crate) mod service;
mod service_update;
mod slices;
mod storage;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use fields::same;

/// The kinds of this module that have no defaults of their own.
const PLAIN: [(&str, &str); 26] = [
    ("", "Binding"),
    ("", "ComponentStatus"),
    ("", "ConfigMap"),
    ("", "Event"),
    ("", "ResourceQuota"),
    ("", "ServiceAccount"),
    ("autoscaling", "Scale"),
    ("authentication.k8s.io", "SelfSubjectReview"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("coordination.k8s.io", "Lease"),
    ("events.k8s.io", "Event"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("policy", "Eviction"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "Role"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "CSIStorageCapacity"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

/// Fills in the defaults of a kind; returns whether the kind is one of this module.
pub fn apply(group: &str, kind: &str, object: &mut Value) -> bool {
    match (group, kind) {
        ("", "Secret") => secrets::apply(object),
        ("", "Service") => service::apply(object),
        ("", "Namespace") => cluster::apply_namespace(object),
        ("", "Node") => cluster::apply_node(object),
        ("", "Endpoints") => slices::apply_endpoints(object),
        ("", "LimitRange") => limits::apply(object),
        ("", "PersistentVolume") => claims::apply_volume(object),
        ("", "PersistentVolumeClaim") => claims::apply_claim(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::apply(object),
        ("authentication.k8s.io", "TokenRequest") => cluster::apply_token_request(object),
        ("discovery.k8s.io", "EndpointSlice") => slices::apply_slice(object),
        ("networking.k8s.io", "NetworkPolicy") => networking::apply_policy(object),
        ("networking.k8s.io", "IngressClass") => networking::apply_ingress_class(object),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => rbac::apply(object),
        ("scheduling.k8s.io", "PriorityClass") => cluster::apply_priority_class(object),
        ("storage.k8s.io", "StorageClass") => storage::apply_class(object),
        ("storage.k8s.io", "CSIDriver") => storage::apply_driver(object),
        _ => return PLAIN.contains(&(group, kind)),
    }
    true
}

/// Does what a kind needs when it is created, beyond dropping its status.
pub fn prepare_create(group: &str, kind: &str, object: &mut Value) {
    match (group, kind) {
        ("", "Secret") => secrets::fold_string_data(object),
        ("", "Service") => service::prepare_create(object),
        ("", "ServiceAccount") => cluster::keep_secret_names(object),
        ("", "Namespace") => cluster::prepare_namespace(object),
        ("", "PersistentVolume") => claims::reset_phase(object),
        ("", "PersistentVolumeClaim") => {
            claims::reset_phase(object);
            claims::normalize_sources(object, None);
        }
        ("discovery.k8s.io", "EndpointSlice") => slices::drop_topology(object, None),
        ("coordination.k8s.io", "Lease") => cluster::drop_coordination(object, None),
        _ => {}
    }
}

/// Does what a kind needs when its spec is updated, beyond keeping its status.
pub fn prepare_update(group: &str, kind: &str, new: &mut Value, old: &Value) {
    match (group, kind) {
        ("", "Secret") => secrets::fold_string_data(new),
        ("", "Service") => service_update::prepare(new, old),
        ("", "ServiceAccount") => cluster::keep_secret_names(new),
        ("", "Namespace") => cluster::keep_finalizers(new, old),
        ("", "PersistentVolumeClaim") => claims::normalize_sources(new, Some(old)),
        ("discovery.k8s.io", "EndpointSlice") => slices::drop_topology(new, Some(old)),
        ("coordination.k8s.io", "Lease") => cluster::drop_coordination(new, Some(old)),
        _ => {}
    }
}
