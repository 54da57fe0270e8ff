use serde_json::{Value, json};

use super::*;

fn spec(value: &Value) -> PodSpec {
    let mut value = value.clone();
    if value.get("containers").is_none() {
        value["containers"] = json!([{"name": "c"}]);
    }
    serde_json::from_value(value).expect("a spec")
}

/// Asks a node of 2 processors, 1 GiB and 3 Pods, of which two are there.
fn refusal(asked: &Value) -> Option<(String, String)> {
    let pairs = [("cpu", "2"), ("memory", "1Gi"), ("ephemeral-storage", "10Gi"), ("pods", "3")];
    let allocatable = pairs
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Quantity::parse(text).expect("one")))
        .collect();
    let labels = [("zone", "a"), ("cores", "8")];
    let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let place = Place { name: "one", labels: &labels, allocatable: &allocatable };
    let mut used = Used::default();
    used.add(&spec(&json!({"containers": [
        {"name": "a", "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}},
         "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"}]},
    ]})));
    used.add(&spec(&json!({"containers": [{"name": "b", "resources": {"limits": {"cpu": "1"}}}]})));
    if asked["more"] == true {
        used.add(&spec(&json!({})));
    }
    refuse(&spec(asked), &place, &used).map(|failure| (failure.reason, failure.message))
}

fn asking(resource: &str, amount: &str) -> Value {
    json!({"containers": [{"name": "c", "resources": {"requests": {resource: amount}}}]})
}

fn port(port: &Value) -> Value {
    json!({"containers": [{"name": "c", "ports": [port]}]})
}

fn affine(requirement: &Value) -> Value {
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}}})
}

#[test]
fn what_fits_is_taken() {
    for asked in [
        json!({}),
        asking("cpu", "500m"),
        asking("memory", "768Mi"),
        asking("ephemeral-storage", "10Gi"),
        asking("example.com/gpu", "9"),
        port(&json!({"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.2"})),
        port(&json!({"containerPort": 80, "hostPort": 8080, "protocol": "UDP"})),
        port(&json!({"containerPort": 8080})),
        json!({"nodeSelector": {"zone": "a"}}),
        affine(&json!({"key": "zone", "operator": "In", "values": ["b", "a"]})),
        affine(&json!({"key": "zone", "operator": "NotIn", "values": ["b"]})),
        affine(&json!({"key": "cores", "operator": "Gt", "values": ["7"]})),
        affine(&json!({"key": "none", "operator": "DoesNotExist"})),
    ] {
        assert_eq!(refusal(&asked), None, "{asked}");
    }
}

#[test]
fn what_does_not_fit_is_refused_in_words_that_are_known() {
    let affinity = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
    let ports = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    for (asked, reason, message) in [
        (
            asking("cpu", "501m"),
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
        ),
        (
            asking("memory", "1Gi"),
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 1073741824, used: 268435456, capacity: 1073741824",
        ),
        (
            asking("ephemeral-storage", "11Gi"),
            "OutOfephemeral-storage",
            "Node didn't have enough resource: ephemeral-storage, requested: 11811160064, used: 0, capacity: 10737418240",
        ),
        (
            json!({"more": true}),
            "OutOfpods",
            "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
        ),
        (json!({"nodeSelector": {"zone": "b"}}), "NodeAffinity", affinity),
        (affine(&json!({"key": "zone", "operator": "NotIn", "values": ["a"]})), "NodeAffinity", affinity),
        (affine(&json!({"key": "cores", "operator": "Lt", "values": ["8"]})), "NodeAffinity", affinity),
        (affine(&json!({"key": "none", "operator": "Exists"})), "NodeAffinity", affinity),
        (port(&json!({"containerPort": 1, "hostPort": 8080})), "NodePorts", ports),
        (port(&json!({"containerPort": 1, "hostPort": 8080, "hostIP": "127.0.0.1"})), "NodePorts", ports),
        (
            json!({"os": {"name": "windows"}}),
            "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS",
        ),
    ] {
        let expected = (reason.to_owned(), format!("Pod was rejected: {message}"));
        assert_eq!(refusal(&asked), Some(expected), "{asked}");
    }
}
