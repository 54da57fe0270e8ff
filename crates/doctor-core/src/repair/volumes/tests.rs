use serde_json::{Value, json};

use crate::checks::given::{ago, facts};
use crate::repair::objects::{Edit, ObjectPlan, plan};
use crate::{diagnose, find};

fn node(name: &str, ready: &str, for_seconds: i64, taints: &[&str]) -> Value {
    let taints: Vec<_> = taints.iter().map(|key| json!({"key": key, "effect": "NoExecute"})).collect();
    json!({"kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": format!("host-{name}")}},
        "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": ago(for_seconds)}],
            "volumesInUse": ["kubernetes.io/csi/disk.example.com^vol-1"]}})
}

fn lease(name: &str, age: i64) -> Value {
    json!({"kind": "Lease", "metadata": {"name": name}, "spec": {"renewTime": ago(age)}})
}

/// Plans for a Pod on `new` that waits for what `old` holds.
fn planned(kind: &str, replicas: i64, old: &[Value]) -> ObjectPlan {
    let mut objects = vec![
        json!({"kind": kind, "metadata": {"name": "db", "namespace": "a"}, "spec": {"replicas": replicas}}),
        json!({"kind": "Pod", "metadata": {"name": "db-0", "namespace": "a", "ownerReferences": [{"kind": kind, "name": "db", "controller": true}]},
            "spec": {"nodeName": "new", "containers": [{"name": "c"}], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
            "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(500)}]}}),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "a"}, "spec": {"volumeName": "pv-1"}}),
        json!({"kind": "PersistentVolume", "metadata": {"name": "pv-1"}, "spec": {"accessModes": ["ReadWriteOnce"]}}),
        json!({"kind": "VolumeAttachment", "metadata": {"name": "csi-1"}, "spec": {"nodeName": "old", "source": {"persistentVolumeName": "pv-1"}}}),
        node("new", "True", 9_000, &[]),
        lease("new", 5),
    ];
    objects.extend_from_slice(old);
    let facts = facts(&objects);
    let report = diagnose(&facts, find("volumes/stuck"));
    assert_eq!(report.findings.len(), 1, "{report:#?}");
    plan(&facts, &report.findings)
}

#[track_caller]
fn left(plan: &ObjectPlan, part: &str) {
    assert!(plan.steps.is_empty() && plan.left[0].why.contains(part), "{part:?}: {plan:#?}");
}

const SHUT_DOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

#[test]
fn off_a_node_that_is_there_nothing_is_taken() {
    let alive = [node("old", "True", 9_000, &[]), lease("old", 3)];
    let plan = planned("Deployment", 1, &alive);
    let pin = Edit::Pin {
        node: "old".to_owned(),
        hostname: "host-old".to_owned(),
        volume: "volume pv-1".to_owned(),
    };
    assert_eq!((plan.steps.len(), &plan.steps[0].edit), (1, &pin), "{plan:#?}");
    let plan = planned("StatefulSet", 1, &alive);
    assert_eq!((&plan.steps[0].edit, &plan.steps[1].edit), (&pin, &Edit::MakeAnew), "{plan:#?}");
    assert_eq!(plan.steps[1].target.to_string(), "Pod a/db-0");
    left(&planned("StatefulSet", 3, &alive), "has several Pods");
}

#[test]
fn a_node_has_to_be_proved_gone_by_two_facts() {
    left(
        &planned("Deployment", 1, &[node("old", "Unknown", 900, &[]), lease("old", 950)]),
        "no provider says",
    );
    left(
        &planned("Deployment", 1, &[node("old", "True", 900, &[SHUT_DOWN]), lease("old", 950)]),
        "see to that first",
    );
    let gone = [node("old", "Unknown", 900, &[SHUT_DOWN]), lease("old", 950)];
    let plan = planned("Deployment", 3, &gone);
    let Edit::OutOfService { proof } = &plan.steps[0].edit else { panic!("{plan:#?}") };
    assert_eq!((plan.steps.len(), proof.len(), plan.steps[0].target.name.as_str()), (1, 2, "old"));
    // It is told to be off already, and holds the volume still.
    let plan = planned("Deployment", 1, &[node("old", "Unknown", 900, &[OUT_OF_SERVICE]), lease("old", 950)]);
    assert!(matches!(&plan.steps[0].edit, Edit::Detach { .. }), "{plan:#?}");
    assert_eq!(plan.steps[0].target.path(), "/apis/storage.k8s.io/v1/volumeattachments/csi-1");
    left(&planned("Deployment", 1, &[lease("new", 5)]), "is not proved gone");
}
