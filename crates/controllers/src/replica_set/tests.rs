//! Tests of how many Pods are made, which are deleted, and what the status says of it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::decide::{next_available, scaling};
use super::status::status;
use super::*;
use crate::rank::least_wanted;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

fn set(replicas: i32) -> ReplicaSet {
    let value = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "set", "generation": 3},
        "spec": {
            "replicas": replicas, "minReadySeconds": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
        },
    });
    serde_json::from_value(value).expect("a set")
}

/// Makes a ready Pod on a node, created at second 0 and ready since second 100, changed by a JSON merge patch.
fn pod(name: &str, change: &Value) -> Arc<Pod> {
    let mut value = json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": name, "labels": {"app": "web"},
            "creationTimestamp": "1970-01-01T00:00:00Z",
        },
        "spec": {"nodeName": format!("node-of-{name}"), "containers": []},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:01:40Z"}],
        },
    });
    stanchion_machinery::patch::merge::apply_merge(&mut value, change.clone());
    Arc::new(serde_json::from_value(value).expect("a Pod"))
}

fn ends() -> Value {
    json!({"metadata": {"deletionTimestamp": "1970-01-01T00:00:09Z"}})
}

#[test]
fn pods_that_end_do_not_count() {
    let pods = [pod("a", &json!({})), pod("b", &ends()), pod("c", &json!({"status": {"phase": "Failed"}}))];
    assert_eq!(scaling(&set(3), &pods), Scaling::Create(2));
    assert_eq!(scaling(&set(1), &pods), Scaling::Enough);
    assert_eq!(scaling(&set(0), &pods), Scaling::Delete(1));
    assert_eq!(scaling(&set(5000), &pods), Scaling::Create(500));
}

#[test]
fn the_least_wanted_go_first() {
    let unready = json!([{"type": "Ready", "status": "False"}]);
    let restarted = json!([{"name": "c", "restartCount": 3, "image": "", "imageID": "", "ready": true}]);
    let later = json!([{"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:16:30Z"}]);
    let pods = [
        pod("younger", &json!({"metadata": {"creationTimestamp": "1970-01-01T00:10:00Z"}})),
        pod("kept", &json!({})),
        pod("restarted", &json!({"status": {"containerStatuses": restarted}})),
        pod("later", &json!({"status": {"conditions": later}})),
        pod("crowded", &json!({"spec": {"nodeName": "crowded"}})),
        pod(
            "cheap",
            &json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}}),
        ),
        pod("unready", &json!({"status": {"conditions": unready}})),
        pod("unknown", &json!({"status": {"phase": "Unknown"}})),
        pod("pending", &json!({"status": {"phase": "Pending"}})),
        pod("unassigned", &json!({"spec": {"nodeName": null}, "status": {"phase": "Pending"}})),
        pod("ends", &ends()),
    ];
    let sibling = pod("of-the-old-set", &json!({"spec": {"nodeName": "crowded"}}));
    let related: Vec<_> = pods.iter().cloned().chain([sibling]).collect();
    let chosen = least_wanted(&pods, &related, 9, at(1000));
    let names: Vec<_> = chosen.iter().map(|pod| pod.name_any()).collect();
    let expected =
        ["unassigned", "pending", "unknown", "unready", "cheap", "crowded", "later", "restarted", "younger"];
    assert_eq!(names, expected);
}

#[test]
fn status_counts_and_converges() {
    let other = json!({"metadata": {"labels": null}, "status": {"conditions": null}});
    let pods = [pod("a", &json!({})), pod("b", &other), pod("c", &ends())];
    let mut set = set(2);
    let early = status(&set, &pods, None, at(109));
    assert_eq!((early.ready_replicas, early.available_replicas), (Some(1), None));
    assert_eq!(next_available(&set, &pods, at(109)), Some(std::time::Duration::from_secs(1)));
    let late = status(&set, &pods, None, at(110));
    let expected = json!({
        "replicas": 2, "fullyLabeledReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "terminatingReplicas": 1, "observedGeneration": 3,
    });
    assert_eq!(serde_json::to_value(&late).expect("a status"), expected);
    assert_eq!(next_available(&set, &pods, at(110)), None);
    set.status = Some(late.clone());
    assert_eq!(status(&set, &pods, None, at(5000)), late);
}

#[test]
fn a_failure_is_shown_once_and_goes_away() {
    let mut set = set(2);
    let quota = "exceeded quota: small".to_owned();
    let failed = status(&set, &[], Some((&Scaling::Create(2), quota)), at(1));
    let conditions = failed.conditions.clone().expect("a condition");
    let read = |condition: &k8s_openapi::api::apps::v1::ReplicaSetCondition| {
        (condition.reason.clone().unwrap_or_default(), condition.message.clone().unwrap_or_default())
    };
    assert_eq!(read(&conditions[0]), ("FailedCreate".to_owned(), "exceeded quota: small".to_owned()));
    set.status = Some(failed.clone());
    assert_eq!(status(&set, &[], Some((&Scaling::Create(2), "in other words".to_owned())), at(2)), failed);
    assert_eq!(status(&set, &[], None, at(3)).conditions, None);
}

proptest! {
    #[test]
    fn syncs_end_with_as_many_pods_as_asked_for(wanted in 0_i32..1200, existing in 0_usize..1200) {
        let set = set(wanted);
        let mut pods: Vec<Arc<Pod>> = (0..existing).map(|i| pod(&i.to_string(), &json!({}))).collect();
        let mut syncs = 0;
        loop {
            match scaling(&set, &pods) {
                Scaling::Enough => break,
                Scaling::Create(count) => {
                    let new = Arc::new(decide::new_pod(&set));
                    pods.extend(vec![new; count]);
                }
                Scaling::Delete(count) => {
                    let chosen = least_wanted(&pods, &pods, count, at(0));
                    prop_assert_eq!(chosen.len(), count);
                    pods.retain(|pod| !chosen.iter().any(|chosen| Arc::ptr_eq(chosen, pod)));
                }
            }
            syncs += 1;
            prop_assert!(syncs <= 3);
        }
        prop_assert_eq!(pods.len(), usize::try_from(wanted).expect("not negative"));
    }
}
