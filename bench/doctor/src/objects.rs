//! What a cluster is filled with: Deployments in several namespaces, most of them well, some with faults to find.

use bytes::Bytes;
use serde_json::{Value, json};

use stanchion_bench_kit::size::Size;

/// So many Pods a Deployment has.
const REPLICAS: usize = 100;
/// So many Deployments a namespace has.
const DEPLOYMENTS: usize = 20;
/// Every so many Deployments one has no requests and a tag that moves.
const FAULTY: usize = 10;

/// A namespace and what is in it.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) object: Bytes,
    pub(crate) deployments: Vec<Bytes>,
}

/// Returns in how many namespaces of `size` there are faulty Deployments: in all, as each begins with one.
pub(crate) fn faulty(size: Size) -> usize {
    size.pods.div_ceil(REPLICAS).div_ceil(DEPLOYMENTS)
}

/// Returns all namespaces; their Pods sum up to those of `size`, and none may be on the Nodes that are `real`.
pub(crate) fn namespaces(size: Size, real: &[String]) -> Vec<Namespace> {
    let replicas: Vec<_> =
        (0..size.pods).step_by(REPLICAS).map(|from| REPLICAS.min(size.pods - from)).collect();
    let of = |(number, replicas): (usize, &[usize])| {
        let name = format!("team-{number:03}");
        let first = number * DEPLOYMENTS;
        let deployments = replicas.iter().enumerate();
        Namespace {
            object: bytes(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})),
            name,
            deployments: deployments
                .map(|(index, replicas)| deployment(first + index, *replicas, real))
                .collect(),
        }
    };
    replicas.chunks(DEPLOYMENTS).enumerate().map(of).collect()
}

fn deployment(number: usize, replicas: usize, real: &[String]) -> Bytes {
    let name = format!("web-{number:05}");
    let labels = json!({"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": name});
    let mut container = json!({
        "name": "web", "image": "registry.example/web:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    });
    if number.is_multiple_of(FAULTY) {
        container["image"] = json!("registry.example/web:latest");
        container["resources"] = json!({});
    }
    let elsewhere = json!({"key": "kubernetes.io/hostname", "operator": "NotIn", "values": real});
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [elsewhere]}]}}});
    bytes(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"example.com/commit": "0123456789abcdef"}},
                "spec": {"containers": [container], "affinity": affinity, "terminationGracePeriodSeconds": 30},
            },
        },
    }))
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_sum_up() {
        let size = Size { nodes: 1, pods: 4_250 };
        let all = namespaces(size, &["here".to_owned()]);
        let replicas = all.iter().flat_map(|namespace| &namespace.deployments).map(|body| {
            let object: Value = serde_json::from_slice(body).expect("it is JSON");
            object["spec"]["replicas"].as_u64().expect("a number")
        });
        assert_eq!((all.len(), replicas.sum::<u64>(), faulty(size)), (3, 4_250, 3));
    }
}
