use serde_json::{Value, json};

use crate::checks::given::{ago, finds, found};
use crate::severity::Severity;

/// A node with nothing wrong: something is reserved, and there are addresses enough.
fn node(name: &str) -> Value {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "M", "lastTransitionTime": ago(4_000)});
    json!({"kind": "Node", "metadata": {"name": name, "creationTimestamp": ago(90_000)},
        "spec": {"podCIDRs": ["10.1.0.0/24"]},
        "status": {"capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"}, "allocatable": {"cpu": "8", "memory": "29Gi", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.31.2"},
            "conditions": [condition("Ready", "True"), condition("MemoryPressure", "False"), condition("DiskPressure", "False")]}})
}

fn with_ready(name: &str, status: &str, for_seconds: i64) -> Value {
    let mut node = node(name);
    node["status"]["conditions"][0] = json!({"type": "Ready", "status": status, "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.", "lastTransitionTime": ago(for_seconds)});
    node
}

fn lease(name: &str, age: i64) -> Value {
    json!({"kind": "Lease", "metadata": {"name": name}, "spec": {"renewTime": ago(age), "leaseDurationSeconds": 40}})
}

fn kubelet(settings: &Value) -> [Value; 2] {
    let mut all = json!({"evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%"},
        "syncFrequency": "1m0s", "imageGCHighThresholdPercent": 85, "imageGCLowThresholdPercent": 80, "rotateCertificates": true,
        "kubeReserved": {"memory": "2Gi"}});
    for (name, value) in settings.as_object().expect("settings") {
        all[name] = value.clone();
    }
    [node("a"), json!({"kind": "Kubelet", "node": "a", "kubeletconfig": all})]
}

#[test]
fn nothing_is_wrong_with_a_node_that_is_well() {
    assert_eq!(found(&[node("a"), lease("a", 9), node("b"), lease("b", 3)]), []);
    assert_eq!(found(&kubelet(&json!({}))), []);
}

#[test]
fn a_node_that_is_not_there() {
    let finding = finds("nodes/ready", Severity::Critical, &[with_ready("a", "Unknown", 600), node("b")]);
    assert_eq!((finding.subject.name.as_str(), finding.summary.as_str()), ("a", "its kubelet is silent"));
    let mut cordoned = with_ready("a", "False", 600);
    cordoned["spec"]["unschedulable"] = json!(true);
    finds("nodes/ready", Severity::Warning, &[cordoned]);
    let mut joining = with_ready("a", "False", 60);
    joining["metadata"]["creationTimestamp"] = json!(ago(90));
    assert_eq!(found(&[joining]), [], "its network is being set up");
}

#[test]
fn many_nodes_that_are_gone_are_one_finding() {
    let nodes: Vec<_> = (0..30).map(|number| with_ready(&format!("n{number}"), "Unknown", 600)).collect();
    let finding = finds("nodes/ready", Severity::Critical, &nodes);
    assert_eq!((finding.count, finding.subject.kind.as_str()), (30, "nodes"));
}

#[test]
fn a_silent_node_that_counts_as_ready() {
    let finding =
        finds("nodes/ready", Severity::Critical, &[node("a"), lease("a", 900), node("b"), lease("b", 5)]);
    assert!(finding.summary.contains("nobody judges nodes"), "{finding:#?}");
    assert_eq!(found(&[node("a"), lease("a", 900), node("b"), lease("b", 880)]), [], "the clocks differ");
    assert_eq!(found(&[node("a"), lease("a", -3_600)]), []);
}

#[test]
fn what_nodes_are_short_of() {
    let mut short = node("a");
    short["status"]["conditions"][2]["status"] = json!("True");
    finds("nodes/pressure", Severity::Critical, &[short]);
    let mut unknown = node("a");
    unknown["status"]["conditions"][2]["status"] = json!("Unknown");
    assert_eq!(found(&[unknown]), []);
    let mut damaged = node("a");
    damaged["status"]["conditions"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"type": "FrequentKubeletRestart", "status": "True"}));
    finds("nodes/pressure", Severity::Warning, &[damaged]);
}

#[test]
fn what_is_kept_for_the_system() {
    let with = |allocatable: &str, settings: Value| {
        let [_, kubelet] = kubelet(&settings);
        let mut node = node("a");
        node["status"]["allocatable"]["memory"] = json!(allocatable);
        (node, kubelet)
    };
    let (bare, silent) = with("32Gi", json!({}));
    let finding = finds("nodes/reserved", Severity::Info, std::slice::from_ref(&bare));
    assert!(finding.summary.starts_with("no memory is kept"), "{finding:#?}");
    finds("nodes/reserved", Severity::Info, &[bare, silent]);
    let (bare, says_so) = with("32668Mi", json!({"kubeReserved": {}}));
    finds("nodes/reserved", Severity::Warning, &[bare, says_so]);
    let (bare, nothing) = with("32668Mi", json!({"kubeReserved": {"cpu": "100m", "memory": "0"}}));
    finds("nodes/reserved", Severity::Warning, &[bare, nothing]);
    let (much, _) = with("16Gi", json!({}));
    finds("nodes/reserved", Severity::Info, &[much]);
}

#[test]
fn kubelets_that_evict_late_or_never() {
    let finding = finds(
        "nodes/eviction",
        Severity::Warning,
        &kubelet(&json!({"evictionHard": {"memory.available": "500Mi"}})),
    );
    assert!(finding.summary.contains("the disk") && finding.subject.name == "v1.31.2", "{finding:#?}");
    finds(
        "nodes/eviction",
        Severity::Warning,
        &kubelet(&json!({"evictionHard": {"memory.available": "0%", "nodefs.available": "10%"}})),
    );
    assert_eq!(found(&kubelet(&json!({"evictionHard": {}}))), [], "the defaults hold");
}

#[test]
fn kubelets_that_remove_images_late() {
    finds("nodes/image-gc", Severity::Warning, &kubelet(&json!({"imageGCHighThresholdPercent": 100})));
    let finding =
        finds("nodes/image-gc", Severity::Warning, &kubelet(&json!({"imageGCHighThresholdPercent": 88})));
    assert!(finding.summary.contains("imagefs"), "{finding:#?}");
    assert_eq!(found(&kubelet(&json!({"imageGCHighThresholdPercent": 70}))), []);
    let early = json!({"imageGCHighThresholdPercent": null, "evictionHard": {"memory.available": "100Mi", "nodefs.available": "30%"}});
    assert_eq!(found(&kubelet(&early)), [], "it has no images");
}

#[test]
fn kubelets_that_do_not_renew() {
    finds("certs/kubelet-rotation", Severity::Warning, &kubelet(&json!({"rotateCertificates": false})));
    let left_out = kubelet(&json!({"rotateCertificates": null}));
    let finding = finds("certs/kubelet-rotation", Severity::Info, &left_out);
    assert!(finding.evidence[0].value.contains("not given"), "kubelets leave out what is off: {finding:#?}");
    let silent = kubelet(&json!({"rotateCertificates": null, "syncFrequency": null}));
    assert_eq!(found(&silent), [], "nothing is said by who does not say all");
}

fn pods(count: usize, node: &str) -> Vec<Value> {
    let of = |number: usize| {
        json!({"kind": "Pod", "metadata": {"name": format!("p{number}"), "namespace": "a", "creationTimestamp": ago(9_000),
            "ownerReferences": [{"kind": "ReplicaSet", "name": "p", "controller": true}]},
            "spec": {"nodeName": node, "hostNetwork": number == 0, "containers": []}, "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ago(8_000)}]}})
    };
    (0..count).map(of).collect()
}

#[test]
fn addresses_that_run_out() {
    let with = |block: &str, count: usize| {
        let mut node = node("a");
        node["spec"]["podCIDRs"] = json!([block]);
        [vec![node], pods(count, "a")].concat()
    };
    assert_eq!(found(&with("10.1.0.0/24", 90)), []);
    assert_eq!(found(&with("fd00::/64", 90)), []);
    let finding = finds("nodes/pod-addresses", Severity::Warning, &with("10.1.0.0/26", 20));
    assert!(finding.summary.starts_with("more Pods may be placed"), "{finding:#?}");
    let finding = finds("nodes/pod-addresses", Severity::Warning, &with("10.1.0.0/26", 59));
    assert_eq!(
        finding.summary, "95 % of its addresses for Pods are in use",
        "one is on the node's own network"
    );
    finds("nodes/pod-addresses", Severity::Critical, &with("10.1.0.0/26", 70));
}

#[test]
fn a_plugin_that_has_none_left() {
    let mut waits = pods(2, "a").remove(1);
    waits["status"] = json!({"phase": "Pending", "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}]});
    let event = json!({"kind": "Event", "metadata": {"name": "e", "namespace": "a"}, "reason": "FailedCreatePodSandBox",
        "message": "plugin type=\"bridge\" failed: no IP addresses available in range set: 10.1.0.1-10.1.0.254",
        "involvedObject": {"kind": "Pod", "namespace": "a", "name": "p1"}, "lastTimestamp": ago(10)});
    let finding = finds("nodes/pod-addresses", Severity::Critical, &[node("a"), waits, event.clone()]);
    assert_eq!((finding.subject.to_string().as_str(), finding.count), ("Node a", 1));
    assert_eq!(found(&[vec![node("a"), event], pods(2, "a")].concat()), [], "it runs by now");
}
