use serde_json::{Value, json};

use super::proof::prove;
use crate::checks::given::{ago, facts, found};
use crate::finding::Finding;
use crate::severity::Severity;

fn node(name: &str, ready: &str, for_seconds: i64) -> Value {
    json!({"kind": "Node", "metadata": {"name": name, "creationTimestamp": ago(90_000)},
        "status": {"conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": ago(for_seconds)}],
            "volumesInUse": ["kubernetes.io/csi/disk.example.com^vol-1"]}})
}

fn lease(name: &str, age: i64) -> Value {
    json!({"kind": "Lease", "metadata": {"name": name}, "spec": {"renewTime": ago(age)}})
}

fn tainted(mut node: Value, keys: &[&str]) -> Value {
    node["spec"]["taints"] = keys.iter().map(|key| json!({"key": key, "effect": "NoExecute"})).collect();
    node
}

/// A Pod on `new` that waits for the volume that `old` holds.
fn waiting(age: i64) -> Vec<Value> {
    vec![
        json!({"kind": "Pod", "metadata": {"name": "db-0", "namespace": "a", "creationTimestamp": ago(age),
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "spec": {"nodeName": "new", "containers": [{"name": "c"}], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]},
            "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(age)}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}]}}),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-db-0", "namespace": "a"}, "spec": {"volumeName": "pv-1"}}),
        json!({"kind": "PersistentVolume", "metadata": {"name": "pv-1"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "csi": {"driver": "disk.example.com", "volumeHandle": "vol-1"}}}),
        json!({"kind": "VolumeAttachment", "metadata": {"name": "csi-1"}, "spec": {"nodeName": "old", "source": {"persistentVolumeName": "pv-1"}},
            "status": {"attached": true}}),
        node("new", "True", 9_000),
        lease("new", 5),
    ]
}

fn stuck(objects: &[Value]) -> Vec<Finding> {
    found(objects).into_iter().filter(|finding| finding.check == "volumes/stuck").collect()
}

#[test]
fn a_volume_that_another_node_holds() {
    let with = |age: i64, more: Vec<Value>| stuck(&[waiting(age), more].concat());
    let alive = || vec![node("old", "True", 9_000), lease("old", 3)];
    let found = with(500, alive());
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].severity, found[0].subject.to_string().as_str()),
        (Severity::Critical, "StatefulSet a/db")
    );
    assert_eq!(found[0].summary, "it waits for a volume that the node old holds");
    assert!(found[0].advice.starts_with("that node is there"), "{found:#?}");
    assert_eq!(with(200, alive())[0].severity, Severity::Warning);
    assert_eq!(with(70, alive())[0].severity, Severity::Info);
    assert!(with(20, alive()).is_empty());
    let silent = with(500, vec![node("old", "Unknown", 900), lease("old", 950)]);
    assert!(silent[0].advice.contains("it is not proved"), "{silent:#?}");
    let gone = with(
        500,
        vec![tainted(node("old", "Unknown", 900), &["node.kubernetes.io/out-of-service"]), lease("old", 950)],
    );
    assert!(gone[0].advice.starts_with("that node is gone"), "{gone:#?}");
}

#[test]
fn pods_that_do_not_wait_for_volumes() {
    let mut objects = waiting(500);
    objects[2]["spec"]["accessModes"] = json!(["ReadWriteMany"]);
    assert!(stuck(&objects).is_empty(), "many may use it");
    let mut objects = waiting(500);
    objects[3]["spec"]["nodeName"] = json!("new");
    assert!(stuck(&objects).is_empty(), "it is attached; perhaps an image is pulled");
    let event = json!({"kind": "Event", "metadata": {"name": "e", "namespace": "a"}, "reason": "FailedMount", "message": "fsck found errors",
        "involvedObject": {"kind": "Pod", "namespace": "a", "name": "db-0"}, "lastTimestamp": ago(10)});
    objects.push(event);
    let found = stuck(&objects);
    assert_eq!(found[0].summary, "it waits for a volume that cannot be attached or mounted");
    objects[0]["status"] = json!({"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": ago(9)}}}]});
    assert!(stuck(&objects).is_empty(), "it runs by now");
}

/// Returns whether the node is proved gone, how many facts say so, and how many contradict.
#[track_caller]
fn proved(objects: &[Value]) -> (bool, usize, usize) {
    let all = [objects, &[node("new", "True", 9_000), lease("new", 5)]].concat();
    let proof = prove(&facts(&all), "old");
    (proof.is_complete(), proof.says.len(), proof.contradicts.len())
}

const OUT: &str = "node.kubernetes.io/out-of-service";
const OFF: &str = "node.cloudprovider.kubernetes.io/shutdown";

#[test]
fn two_facts_prove_that_a_node_is_gone_and_one_does_not() {
    let silent = || node("old", "Unknown", 900);
    assert_eq!(proved(&[silent(), lease("old", 950)]), (false, 1, 0), "it may be cut off and go on writing");
    assert_eq!(proved(&[tainted(silent(), &[OUT]), lease("old", 950)]), (true, 2, 0));
    assert_eq!(proved(&[tainted(silent(), &[OFF]), lease("old", 950)]), (true, 2, 0));
    assert_eq!(proved(&[tainted(silent(), &[OUT, OFF]), lease("old", 950)]), (true, 3, 0));
    assert_eq!(
        proved(&[tainted(node("old", "Unknown", 60), &[OUT]), lease("old", 100)]),
        (false, 1, 0),
        "not silent for long"
    );
    assert_eq!(proved(&[]), (false, 1, 0), "people delete nodes that run");
    let mut idle = silent();
    idle["status"]["volumesInUse"] = json!([]);
    assert_eq!(
        proved(&[idle.clone(), lease("old", 950)]),
        (true, 2, 0),
        "it had let go of all volumes before"
    );
    let mut left = waiting(900).remove(0);
    left["spec"]["nodeName"] = json!("old");
    assert_eq!(proved(&[idle, lease("old", 950), left]), (false, 1, 0), "a Pod with a claim is still on it");
}

#[test]
fn whatever_speaks_against_it_counts() {
    let alive = tainted(node("old", "True", 9_000), &[OUT, OFF]);
    assert_eq!(proved(&[alive, lease("old", 5)]), (false, 2, 2));
    let back = tainted(node("old", "Unknown", 900), &[OUT]);
    let (complete, _, against) = proved(&[back.clone(), lease("old", 5)]);
    assert!(!complete && against == 1, "its lease is renewed");
    assert_eq!(proved(&[lease("old", 5)]), (false, 1, 1), "its object is deleted, and it is heard of");
    // The API was away: then everybody was silent.
    let all = [back, lease("old", 950), node("new", "Unknown", 900), lease("new", 940)];
    assert!(!prove(&facts(&all), "old").is_complete());
}
