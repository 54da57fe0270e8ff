//! Kinds of all groups but the core group.

use serde_json::{Value, json};

use super::{now, of, shows, with_metadata};

fn template() -> Value {
    json!({"spec": {
        "nodeSelector": {"disk": "ssd"},
        "containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:2"}],
    }})
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]})
}

#[test]
fn workloads() {
    let spec =
        |replicas: Value| json!({"replicas": replicas, "selector": selector(), "template": template()});
    shows(
        "apps",
        "Deployment",
        json!({
            "spec": spec(json!(3)),
            "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
        }),
        json!(["x", "2/3", 1, 2, "90m", "a,b", "i:1,i:2", "app=web,tier"]),
    );
    shows(
        "apps",
        "Deployment",
        json!({"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}),
        json!(["x", "0/1", 0, 0, "90m", "", "", "<invalid>"]),
    );
    shows(
        "apps",
        "Deployment",
        json!({"spec": {"replicas": 0}}),
        json!(["x", "0/0", 0, 0, "90m", "", "", ""]),
    );
    shows(
        "apps",
        "ReplicaSet",
        json!({"spec": spec(json!(3)), "status": {"replicas": 2, "readyReplicas": 1}}),
        json!(["x", 3, 2, 1, "90m", "a,b", "i:1,i:2", "app=web,tier"]),
    );
    shows(
        "apps",
        "StatefulSet",
        json!({"spec": spec(json!(3)), "status": {"replicas": 3, "readyReplicas": 2}}),
        json!(["x", "2/3", "90m", "a,b", "i:1,i:2"]),
    );
    shows(
        "apps",
        "DaemonSet",
        json!({"spec": spec(json!(null)), "status": {
            "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2,
            "numberAvailable": 1,
        }}),
        json!(["x", 5, 4, 3, 2, 1, "disk=ssd", "90m", "a,b", "i:1,i:2", "app=web,tier"]),
    );
}

#[test]
fn controller_revisions() {
    let owned = |owners: Value| json!({"metadata": {"ownerReferences": owners}, "revision": 7});
    let cases = [
        (json!([]), "<none>"),
        (json!([{"kind": "Other", "name": "o", "apiVersion": "v1"}]), "<none>"),
        (
            json!([
                {"kind": "Other", "name": "o", "apiVersion": "v1", "controller": false},
                {"kind": "StatefulSet", "name": "Web", "apiVersion": "apps/v1", "controller": true},
            ]),
            "statefulset.apps/Web",
        ),
        (json!([{"kind": "Node", "name": "n", "apiVersion": "v1", "controller": true}]), "node/n"),
    ];
    for (owners, controller) in cases {
        shows("apps", "ControllerRevision", owned(owners), json!(["x", controller, 7, "90m"]));
    }
}

#[test]
fn jobs() {
    shows(
        "batch",
        "Job",
        json!({
            "spec": {"completions": 5, "parallelism": 2, "selector": selector(), "template": template()},
            "status": {"succeeded": 2, "startTime": "2026-05-01T11:00:00Z"},
        }),
        json!(["x", "Running", "2/5", "60m", "90m", "a,b", "i:1,i:2", "app=web,tier"]),
    );
    let cell = |job: Value, at: usize| of("batch", "Job").cells(&with_metadata(job), now())[at].clone();
    let ended = json!({"startTime": "2026-05-01T11:00:00Z", "completionTime": "2026-05-01T11:00:42Z"});
    assert_eq!(cell(json!({ "status": ended }), 3), "42s");
    assert_eq!(cell(json!({}), 3), "");
    assert_eq!(cell(json!({"spec": {"parallelism": 4}, "status": {"succeeded": 1}}), 2), "1/1 of 4");
    assert_eq!(cell(json!({"spec": {"parallelism": 1}}), 2), "0/1");

    let holding = |kinds: &[&str]| {
        let conditions: Vec<Value> =
            kinds.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
        json!({"status": {"conditions": conditions}})
    };
    for kind in ["Complete", "Failed", "Suspended", "FailureTarget"] {
        assert_eq!(cell(holding(&[kind]), 1), kind);
    }
    assert_eq!(cell(holding(&["FailureTarget", "Failed"]), 1), "Failed");
    let mut deleted = holding(&["Suspended"]);
    deleted["metadata"] = json!({"deletionTimestamp": "2026-05-01T11:00:00Z"});
    assert_eq!(cell(deleted, 1), "Terminating");
    let over = json!({"status": {"conditions": [{"type": "Suspended", "status": "False"}]}});
    assert_eq!(cell(over, 1), "Running");
}

#[test]
fn cron_jobs() {
    let job = json!({"spec": {"template": template()}});
    shows(
        "batch",
        "CronJob",
        json!({
            "spec": {"schedule": "* * * * *", "timeZone": "Etc/UTC", "suspend": false, "jobTemplate": job},
            "status": {"active": [{}, {}], "lastScheduleTime": "2026-05-01T11:59:30Z"},
        }),
        json!(["x", "* * * * *", "Etc/UTC", "False", 2, "30s", "90m", "a,b", "i:1,i:2", "<none>"]),
    );
    shows(
        "batch",
        "CronJob",
        json!({"spec": {"suspend": true, "jobTemplate": {"spec": {"selector": selector()}}}}),
        json!(["x", "", "<none>", "True", 0, "<none>", "90m", "", "", "app=web,tier"]),
    );
}

#[test]
fn autoscalers() {
    let resource = |target: Value| json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    let cases = [
        (json!([]), json!(null), "<none>"),
        (json!([resource(json!({"averageUtilization": 80}))]), json!(null), "cpu: <unknown>/80%"),
        (
            json!([resource(json!({"averageUtilization": 80}))]),
            json!([{"resource": {"current": {"averageUtilization": 35, "averageValue": "70m"}}}]),
            "cpu: 35%/80%",
        ),
        (
            json!([resource(json!({"averageValue": "100m"}))]),
            json!([{"resource": {"current": {"averageValue": "70m"}}}]),
            "cpu: 70m/100m",
        ),
        (json!([resource(json!({}))]), json!(null), "cpu: <unknown>/<auto>"),
        (
            json!([{"type": "ContainerResource", "containerResource": {"name": "memory", "target": {"averageUtilization": 9}}}]),
            json!([{"containerResource": {"current": {"averageUtilization": 8}}}]),
            "memory: 8%/9%",
        ),
        (
            json!([{"type": "Pods", "pods": {"target": {"averageValue": "10"}}}]),
            json!([{"pods": {"current": {"averageValue": "4"}}}]),
            "4/10",
        ),
        (
            json!([{"type": "External", "external": {"target": {"averageValue": "10"}}}]),
            json!([{"external": {"current": {}}}]),
            "<unknown>/10 (avg)",
        ),
        (
            json!([{"type": "Object", "object": {"target": {"value": "10"}}}]),
            json!([{"object": {"current": {"value": "3"}}}]),
            "3/10",
        ),
        (json!([{"type": "Odd"}]), json!(null), "<unknown type>"),
        (
            json!([resource(json!({})), resource(json!({})), resource(json!({})), resource(json!({}))]),
            json!(null),
            "cpu: <unknown>/<auto>, cpu: <unknown>/<auto> + 2 more...",
        ),
    ];
    for (metrics, measured, targets) in cases {
        shows(
            "autoscaling",
            "HorizontalPodAutoscaler",
            json!({
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 9,
                    "metrics": metrics,
                },
                "status": {"currentReplicas": 3, "currentMetrics": measured},
            }),
            json!(["x", "Deployment/web", targets, "2", 9, 3, "90m"]),
        );
    }
    shows(
        "autoscaling",
        "HorizontalPodAutoscaler",
        json!({
            "spec": {"maxReplicas": 4, "targetCPUUtilizationPercentage": 50},
            "status": {"currentCPUUtilizationPercentage": 12},
        }),
        json!(["x", "/", "cpu: 12%/50%", "<unset>", 4, 0, "90m"]),
    );
    shows(
        "autoscaling",
        "Scale",
        json!({"spec": {"replicas": 3}, "status": {"replicas": 2}}),
        json!(["x", 3, 2, "90m"]),
    );
}

#[test]
fn budgets_leases_and_priorities() {
    shows(
        "policy",
        "PodDisruptionBudget",
        json!({"spec": {"minAvailable": 1}, "status": {"disruptionsAllowed": 2}}),
        json!(["x", "1", "N/A", 2, "90m"]),
    );
    shows(
        "policy",
        "PodDisruptionBudget",
        json!({"spec": {"maxUnavailable": "25%"}}),
        json!(["x", "N/A", "25%", 0, "90m"]),
    );
    shows(
        "coordination.k8s.io",
        "Lease",
        json!({"spec": {"holderIdentity": "me"}}),
        json!(["x", "me", "90m"]),
    );
    shows(
        "scheduling.k8s.io",
        "PriorityClass",
        json!({"value": 1000, "globalDefault": true, "preemptionPolicy": "Never"}),
        json!(["x", 1000, true, "90m", "Never"]),
    );
    shows("scheduling.k8s.io", "PriorityClass", json!({"value": -5}), json!(["x", -5, false, "90m", ""]));
}

#[test]
fn endpoint_slices() {
    let ports = json!([{"port": 80, "name": "http"}, {"name": "any"}, {}, {"port": 1}, {"port": 2}]);
    shows(
        "discovery.k8s.io",
        "EndpointSlice",
        json!({"addressType": "IPv4", "ports": ports, "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]}),
        json!(["x", "IPv4", "80,any,* + 2 more...", "10.0.0.1,10.0.0.2", "90m"]),
    );
    shows("discovery.k8s.io", "EndpointSlice", json!({}), json!(["x", "", "<unset>", "<unset>", "90m"]));
}

#[test]
fn ingresses() {
    let rules = |hosts: &[&str]| hosts.iter().map(|host| json!({ "host": host })).collect::<Vec<_>>();
    let cases = [
        (rules(&[]), "*"),
        (rules(&["", ""]), "*"),
        (rules(&["a", "", "b"]), "a,b"),
        (rules(&["a", "b", "c"]), "a,b,c"),
        (rules(&["a", "b", "c", ""]), "a,b,c + 1 more..."),
        (rules(&["a", "", "b", "c", "d", "e"]), "a,b,c + 3 more..."),
    ];
    for (rules, hosts) in cases {
        shows(
            "networking.k8s.io",
            "Ingress",
            json!({
                "spec": {"ingressClassName": "nginx", "rules": rules, "tls": [{}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}, {"hostname": "a-rather-long-host.example"}]}},
            }),
            json!(["x", "nginx", hosts, "9.9.9.9,a-rather-long-host.example", "80, 443", "90m"]),
        );
    }
    shows("networking.k8s.io", "Ingress", json!({}), json!(["x", "<none>", "*", "", "80", "90m"]));
}

#[test]
fn networking() {
    let class =
        |parameters: Value| json!({"spec": {"controller": "example.com/c", "parameters": parameters}});
    let cases = [
        (json!(null), "<none>"),
        (json!({"kind": "ConfigMap", "name": "p"}), "ConfigMap/p"),
        (json!({"apiGroup": "k8s.example.com", "kind": "P", "name": "p"}), "P.k8s.example.com/p"),
    ];
    for (parameters, shown) in cases {
        shows(
            "networking.k8s.io",
            "IngressClass",
            class(parameters),
            json!(["x", "example.com/c", shown, "90m"]),
        );
    }
    let policy = json!({"spec": {"podSelector": selector()}});
    shows("networking.k8s.io", "NetworkPolicy", policy, json!(["x", "app=web,tier", "90m"]));
    shows(
        "networking.k8s.io",
        "NetworkPolicy",
        json!({"spec": {"podSelector": {}}}),
        json!(["x", "<none>", "90m"]),
    );
    let parents = [
        (json!(null), "<none>"),
        (json!({"resource": "services", "namespace": "default", "name": "k"}), "services/default/k"),
        (
            json!({"group": "Gateway.Example", "resource": "Gateways", "name": "K"}),
            "gateways.gateway.example/K",
        ),
    ];
    for (parent, shown) in parents {
        shows("networking.k8s.io", "IPAddress", json!({"spec": {"parentRef": parent}}), json!(["x", shown]));
    }
    let range = json!({"spec": {"cidrs": ["10.0.0.0/16", "fd00::/112"]}});
    shows("networking.k8s.io", "ServiceCIDR", range, json!(["x", "10.0.0.0/16,fd00::/112", "90m"]));
}

#[test]
fn storage_classes() {
    let annotated = |key: &str, value: &str| json!({"annotations": {key: value}});
    let names = [
        (annotated("storageclass.kubernetes.io/is-default-class", "true"), "x (default)"),
        (annotated("storageclass.beta.kubernetes.io/is-default-class", "true"), "x (default)"),
        (annotated("storageclass.kubernetes.io/is-default-class", "false"), "x"),
        (json!({}), "x"),
    ];
    for (metadata, name) in names {
        shows(
            "storage.k8s.io",
            "StorageClass",
            json!({"metadata": metadata, "provisioner": "p", "reclaimPolicy": "Retain", "allowVolumeExpansion": true}),
            json!([name, "p", "Retain", "Immediate", true, "90m"]),
        );
    }
    shows(
        "storage.k8s.io",
        "StorageClass",
        json!({"provisioner": "p", "volumeBindingMode": "WaitForFirstConsumer"}),
        json!(["x", "p", "Delete", "WaitForFirstConsumer", false, "90m"]),
    );
    let metadata = annotated("volumeattributesclass.alpha.kubernetes.io/is-default-class", "true");
    shows(
        "storage.k8s.io",
        "VolumeAttributesClass",
        json!({"metadata": metadata, "driverName": "d"}),
        json!(["x (default)", "d", "90m"]),
    );
}

#[test]
fn storage_drivers() {
    shows(
        "storage.k8s.io",
        "CSIDriver",
        json!({"spec": {
            "attachRequired": false, "podInfoOnMount": true, "storageCapacity": true, "requiresRepublish": true,
            "tokenRequests": [{"audience": "a"}, {"audience": "b"}], "volumeLifecycleModes": ["Persistent", "Ephemeral"],
        }}),
        json!(["x", false, true, true, "a,b", true, "Persistent,Ephemeral", "90m"]),
    );
    shows(
        "storage.k8s.io",
        "CSIDriver",
        json!({"spec": {"tokenRequests": []}}),
        json!(["x", true, false, false, "", false, "<none>", "90m"]),
    );
    let unset = of("storage.k8s.io", "CSIDriver").cells(&json!({}), now());
    assert_eq!(unset[4], "<unset>");
    shows("storage.k8s.io", "CSINode", json!({"spec": {"drivers": [{}, {}]}}), json!(["x", 2, "90m"]));
    shows(
        "storage.k8s.io",
        "CSIStorageCapacity",
        json!({"storageClassName": "fast", "capacity": "1Ti"}),
        json!(["x", "fast", "1Ti"]),
    );
    shows("storage.k8s.io", "CSIStorageCapacity", json!({}), json!(["x", "", "<unset>"]));
    shows(
        "storage.k8s.io",
        "VolumeAttachment",
        json!({
            "spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "pv"}},
            "status": {"attached": true},
        }),
        json!(["x", "d", "pv", "n", true, "90m"]),
    );
}

#[test]
fn bindings_and_roles() {
    let subjects = json!([
        {"kind": "User", "name": "u1"}, {"kind": "ServiceAccount", "name": "s", "namespace": "ns"},
        {"kind": "Group", "name": "g"}, {"kind": "User", "name": "u2"},
    ]);
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        shows(
            "rbac.authorization.k8s.io",
            kind,
            json!({"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": subjects}),
            json!(["x", "ClusterRole/view", "90m", "u1, u2", "g", "ns/s"]),
        );
    }
    for kind in ["Role", "ClusterRole"] {
        shows("rbac.authorization.k8s.io", kind, json!({}), json!(["x", "2026-05-01T10:30:00Z"]));
    }
    let new = of("apiextensions.k8s.io", "CustomResourceDefinition").cells(&json!({}), now());
    assert_eq!(new, ["", "0001-01-01T00:00:00Z"].map(Value::from));
}
