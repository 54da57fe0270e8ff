use serde_json::{Value, json};

use crate::checks::given::{ago, finds, found};
use crate::severity::Severity;

fn node(number: usize) -> Value {
    json!({"kind": "Node", "metadata": {"name": format!("n{number}"), "creationTimestamp": ago(90_000)},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(number: usize, age: i64, condition: &Value) -> Value {
    let conditions = if condition.is_null() { json!([]) } else { json!([condition]) };
    json!({"kind": "Pod", "metadata": {"name": format!("p{number}"), "namespace": "a", "creationTimestamp": ago(age),
        "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
        "spec": {"containers": []}, "status": {"phase": "Pending", "conditions": conditions}})
}

fn unschedulable(message: &str) -> Value {
    json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message})
}

#[test]
fn pods_that_wait_are_one_finding_for_each_reason() {
    let short = |nodes: usize| {
        unschedulable(&format!(
            "0/{nodes} nodes are available: {nodes} Insufficient memory. preemption: 0/{nodes} nodes are available: {nodes} No preemption victims found for incoming pod."
        ))
    };
    let pods = [pod(0, 400, &short(3)), pod(1, 90, &short(4)), pod(2, 30, &short(4))];
    let finding = finds("scheduling/pending", Severity::Warning, &pods);
    assert_eq!((finding.summary.as_str(), finding.count), ("no node is good for it: Insufficient memory", 2));
    assert_eq!(finding.subject.to_string(), "StatefulSet a/db");
    finds("scheduling/pending", Severity::Critical, &[pod(0, 4_000, &short(3))]);
    finds("scheduling/pending", Severity::Info, &[pod(0, 70, &short(3))]);
    assert_eq!(found(&[pod(0, 30, &short(3))]), []);
}

#[test]
fn pods_that_nobody_looks_at_and_such_that_are_held_back() {
    let mut alone = pod(0, 400, &Value::Null);
    alone["spec"]["schedulerName"] = json!("volcano");
    let finding = finds("scheduling/pending", Severity::Warning, &[alone]);
    assert!(finding.summary.starts_with("volcano has not looked at it"), "{finding:#?}");
    let gated =
        json!({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "gated"});
    assert_eq!(found(&[pod(0, 4_000, &gated)]), []);
    let mut ended = pod(0, 4_000, &Value::Null);
    ended["status"]["phase"] = json!("Failed");
    assert_eq!(found(&[ended]), []);
}

fn placed(number: usize, waited: i64) -> Value {
    let age = 1_000 + i64::try_from(number).expect("a small number");
    let mut pod = pod(
        number,
        age,
        &json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(age - waited)}),
    );
    pod["spec"]["nodeName"] = json!("n0");
    pod["spec"]["dnsPolicy"] = json!("Default");
    pod["status"]["phase"] = json!("Running");
    pod
}

#[test]
fn a_scheduler_that_is_slow() {
    let all = |waited: i64, count: usize| (0..count).map(|number| placed(number, waited)).collect::<Vec<_>>();
    assert_eq!(found(&all(1, 200)), []);
    assert_eq!(found(&all(9, 99)), [], "so few say nothing");
    let finding = finds("scheduling/latency", Severity::Warning, &all(9, 150));
    assert_eq!(finding.summary, "half of the Pods wait 9.0 s and more for their node");
    let tail = (0..200).map(|number| placed(number, if number < 10 { 90 } else { 0 }));
    finds("scheduling/latency", Severity::Info, &tail.collect::<Vec<_>>());
    let refused = all(9, 150).into_iter().map(|pod| {
        json!({"kind": "Event", "metadata": {"name": "e", "namespace": "a"}, "type": "Warning", "reason": "FailedScheduling",
            "involvedObject": {"kind": "Pod", "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]}})
    });
    assert_eq!(found(&all(9, 150).into_iter().chain(refused).collect::<Vec<_>>()), [], "there was no room");
}

#[test]
fn how_many_nodes_are_looked_at_is_said_of_large_clusters() {
    assert_eq!(found(&(0..100).map(node).collect::<Vec<_>>()), []);
    let many: Vec<_> = (0..200).map(node).collect();
    let finding = finds("scheduling/scoring", Severity::Info, &many);
    assert!(finding.summary.starts_with("unless it is configured"), "{finding:#?}");
    let scheduler = json!({"kind": "Pod", "metadata": {"name": "kube-scheduler-n0", "namespace": "kube-system", "labels": {"component": "kube-scheduler"}},
        "spec": {"nodeName": "n0", "hostNetwork": true, "containers": [{"name": "s", "command": ["kube-scheduler", "--leader-elect=true"]}]},
        "status": {"phase": "Running"}});
    let finding = finds("scheduling/scoring", Severity::Info, &[many, vec![scheduler]].concat());
    assert_eq!(finding.summary, "its search ends before all nodes are seen");
}

#[test]
fn anti_affinity_costs_in_large_clusters() {
    let apart = |key: &str, count: usize, nodes: usize| {
        let terms = json!([{"topologyKey": key, "labelSelector": {"matchLabels": {"app": "a"}}}]);
        let pod = |number: usize| {
            let mut pod = placed(number, 0);
            pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
                terms.clone();
            pod
        };
        let all: Vec<_> = (0..nodes).map(node).chain((0..count).map(pod)).collect();
        let found = found(&all).into_iter().filter(|finding| finding.check == "scheduling/anti-affinity");
        found.map(|finding| finding.severity).collect::<Vec<_>>()
    };
    assert_eq!(apart("topology.kubernetes.io/zone", 1_000, 300), [Severity::Warning]);
    assert_eq!(apart("kubernetes.io/hostname", 1_000, 300), [Severity::Info]);
    assert!(apart("topology.kubernetes.io/zone", 1_000, 200).is_empty(), "the cluster is small");
    assert!(apart("topology.kubernetes.io/zone", 900, 300).is_empty(), "they are few");
}
