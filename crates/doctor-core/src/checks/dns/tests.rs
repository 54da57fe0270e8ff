use serde_json::{Value, json};

use crate::checks::given::{ago, finds, found};
use crate::severity::Severity;

fn node(number: usize) -> Value {
    json!({"kind": "Node", "metadata": {"name": format!("n{number}"), "creationTimestamp": ago(90_000)},
        "status": {"capacity": {"cpu": "16"}, "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// CoreDNS as kubeadm sets it up, with its Pods on these nodes.
fn dns(replicas: usize, ready: usize, places: &[&str]) -> Vec<Value> {
    let labels = json!({"k8s-app": "kube-dns"});
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}}, "status": {"readyReplicas": ready}});
    let pod = |(number, place): (usize, &&str)| {
        json!({"kind": "Pod", "metadata": {"name": format!("coredns-{number}"), "namespace": "kube-system", "labels": labels, "creationTimestamp": ago(9_000)},
            "spec": {"nodeName": place, "dnsPolicy": "Default", "containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    [vec![deployment], places.iter().enumerate().map(pod).collect()].concat()
}

fn with_nodes(count: usize, dns: Vec<Value>) -> Vec<Value> {
    (0..count).map(node).chain(dns).collect()
}

#[test]
fn as_many_replicas_as_the_cluster_needs() {
    assert_eq!(found(&with_nodes(20, dns(2, 2, &["n0", "n1"]))), []);
    assert_eq!(found(&with_nodes(1, dns(1, 1, &["n0"]))), []);
    assert_eq!(found(&with_nodes(40, Vec::new())), [], "somebody else answers");
    let finding = finds("dns/replicas", Severity::Warning, &with_nodes(60, dns(2, 2, &["n0", "n1"])));
    assert_eq!(finding.summary, "it has 2 replicas where 4 would fit the size of the cluster");
    finds("dns/replicas", Severity::Warning, &with_nodes(3, dns(1, 1, &["n0"])));
}

#[test]
fn replicas_that_fail_together_or_have_failed() {
    let finding = finds("dns/replicas", Severity::Warning, &with_nodes(3, dns(2, 2, &["n1", "n1"])));
    assert_eq!(finding.summary, "all of its Pods are on one node");
    assert_eq!(found(&with_nodes(1, dns(2, 2, &["n0", "n0"]))), [], "there is no other node");
    finds("dns/replicas", Severity::Critical, &with_nodes(3, dns(2, 0, &[])));
}

fn pods(count: usize, spec: &Value) -> Vec<Value> {
    let pod = |number: usize| {
        json!({"kind": "Pod", "metadata": {"name": format!("p{number}"), "namespace": "a", "creationTimestamp": ago(9_000),
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "spec": spec, "status": {"phase": "Running"}})
    };
    (0..count)
        .map(|number| {
            let mut pod = pod(number);
            pod["spec"]["nodeName"] = json!("n0");
            pod
        })
        .collect()
}

#[test]
fn resolvers_that_ask_often() {
    let usual = json!({"dnsPolicy": "ClusterFirst", "containers": []});
    assert_eq!(found(&pods(99, &usual)), []);
    finds("dns/ndots", Severity::Info, &pods(100, &usual));
    let low = json!({"dnsPolicy": "ClusterFirst", "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}, "containers": []});
    assert_eq!(found(&pods(200, &low)), []);
    let high = json!({"dnsPolicy": "ClusterFirst", "dnsConfig": {"options": [{"name": "ndots", "value": "8"}]}, "containers": []});
    let finding = finds("dns/ndots", Severity::Warning, &pods(1, &high));
    assert_eq!(finding.subject.to_string(), "StatefulSet a/db");
    let own = json!({"dnsPolicy": "Default", "containers": []});
    assert_eq!(found(&pods(200, &own)), [], "they do not ask the cluster");
    let host = json!({"dnsPolicy": "ClusterFirst", "hostNetwork": true, "containers": []});
    assert_eq!(found(&pods(200, &host)), [], "on the node's network this is Default");
}
