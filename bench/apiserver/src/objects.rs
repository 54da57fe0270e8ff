//! The objects of the load, as controllers and kubelets of a real cluster write them.

use bytes::Bytes;
use serde_json::{Value, json};

/// Namespaces that the Pods are spread over.
pub(crate) const NAMESPACES: usize = 10;

/// Returns the namespace of a Pod.
pub(crate) fn namespace(index: usize) -> String {
    format!("bench-{}", index % NAMESPACES)
}

/// Returns the name of a Pod, as a `ReplicaSet` names its Pods.
pub(crate) fn pod_name(index: usize) -> String {
    format!("web-{}-7d4b9c6f5d-{index:06x}", index / 50)
}

pub(crate) fn node_name(index: usize) -> String {
    format!("node-{index:05}")
}

/// Returns the path of a Pod.
pub(crate) fn pod_path(index: usize) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", namespace(index), pod_name(index))
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

pub(crate) fn plain(kind: &str, name: &str) -> Bytes {
    bytes(&json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}))
}

/// Returns a Pod as a `ReplicaSet` makes it.
pub(crate) fn pod(index: usize) -> Value {
    let set = index / 50;
    let owner = format!("web-{set}-7d4b9c6f5d");
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": pod_name(index), "generateName": format!("{owner}-"), "namespace": namespace(index),
            "labels": {"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": format!("web-{set}"),
                "app.kubernetes.io/version": "1.27.4", "pod-template-hash": "7d4b9c6f5d"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090",
                "checksum/config": "5f0cbb4d8a2f1f4d67e0a3bb0c9bb94e2be3a1f0d5a1b6d7c2f9b1e8a7d6c5b4"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner,
                "uid": format!("00000000-0000-4000-8000-{set:012x}"), "controller": true,
                "blockOwnerDeletion": true}],
        },
        "spec": {
            "containers": [{
                "name": "web", "image": "registry.example.com/shop/web:1.27.4", "imagePullPolicy": "IfNotPresent",
                "args": ["--listen=:8080", "--config=/etc/web/config.yaml"],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
                "env": [
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                    {"name": "DATABASE_URL", "value": "postgres://web@db.shop.svc.cluster.local:5432/shop"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
                    "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3},
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"},
                    "periodSeconds": 5, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/web", "readOnly": true}],
                "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true,
                    "capabilities": {"drop": ["ALL"]}},
            }],
            "volumes": [{"name": "config", "configMap": {"name": format!("web-{set}"), "defaultMode": 420}}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler", "serviceAccountName": "default",
        },
    })
}

pub(crate) fn pod_body(index: usize) -> Bytes {
    bytes(&pod(index))
}

/// Returns what the scheduler writes.
pub(crate) fn binding(index: usize, node: usize) -> Bytes {
    bytes(&json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": pod_name(index), "namespace": namespace(index)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node_name(node)},
    }))
}

/// Returns what a kubelet writes when the containers run.
pub(crate) fn status_patch(index: usize) -> Bytes {
    let time = "2026-01-01T00:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": time});
    let address = format!("10.{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255);
    let host = format!("192.168.{}.{}", index >> 8 & 255, index & 255);
    bytes(&json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": time,
        "hostIP": host, "hostIPs": [{"ip": host}],
        "conditions": [condition("PodReadyToStartContainers"), condition("Initialized"), condition("Ready"),
            condition("ContainersReady"), condition("PodScheduled")],
        "containerStatuses": [{
            "name": "web", "image": "registry.example.com/shop/web:1.27.4", "ready": true, "started": true,
            "imageID": "registry.example.com/shop/web@sha256:9f2c4a6e8b0d1f3a5c7e9b2d4f6a8c0e1b3d5f7a9c2e4b6d8f0a1c3e5b7d9f1a",
            "containerID": format!("containerd://{index:064x}"), "restartCount": 0, "lastState": {},
            "state": {"running": {"startedAt": time}},
        }],
    }}))
}

/// Returns a Node with what its kubelet says of it.
pub(crate) fn node(index: usize) -> Bytes {
    let time = "2026-01-01T00:00:00Z";
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": format!("kubelet says {reason}"),
            "lastHeartbeatTime": time, "lastTransitionTime": time})
    };
    let image = |number: usize| {
        json!({"names": [format!("registry.example.com/image-{number}@sha256:{number:064x}"),
            format!("registry.example.com/image-{number}:v1.{number}")], "sizeBytes": 100_000_000 + number})
    };
    let resources = json!({"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    bytes(&json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node_name(index), "labels": {
            "kubernetes.io/hostname": node_name(index), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": format!("zone-{}", index % 3), "node.kubernetes.io/instance-type": "m8"}},
        "spec": {"podCIDR": format!("10.{}.{}.0/24", index >> 8, index & 255), "providerID": format!("bench:///{index}")},
        "status": {
            "capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": format!("192.168.{}.{}", index >> 8, index & 255)},
                {"type": "Hostname", "address": node_name(index)}],
            "conditions": [condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady")],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kernelVersion": "6.12.0",
                "osImage": "Debian GNU/Linux 13", "containerRuntimeVersion": "containerd://2.1.0",
                "kubeletVersion": "v1.36.0", "kubeProxyVersion": "", "machineID": format!("{index:032x}"),
                "systemUUID": format!("{index:032x}"), "bootID": format!("{index:032x}")},
            "images": (0..10).map(image).collect::<Vec<_>>(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_about_as_large_as_a_real_one() {
        let size = pod_body(4711).len();
        assert!((1_500..3_000).contains(&size), "{size}");
    }
}
