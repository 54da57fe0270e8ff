//! What is applied.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::args::Ask;
use stanchion_bench_kit::size::Size;

/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "bench";
/// The label that tells Deployments apart.
const LABEL: &str = "app.kubernetes.io/instance";

pub(crate) fn namespace() -> Bytes {
    bytes(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))
}

/// A Pod of this machine's real node that is Ready as soon as its process runs.
pub(crate) fn pod() -> Bytes {
    bytes(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first"},
        "spec": {"terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "busybox", "command": ["sleep", "3600"]}]},
    }))
}

/// Returns the Deployments: one, or as many as anti-affinity takes.
pub(crate) fn deployments(ask: Ask, size: Size) -> Vec<Bytes> {
    let each = match ask {
        Ask::Plain | Ask::Spread => size.pods,
        Ask::AntiAffinity => (size.nodes / 2).max(1),
    };
    let names = (0..size.pods.div_ceil(each)).map(|index| format!("web-{index}"));
    let rest = (0..size.pods).step_by(each).map(|from| each.min(size.pods - from));
    names.zip(rest).map(|(name, replicas)| deployment(&name, replicas, ask)).collect()
}

fn deployment(name: &str, replicas: usize, ask: Ask) -> Bytes {
    let labels = json!({LABEL: name});
    let mut spec = json!({
        "containers": [{
            "name": "web", "image": "busybox", "command": ["sleep", "infinity"],
            "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        }],
        "automountServiceAccountToken": false,
    });
    let selector = json!({"matchLabels": labels});
    match ask {
        Ask::Plain => {}
        Ask::Spread => {
            let constraint = |key: &str, then: &str| json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": then, "labelSelector": selector});
            spec["topologySpreadConstraints"] = json!([
                constraint("topology.kubernetes.io/zone", "DoNotSchedule"),
                constraint("kubernetes.io/hostname", "ScheduleAnyway"),
            ]);
        }
        Ask::AntiAffinity => {
            let term = json!({"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"});
            spec["affinity"] =
                json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        }
    }
    bytes(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": selector,
            "template": {"metadata": {"labels": labels}, "spec": spec},
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
        for (ask, count) in [(Ask::Plain, 1), (Ask::Spread, 1), (Ask::AntiAffinity, 11)] {
            let made = deployments(ask, Size { nodes: 1000, pods: 5100 });
            let replicas = made.iter().map(|body| {
                let object: Value = serde_json::from_slice(body).expect("it is JSON");
                object["spec"]["replicas"].as_u64().expect("a number")
            });
            assert_eq!((made.len(), replicas.sum::<u64>()), (count, 5100), "{ask:?}");
        }
    }
}
