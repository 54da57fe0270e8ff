//! Objects as they stand in manifests, and what the core makes of them.

use k8s_openapi::api::core::v1::{Node as ApiNode, PersistentVolumeClaim, Pod as ApiPod};
use serde_json::{Value, json};
use stanchion_scheduler_core::{ClaimState, Inclusion, Pod, Unsatisfiable};

use super::*;

fn read(spec: &Value) -> Converted {
    let object = json!({
        "metadata": {"name": "p", "namespace": "shop", "uid": "u", "labels": {"app": "db", "hash": "x"}},
        "spec": spec,
    });
    pod(&serde_json::from_value::<ApiPod>(object).unwrap())
}

fn taken(spec: &Value) -> Pod {
    let Converted { pod, error } = read(spec);
    assert!(error.is_none(), "{error:?}");
    pod
}

#[test]
fn requests_add_up() {
    let pod = taken(&json!({
        "containers": [
            {"name": "a", "resources": {"requests": {"cpu": "250m", "memory": "64Mi", "example.com/gpu": "1"}}},
            {"name": "b"},
        ],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}],
        "overhead": {"cpu": "10m"},
    }));
    let request = &pod.shape.request;
    assert_eq!((request.exact.milli_cpu, request.exact.memory), (310, 64 << 20));
    assert_eq!(request.exact.extended("example.com/gpu"), 1);
    assert_eq!((request.scored_cpu, request.scored_memory), (410, (64 + 400) << 20));
}

#[test]
fn ports_images_and_claims_are_found() {
    let pod = taken(&json!({
        "hostNetwork": true,
        "containers": [{
            "name": "a",
            "image": "registry:5000/app",
            "ports": [{"containerPort": 80}, {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "0.0.0.0"}],
        }],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}},
            {"name": "scratch", "ephemeral": {}},
            {"name": "none", "emptyDir": {}},
        ],
    }));
    let ports: Vec<(i32, &str)> =
        pod.shape.ports.iter().map(|port| (port.port, port.protocol.as_ref())).collect();
    assert_eq!(ports, [(80, "TCP"), (53, "UDP")]);
    assert!(pod.shape.ports.iter().all(|port| port.ip.is_none()));
    assert_eq!(pod.shape.images, ["registry:5000/app:latest".into()]);
    assert_eq!(pod.claims, ["claim".into(), "p-scratch".into()]);
}

#[test]
fn terms_look_at_the_own_namespace_unless_they_say_otherwise() {
    let pod = taken(&json!({
        "containers": [],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}, "matchLabelKeys": ["hash"]},
            {"topologyKey": "zone", "labelSelector": {}, "namespaces": ["b", "a"]},
            {"topologyKey": "zone", "labelSelector": {}, "namespaceSelector": {}},
        ]}},
    }));
    let terms = &pod.affinity.anti_required;
    assert_eq!(terms[0].others.namespaces.names, ["shop".into()]);
    assert!(terms[0].others.selector.matches(&pod.kin.labels));
    assert!(!terms[0].others.selector.matches(&LabelSet::new([("app", "db"), ("hash", "y")])));
    assert_eq!(terms[1].others.namespaces.names, ["a".into(), "b".into()]);
    assert!(terms[2].others.namespaces.names.is_empty());
    assert!(terms[2].others.namespaces.selector.is_some());
}

#[test]
fn constraints_have_their_defaults() {
    let pod = taken(&json!({
        "containers": [],
        "topologySpreadConstraints": [
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}},
        ],
    }));
    let one = &pod.spread.constraints[0];
    assert_eq!((one.max_skew, one.min_domains, one.unsatisfiable), (2, 1, Unsatisfiable::DoNotSchedule));
    assert_eq!((one.node_affinity, one.node_taints), (Inclusion::Honor, Inclusion::Ignore));
}

#[test]
fn what_is_not_supported_is_refused() {
    let table = [
        (
            json!({"containers": [], "resourceClaims": [{"name": "gpu"}]}),
            "spec.resourceClaims is not supported",
        ),
        (
            json!({"containers": [], "tolerations": [{"key": "a", "operator": "Gt"}]}),
            "operator of a toleration",
        ),
        (
            json!({"containers": [{"name": "a", "resources": {"requests": {"cpu": "many"}}}]}),
            "cannot read the amount of cpu",
        ),
    ];
    for (spec, expected) in table {
        let error = read(&spec).error.expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nodes_are_read() {
    let object = json!({
        "metadata": {"name": "n", "labels": {"zone": "a"}},
        "spec": {"unschedulable": true, "taints": [{"key": "k", "effect": "NoExecute"}, {"key": "k", "effect": "Odd"}]},
        "status": {
            "allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110", "ephemeral-storage": "5G", "hugepages-2Mi": "4Mi"},
            "images": [{"names": ["app:1"], "sizeBytes": 5}],
        },
    });
    let node = node(&serde_json::from_value::<ApiNode>(object).unwrap());
    assert_eq!((node.allocatable.milli_cpu, node.allocatable.memory, node.pods), (2000, 1 << 30, 110));
    assert_eq!(node.allocatable.extended("hugepages-2Mi"), 4 << 20);
    assert!(node.unschedulable);
    assert_eq!((node.taints.len(), node.images.len()), (1, 1));
}

#[test]
fn a_claim_is_bound_when_both_sides_say_so() {
    let state = |annotations: Value, volume: &str| {
        let object = json!({
            "metadata": {"name": "c", "namespace": "shop", "annotations": annotations},
            "spec": {"volumeName": volume, "accessModes": ["ReadWriteOnce"], "storageClassName": "path"},
        });
        claim(&serde_json::from_value::<PersistentVolumeClaim>(object).unwrap()).unwrap().state
    };
    assert_eq!(state(json!({BIND_COMPLETED: "yes"}), "v"), ClaimState::Bound("v".into()));
    assert_eq!(state(json!({}), "v"), ClaimState::Promised);
    let pending = |node: Option<&str>| ClaimState::Pending { selected_node: node.map(Into::into) };
    assert_eq!(state(json!({}), ""), pending(None));
    assert_eq!(state(json!({SELECTED_NODE: "n"}), ""), pending(Some("n")));
}
