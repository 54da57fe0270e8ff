use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn applied(group: &str, kind: &str, mut object: Value) -> Value {
    assert!(apply(group, kind, &mut object), "{kind}");
    object
}

fn all_get_defaults<const N: usize>(cases: [(&str, &str, Value, Value); N]) {
    for (group, kind, object, expected) in cases {
        assert_eq!(applied(group, kind, object), expected, "{kind}");
    }
}

#[test]
fn defaults_of_core_kinds() {
    all_get_defaults([
        ("", "Secret", json!({}), json!({ "type": "Opaque" })),
        (
            "",
            "Service",
            json!({ "spec": { "ports": [{ "port": 80 }] } }),
            json!({ "spec": {
                "ports": [{ "port": 80, "protocol": "TCP", "targetPort": 80 }], "sessionAffinity": "None",
                "type": "ClusterIP", "internalTrafficPolicy": "Cluster",
            } }),
        ),
        (
            "",
            "Service",
            json!({ "spec": { "type": "LoadBalancer", "sessionAffinity": "ClientIP" } }),
            json!({ "spec": {
                "type": "LoadBalancer", "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 10800 } },
                "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": true,
            } }),
        ),
        (
            "",
            "Service",
            json!({ "spec": { "type": "ExternalName", "externalName": "a.b" } }),
            json!({ "spec": { "type": "ExternalName", "externalName": "a.b", "sessionAffinity": "None" } }),
        ),
        (
            "",
            "Namespace",
            json!({ "metadata": { "name": "n" } }),
            json!({
                "metadata": { "name": "n", "labels": { "kubernetes.io/metadata.name": "n" } },
                "status": { "phase": "Active" },
            }),
        ),
        (
            "",
            "Node",
            json!({ "status": { "capacity": { "cpu": "2" } } }),
            json!({ "status": { "capacity": { "cpu": "2" }, "allocatable": { "cpu": "2" } } }),
        ),
        (
            "",
            "LimitRange",
            json!({ "spec": { "limits": [{ "type": "Container", "max": { "cpu": "2" }, "min": { "memory": "1Mi" } }] } }),
            json!({ "spec": { "limits": [{
                "type": "Container", "max": { "cpu": "2" }, "min": { "memory": "1Mi" },
                "default": { "cpu": "2" }, "defaultRequest": { "cpu": "2", "memory": "1Mi" },
            }] } }),
        ),
        (
            "",
            "PersistentVolume",
            json!({ "spec": { "hostPath": { "path": "/x" } } }),
            json!({
                "spec": {
                    "hostPath": { "path": "/x", "type": "" }, "persistentVolumeReclaimPolicy": "Retain",
                    "volumeMode": "Filesystem",
                },
                "status": { "phase": "Pending" },
            }),
        ),
        (
            "",
            "PersistentVolumeClaim",
            json!({}),
            json!({ "spec": { "volumeMode": "Filesystem" }, "status": { "phase": "Pending" } }),
        ),
    ]);
}

#[test]
fn defaults_of_kinds_in_groups() {
    all_get_defaults([
        (
            "autoscaling",
            "HorizontalPodAutoscaler",
            json!({ "spec": { "maxReplicas": 3, "behavior": { "scaleDown": { "selectPolicy": "Min" } } } }),
            json!({ "spec": {
                "maxReplicas": 3, "minReplicas": 1,
                "metrics": [{ "type": "Resource", "resource": {
                    "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 },
                } }],
                "behavior": {
                    "scaleUp": { "selectPolicy": "Max", "stabilizationWindowSeconds": 0, "policies": [
                        { "type": "Pods", "value": 4, "periodSeconds": 15 },
                        { "type": "Percent", "value": 100, "periodSeconds": 15 },
                    ] },
                    "scaleDown": { "selectPolicy": "Min", "policies": [
                        { "type": "Percent", "value": 100, "periodSeconds": 15 },
                    ] },
                },
            } }),
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            json!({ "spec": { "egress": [{ "ports": [{ "port": 53 }] }] } }),
            json!({ "spec": {
                "egress": [{ "ports": [{ "port": 53, "protocol": "TCP" }] }], "policyTypes": ["Ingress", "Egress"],
            } }),
        ),
        (
            "rbac.authorization.k8s.io",
            "RoleBinding",
            json!({ "roleRef": { "kind": "Role", "name": "r" }, "subjects": [
                { "kind": "User", "name": "u" }, { "kind": "ServiceAccount", "name": "s" },
            ] }),
            json!({
                "roleRef": { "kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io" },
                "subjects": [
                    { "kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io" },
                    { "kind": "ServiceAccount", "name": "s" },
                ],
            }),
        ),
        (
            "storage.k8s.io",
            "StorageClass",
            json!({}),
            json!({ "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate" }),
        ),
        (
            "storage.k8s.io",
            "CSIDriver",
            json!({ "spec": { "attachRequired": false } }),
            json!({ "spec": {
                "attachRequired": false, "podInfoOnMount": false, "storageCapacity": false,
                "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
                "requiresRepublish": false, "seLinuxMount": false,
            } }),
        ),
        (
            "scheduling.k8s.io",
            "PriorityClass",
            json!({}),
            json!({ "preemptionPolicy": "PreemptLowerPriority" }),
        ),
        (
            "discovery.k8s.io",
            "EndpointSlice",
            json!({ "ports": [{ "port": 1 }] }),
            json!({ "ports": [{ "port": 1, "name": "", "protocol": "TCP" }] }),
        ),
        (
            "authentication.k8s.io",
            "TokenRequest",
            json!({ "spec": { "audiences": [] } }),
            json!({ "spec": { "audiences": [], "expirationSeconds": 3600 } }),
        ),
    ]);
    assert!(!apply("apps", "Deployment", &mut json!({})));
    assert!(apply("", "ConfigMap", &mut json!({})));
}

#[test]
fn new_objects_are_prepared() {
    let cases = [
        (
            "",
            "Secret",
            json!({ "data": { "a": "eA==", "b": "eQ==" }, "stringData": { "b": "z" } }),
            json!({ "data": { "a": "eA==", "b": "eg==" } }),
        ),
        (
            "",
            "Namespace",
            json!({ "spec": { "finalizers": ["a.io/b"] } }),
            json!({ "spec": { "finalizers": ["a.io/b", "kubernetes"] }, "status": { "phase": "Active" } }),
        ),
        (
            "",
            "Service",
            json!({ "spec": { "clusterIP": "None" } }),
            json!({ "spec": { "clusterIP": "None", "clusterIPs": ["None"] } }),
        ),
        (
            "",
            "ServiceAccount",
            json!({ "secrets": [{ "name": "s", "uid": "u" }] }),
            json!({ "secrets": [{ "name": "s" }] }),
        ),
        (
            "",
            "PersistentVolumeClaim",
            json!({ "spec": { "dataSource": { "kind": "PersistentVolumeClaim", "name": "c" } } }),
            json!({
                "spec": {
                    "dataSource": { "kind": "PersistentVolumeClaim", "name": "c" },
                    "dataSourceRef": { "kind": "PersistentVolumeClaim", "name": "c" },
                },
                "status": { "phase": "Pending" },
            }),
        ),
        (
            "discovery.k8s.io",
            "EndpointSlice",
            json!({ "endpoints": [{ "addresses": ["a"], "deprecatedTopology": { "x": "y" } }] }),
            json!({ "endpoints": [{ "addresses": ["a"] }] }),
        ),
        (
            "coordination.k8s.io",
            "Lease",
            json!({ "spec": { "strategy": "OldestEmulationVersion", "holderIdentity": "h" } }),
            json!({ "spec": { "holderIdentity": "h" } }),
        ),
    ];
    for (group, kind, mut object, expected) in cases {
        prepare_create(group, kind, &mut object);
        assert_eq!(object, expected, "{kind}");
    }
}

#[test]
fn services_keep_what_was_allocated() {
    let old = json!({ "spec": {
        "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack", "externalTrafficPolicy": "Cluster",
        "ports": [{ "name": "a", "port": 80, "nodePort": 30080 }, { "name": "b", "port": 81, "nodePort": 30081 }],
    } });
    let updated = |mut new: Value| {
        prepare_update("", "Service", &mut new, &old);
        new["spec"].clone()
    };
    let ports = json!([{ "name": "b", "port": 90 }, { "name": "c", "port": 91, "nodePort": 30080 }]);
    let kept = updated(json!({ "spec": { "type": "NodePort", "ports": ports } }));
    assert_eq!(kept["clusterIP"], "10.0.0.1");
    assert_eq!(kept["clusterIPs"], json!(["10.0.0.1"]));
    assert_eq!(kept["ports"][0]["nodePort"], 30081);

    let mut plain = old.clone();
    plain["spec"]["type"] = json!("ClusterIP");
    let plain = updated(plain);
    assert_eq!(plain["ports"], json!([{ "name": "a", "port": 80 }, { "name": "b", "port": 81 }]));
    assert!(plain.get("externalTrafficPolicy").is_none());
    assert_eq!(plain["clusterIP"], "10.0.0.1");

    let mut external = old.clone();
    external["spec"]["type"] = json!("ExternalName");
    let external = updated(external);
    for gone in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        assert!(external.get(gone).is_none(), "{gone}");
    }

    let single = json!({ "spec": { "type": "NodePort", "clusterIP": "10.0.0.2" } });
    assert_eq!(updated(single)["clusterIPs"], json!(["10.0.0.2"]));

    let mut moved = old.clone();
    moved["spec"]["clusterIP"] = json!("10.0.0.2");
    assert_eq!(updated(moved)["clusterIPs"], json!(["10.0.0.2"]));
}

#[test]
fn namespaces_and_slices_keep_what_they_must() {
    let mut new = json!({ "spec": { "finalizers": [] } });
    prepare_update("", "Namespace", &mut new, &json!({ "spec": { "finalizers": ["kubernetes"] } }));
    assert_eq!(new["spec"]["finalizers"], json!(["kubernetes"]));

    let topology = json!({ "kubernetes.io/hostname": "n1" });
    let old = json!({ "endpoints": [{ "addresses": ["a"], "deprecatedTopology": topology }] });
    let mut same = old.clone();
    prepare_update("discovery.k8s.io", "EndpointSlice", &mut same, &old);
    assert_eq!(same, old);
    let mut new = json!({ "endpoints": [{ "addresses": ["b"], "deprecatedTopology": topology }] });
    prepare_update("discovery.k8s.io", "EndpointSlice", &mut new, &old);
    assert_eq!(new, json!({ "endpoints": [{ "addresses": ["b"], "nodeName": "n1" }] }));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..100_000).prop_map(Value::from),
        prop_oneof![
            Just("ClientIP"),
            Just("LoadBalancer"),
            Just("NodePort"),
            Just("Container"),
            Just("User"),
            Just("10.0.0.1"),
            Just("")
        ]
        .prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("spec"),
        Just("status"),
        Just("metadata"),
        Just("ports"),
        Just("type"),
        Just("limits"),
        Just("max"),
        Just("behavior"),
        Just("sessionAffinity"),
        Just("subsets"),
        Just("subjects"),
        Just("roleRef"),
        Just("externalIPs"),
        Just("name"),
        Just("kind"),
        Just("port"),
        Just("stringData"),
        Just("endpoints"),
        Just("ingress"),
        Just("rules"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn defaults_are_idempotent_and_nothing_panics(mut object in any_json(), old in any_json()) {
        for (group, kind) in crate::validate::objects::tests::KINDS {
            let mut once = object.clone();
            apply(group, kind, &mut once);
            let mut twice = once.clone();
            apply(group, kind, &mut twice);
            prop_assert_eq!(&once, &twice, "{}", kind);
            prepare_create(group, kind, &mut once);
            prepare_update(group, kind, &mut object, &old);
            crate::validate::objects::create(group, kind, &once);
            crate::validate::objects::update(group, kind, &object, &old);
            crate::validate::objects::update_status(group, kind, &object, &old);
        }
    }
}
