//! Kinds of the core group.

use serde_json::{Value, json};

use super::{now, of, shows, with_metadata};

#[test]
fn services() {
    let service =
        |spec: Value, ingress: Value| json!({"spec": spec, "status": {"loadBalancer": {"ingress": ingress}}});
    let port = json!({"port": 80, "protocol": "TCP"});
    shows(
        "",
        "Service",
        json!({"spec": {
            "type": "ClusterIP", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "selector": {"b": "2", "a": "1"},
            "ports": [port, {"port": 53, "protocol": "UDP"}],
        }}),
        json!(["x", "ClusterIP", "10.0.0.1", "<none>", "80/TCP,53/UDP", "90m", "a=1,b=2"]),
    );
    shows(
        "",
        "Service",
        json!({"spec": {"type": "ClusterIP", "clusterIP": "None", "externalIPs": ["1.1.1.1", "2.2.2.2"]}}),
        json!(["x", "ClusterIP", "None", "1.1.1.1,2.2.2.2", "<none>", "90m", "<none>"]),
    );
    let balanced = |fixed: &[&str]| {
        json!({"type": "LoadBalancer", "clusterIPs": ["10.0.0.2"], "externalIPs": fixed,
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]})
    };
    let points = json!([{"hostname": "very-long-name.example.com"}, {"ip": "3.3.3.3"}, {"ip": "3.3.3.3"}]);
    let external = [
        (service(balanced(&[]), json!([])), "<pending>"),
        (service(balanced(&["1.1.1.1"]), json!([])), "1.1.1.1"),
        (service(balanced(&[]), points.clone()), "3.3.3.3,very-long-name.example.com"),
        (service(balanced(&["1.1.1.1"]), points), "3.3.3.3,very-long-name.example.com,1.1.1.1"),
        (service(json!({"type": "NodePort"}), json!([])), "<none>"),
        (service(json!({"type": "ExternalName", "externalName": "a.example"}), json!([])), "a.example"),
        (service(json!({"type": "Other"}), json!([])), "<unknown>"),
    ];
    for (service, expected) in external {
        let cells = of("", "Service").cells(&with_metadata(service.clone()), now());
        assert_eq!(cells[3], expected, "{service}");
        let ported = if service["spec"]["ports"].is_null() { "<none>" } else { "80:30080/TCP" };
        assert_eq!(cells[4], ported);
    }
}

#[test]
fn replication_controllers() {
    let template =
        json!({"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:2"}]}});
    shows(
        "",
        "ReplicationController",
        json!({
            "spec": {"replicas": 3, "selector": {"app": "web"}, "template": template},
            "status": {"replicas": 2, "readyReplicas": 1},
        }),
        json!(["x", 3, 2, 1, "90m", "a,b", "i:1,i:2", "app=web"]),
    );
    shows(
        "",
        "PodTemplate",
        json!({"template": {"metadata": {"labels": {"a": "1"}}, "spec": template["spec"]}}),
        json!(["x", "a,b", "i:1,i:2", "a=1"]),
    );
}

#[test]
fn nodes() {
    let info = json!({
        "kubeletVersion": "v1.36.0", "osImage": "Linux", "kernelVersion": "6.1", "containerRuntimeVersion": "cri://1",
    });
    let addresses = json!([
        {"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.1.0.1"},
        {"type": "InternalIP", "address": "fd00::1"}, {"type": "ExternalIP", "address": "4.4.4.4"},
    ]);
    let labels = json!({
        "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "old",
        "node-role.kubernetes.io/": "", "kubernetes.io/os": "linux",
    });
    shows(
        "",
        "Node",
        json!({
            "metadata": {"labels": labels},
            "spec": {"unschedulable": true},
            "status": {"nodeInfo": info, "addresses": addresses, "conditions": [
                {"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"},
            ]},
        }),
        json!([
            "x",
            "Ready,SchedulingDisabled",
            "control-plane,old,worker",
            "90m",
            "v1.36.0",
            "10.1.0.1",
            "4.4.4.4",
            "Linux",
            "6.1",
            "cri://1",
        ]),
    );
    shows(
        "",
        "Node",
        json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
        json!([
            "x",
            "NotReady",
            "<none>",
            "90m",
            "",
            "<none>",
            "<none>",
            "<unknown>",
            "<unknown>",
            "<unknown>"
        ]),
    );
    let silent = of("", "Node").cells(&json!({}), now());
    assert_eq!(silent[1], "Unknown");
}

#[test]
fn namespaces_and_component_statuses() {
    shows("", "Namespace", json!({"status": {"phase": "Active"}}), json!(["x", "Active", "90m"]));
    let condition = json!({"type": "Healthy", "status": "True", "message": "ok"});
    shows("", "ComponentStatus", json!({"conditions": [condition]}), json!(["x", "Healthy", "ok", ""]));
    let condition = json!({"type": "Healthy", "status": "False", "error": "refused"});
    shows(
        "",
        "ComponentStatus",
        json!({"conditions": [condition]}),
        json!(["x", "Unhealthy", "", "refused"]),
    );
    shows("", "ComponentStatus", json!({}), json!(["x", "Unknown", "", ""]));
}

#[test]
fn volumes() {
    let spec = json!({
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany", "ReadWriteOnce", "ReadWriteOncePod"],
        "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": "ns", "name": "c"},
        "storageClassName": "fast", "volumeMode": "Filesystem", "volumeAttributesClassName": "gold",
    });
    shows(
        "",
        "PersistentVolume",
        json!({"spec": spec, "status": {"phase": "Bound", "reason": "R"}}),
        json!([
            "x",
            "10Gi",
            "RWO,ROX,RWX,RWOP",
            "Retain",
            "Bound",
            "ns/c",
            "fast",
            "gold",
            "R",
            "90m",
            "Filesystem"
        ]),
    );
    let annotations = json!({"volume.beta.kubernetes.io/storage-class": "old"});
    shows(
        "",
        "PersistentVolume",
        json!({
            "metadata": {"annotations": annotations, "deletionTimestamp": "2026-05-01T11:00:00Z"},
            "spec": {"storageClassName": "new"}, "status": {"phase": "Bound"},
        }),
        json!(["x", "0", "", "", "Terminating", "", "old", "<unset>", "", "90m", "<unset>"]),
    );
}

#[test]
fn claims() {
    let status = json!({"phase": "Bound", "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"]});
    shows(
        "",
        "PersistentVolumeClaim",
        json!({
            "spec": {"volumeName": "pv1", "storageClassName": "fast", "volumeMode": "Block"}, "status": status,
        }),
        json!(["x", "Bound", "pv1", "5Gi", "RWO", "fast", "<unset>", "90m", "Block"]),
    );
    // Without a volume nothing is known of one, whatever the status says.
    shows(
        "",
        "PersistentVolumeClaim",
        json!({
            "metadata": {"deletionTimestamp": "2026-05-01T11:00:00Z"},
            "spec": {"volumeAttributesClassName": "gold"}, "status": status,
        }),
        json!(["x", "Terminating", "", "", "", "", "gold", "90m", "<unset>"]),
    );
}

#[test]
fn events() {
    let about = json!({"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"});
    let mut event = json!({
        "type": "Warning", "reason": "BackOff", "message": " it failed \n", "count": 3, "involvedObject": about,
        "source": {"component": "kubelet", "host": "n1"},
        "firstTimestamp": "2026-05-01T11:00:00Z", "lastTimestamp": "2026-05-01T11:59:00Z",
    });
    let expected = json!([
        "60s",
        "Warning",
        "BackOff",
        "pod/web",
        "spec.containers{a}",
        "kubelet, n1",
        "it failed",
        "60m",
        3,
        "x",
    ]);
    shows("", "Event", event.clone(), expected.clone());
    // A series says when and how often better than the fields of old do.
    event["series"] = json!({"count": 9, "lastObservedTime": "2026-05-01T11:59:30.123456Z"});
    let cells = of("", "Event").cells(&event, now());
    assert_eq!((&cells[0], &cells[7], &cells[8]), (&json!("30s"), &json!("60m"), &json!(9)));

    let same = json!({
        "type": "Warning", "reason": "BackOff", "note": " it failed \n", "deprecatedCount": 3, "regarding": about,
        "deprecatedSource": {"component": "kubelet", "host": "n1"}, "reportingController": "unused",
        "deprecatedFirstTimestamp": "2026-05-01T11:00:00Z", "deprecatedLastTimestamp": "2026-05-01T11:59:00Z",
    });
    shows("events.k8s.io", "Event", same, expected);
    shows(
        "events.k8s.io",
        "Event",
        json!({
            "type": "Normal", "reason": "Up", "eventTime": "2026-05-01T11:50:00.000001Z", "regarding": {"kind": "Node"},
            "reportingController": "ctl", "reportingInstance": "ctl-1",
        }),
        json!(["10m", "Normal", "Up", "node", "", "ctl, ctl-1", "", "10m", 1, "x"]),
    );
    shows(
        "",
        "Event",
        json!({"firstTimestamp": null, "lastTimestamp": null, "reportingComponent": "ctl", "involvedObject": {}}),
        json!(["<unknown>", "", "", "", "", "ctl", "", "<unknown>", 1, "x"]),
    );
}

#[test]
fn configuration() {
    shows(
        "",
        "Secret",
        json!({"type": "Opaque", "data": {"a": "", "b": ""}, "stringData": {"c": ""}}),
        json!(["x", "Opaque", 2, "90m"]),
    );
    shows(
        "",
        "ConfigMap",
        json!({"data": {"a": "", "b": ""}, "binaryData": {"c": ""}}),
        json!(["x", 3, "90m"]),
    );
    shows("", "ServiceAccount", json!({"secrets": [{"name": "s"}]}), json!(["x", "90m"]));
    shows("", "LimitRange", json!({"spec": {"limits": []}}), json!(["x", "2026-05-01T10:30:00Z"]));
    let status = json!({
        "hard": {"pods": "10", "requests.cpu": "4", "limits.memory": "8Gi", "limits.cpu": "8", "limits": "1"},
        "used": {"pods": "3", "limits.cpu": "500m", "requests.cpu": "250m"},
    });
    shows(
        "",
        "ResourceQuota",
        json!({"status": status}),
        json!([
            "x",
            "limits: 0/1, pods: 3/10, requests.cpu: 250m/4",
            "limits.cpu: 500m/8, limits.memory: 0/8Gi",
            "90m"
        ]),
    );
    let status = json!({"status": "Failure", "reason": "NotFound", "message": "gone"});
    shows("", "Status", status, json!(["Failure", "NotFound", "gone"]));
}

#[test]
fn endpoints() {
    let address = |ip: &str| json!({"ip": ip});
    let subset = |ips: &[&str], ports: &[i64]| {
        let ports: Vec<Value> = ports.iter().map(|port| json!({ "port": port })).collect();
        json!({"addresses": ips.iter().map(|ip| address(ip)).collect::<Vec<_>>(), "ports": ports})
    };
    let cases = [
        (json!([]), "<none>"),
        (json!([subset(&[], &[80])]), ""),
        (json!([subset(&["10.0.0.1", "fd00::1"], &[80])]), "10.0.0.1:80,[fd00::1]:80"),
        (json!([subset(&["10.0.0.1", "10.0.0.2"], &[])]), "10.0.0.1,10.0.0.2"),
        (
            json!([subset(&["10.0.0.1", "10.0.0.2"], &[80, 443]), subset(&["10.0.0.3"], &[1])]),
            "10.0.0.1:80,10.0.0.2:80,10.0.0.1:443 + 2 more...",
        ),
    ];
    for (subsets, expected) in cases {
        shows("", "Endpoints", json!({ "subsets": subsets }), json!(["x", expected, "90m"]));
    }
}
