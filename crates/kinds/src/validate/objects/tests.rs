use serde_json::json;
use stanchion_machinery::name;

use super::*;
use crate::defaults::objects as defaults;

mod config;
mod networking;
mod others;
mod volumes;

const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";

pub(crate) const KINDS: [(&str, &str); 43] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("", "Endpoints"),
    ("", "Event"),
    ("", "LimitRange"),
    ("", "ResourceQuota"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("", "Binding"),
    ("", "ComponentStatus"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("autoscaling", "Scale"),
    ("authentication.k8s.io", "SelfSubjectReview"),
    ("authentication.k8s.io", "TokenRequest"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("events.k8s.io", "Event"),
    ("policy", "Eviction"),
    ("policy", "PodDisruptionBudget"),
    ("scheduling.k8s.io", "PriorityClass"),
    (NETWORKING, "IPAddress"),
    (NETWORKING, "Ingress"),
    (NETWORKING, "IngressClass"),
    (NETWORKING, "NetworkPolicy"),
    (NETWORKING, "ServiceCIDR"),
    (RBAC, "ClusterRole"),
    (RBAC, "ClusterRoleBinding"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    (STORAGE, "CSIDriver"),
    (STORAGE, "CSINode"),
    (STORAGE, "CSIStorageCapacity"),
    (STORAGE, "StorageClass"),
    (STORAGE, "VolumeAttributesClass"),
];

/// Returns the least that a kind takes, besides metadata.
fn minimal(group: &str, kind: &str) -> Value {
    let question =
        json!({ "resourceAttributes": { "verb": "get", "resource": "pods", "namespace": "n" }, "user": "u" });
    let mut object = match (group, kind) {
        ("", "Service") => json!({ "spec": { "ports": [{ "port": 80 }] } }),
        ("", "Event") => json!({ "involvedObject": { "namespace": "n" } }),
        ("events.k8s.io", "Event") => json!({
            "regarding": { "namespace": "n" }, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal",
            "reportingController": "a.io/c", "reportingInstance": "i", "action": "Act", "reason": "Because",
        }),
        ("", "PersistentVolume") => json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" }, "hostPath": { "path": "/x" },
        } }),
        ("", "PersistentVolumeClaim") => json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
        } }),
        ("", "Binding") => json!({ "target": { "name": "node" } }),
        ("autoscaling", "HorizontalPodAutoscaler") => json!({ "spec": {
            "maxReplicas": 1, "scaleTargetRef": { "kind": "Deployment", "name": "d" }, "behavior": {},
        } }),
        ("authorization.k8s.io", "LocalSubjectAccessReview") => {
            return json!({ "metadata": { "namespace": "n" }, "spec": question });
        }
        ("authorization.k8s.io", _) => return json!({ "spec": question }),
        ("discovery.k8s.io", _) => json!({ "addressType": "IPv4", "ports": [{ "port": 80 }], "endpoints": [
            { "addresses": ["10.0.0.1"] },
        ] }),
        ("policy", "PodDisruptionBudget") => json!({ "spec": { "minAvailable": 1 } }),
        (NETWORKING, "IPAddress") => {
            json!({ "spec": { "parentRef": { "resource": "services", "name": "s" } } })
        }
        (NETWORKING, "Ingress") => json!({ "spec": { "defaultBackend": { "service": {
            "name": "s", "port": { "number": 80 },
        } } } }),
        (NETWORKING, "IngressClass") => json!({ "spec": { "controller": "acme.io/foo" } }),
        (NETWORKING, "ServiceCIDR") => json!({ "spec": { "cidrs": ["10.0.0.0/16"] } }),
        (RBAC, "RoleBinding" | "ClusterRoleBinding") => json!({
            "roleRef": { "kind": "ClusterRole", "name": "r" }, "subjects": [{ "kind": "User", "name": "u" }],
        }),
        (STORAGE, "CSIStorageCapacity") => json!({ "storageClassName": "c" }),
        (STORAGE, "StorageClass") => json!({ "provisioner": "a.io/p" }),
        (STORAGE, "VolumeAttributesClass") => json!({ "driverName": "a.io/p", "parameters": { "k": "v" } }),
        _ => json!({}),
    };
    object["metadata"] = json!({ "name": "x", "namespace": "n" });
    object
}

/// Returns an object as it is when it is validated.
fn ready(group: &str, kind: &str, mut object: Value) -> Value {
    defaults::apply(group, kind, &mut object);
    defaults::prepare_create(group, kind, &mut object);
    object
}

fn shown(errors: Option<FieldErrors>) -> Vec<String> {
    errors.expect("a kind of this module").iter().map(ToString::to_string).collect()
}

/// Creates each change to the minimal object and compares the errors.
fn created(group: &str, kind: &str, cases: &[(Value, &[&str])]) {
    for (change, expected) in cases {
        let mut object = minimal(group, kind);
        merge(&mut object, change);
        let object = ready(group, kind, object);
        assert_eq!(shown(create(group, kind, &object)), *expected, "{kind} {change}");
    }
}

/// Updates an object by each change to it and compares the errors.
fn updated(group: &str, kind: &str, old: Value, cases: &[(Value, &[&str])]) {
    let old = ready(group, kind, old);
    for (change, expected) in cases {
        let mut new = old.clone();
        merge(&mut new, change);
        defaults::apply(group, kind, &mut new);
        defaults::prepare_update(group, kind, &mut new, &old);
        assert_eq!(shown(update(group, kind, &new, &old)), *expected, "{kind} {change}");
    }
}

/// Lays a change over an object; null takes a field away.
fn merge(object: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *object = change.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    let fields = object.as_object_mut().expect("made one above");
    for (key, value) in changes {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

#[test]
fn the_least_of_every_kind_is_valid() {
    for (group, kind) in KINDS {
        let object = ready(group, kind, minimal(group, kind));
        let none: [&str; 0] = [];
        assert_eq!(shown(create(group, kind, &object)), none, "{kind}");
        assert_eq!(shown(update(group, kind, &object, &object)), none, "{kind}");
        let status = shown(update_status(group, kind, &object, &object));
        assert_eq!(status, none, "{kind}");
    }
    assert_eq!(create("apps", "Deployment", &json!({})), None);
    assert_eq!(update_status("apps", "Deployment", &json!({}), &json!({})), None);
}

fn qualified(value: &str) -> String {
    name::qualified_name(value).join("")
}
