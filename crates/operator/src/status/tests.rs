use serde_json::{Value, json};

use super::*;
use crate::dereference::Life;

fn object(spec: &Value, status: &Value) -> DatabaseCluster {
    let mut full = json!({"storage": {"size": "10Gi"}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        full[key] = value.clone();
    }
    let object = json!({
        "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster",
        "metadata": {"namespace": "shop", "name": "orders", "generation": 3}, "spec": full, "status": status,
    });
    serde_json::from_value(object).expect("a cluster")
}

fn pods(ready: &[bool]) -> Vec<PodFacts> {
    let pod = |(ordinal, ready): (u32, &bool)| PodFacts {
        ordinal,
        name: format!("orders-{ordinal}"),
        uid: String::new(),
        template: String::new(),
        life: Life::Running,
        ready: *ready,
        held_up: None,
    };
    (0..).zip(ready).map(pod).collect()
}

/// Returns each condition as `kind=status/reason`.
fn said(object: &DatabaseCluster, ready: &[bool], activity: &Activity) -> Vec<String> {
    let now = Timestamp::from_second(1_000).expect("a time");
    let pods = pods(ready);
    let status = status(&Seen { object, pods: &pods, updated: 0, activity, now });
    let show = |it: &Condition| format!("{}={}/{}", it.type_, it.status, it.reason);
    status.conditions.iter().map(show).collect()
}

fn serving() -> Value {
    json!({"ha": {
        "primary": "orders-0", "term": 2, "stage": "Serving",
        "readiness": {"could": true, "why": "orders-1 holds everything", "candidate": "orders-1"},
    }})
}

const SETTLED: Activity = Activity::Planned(Progress::Settled);

#[test]
fn a_pod_that_does_not_start_says_why() {
    let object = object(&json!({}), &serving());
    let mut pods = pods(&[true, false]);
    pods[1].held_up = Some("0/1 nodes are available: 1 node(s) had untolerated taint".to_owned());
    let now = Timestamp::from_second(1_000).expect("a time");
    let status = status(&Seen { object: &object, pods: &pods, updated: 0, activity: &SETTLED, now });
    let message = &status.conditions[0].message;
    assert_eq!(
        message,
        "1 of 3 are ready; not orders-1; orders-1 does not start: 0/1 nodes are available: 1 node(s) had untolerated taint"
    );
}

#[test]
fn a_cluster_is_ready_when_it_writes_and_everybody_is_there() {
    let ready = said(&object(&json!({}), &serving()), &[true; 3], &SETTLED);
    let expected = [
        "Ready=True/Ready",
        "Available=True/PrimaryServes",
        "Redundant=True/CandidateReady",
        "Progressing=False/Settled",
    ];
    assert_eq!(ready, expected);
    let missing = said(&object(&json!({}), &serving()), &[true, true, false], &SETTLED);
    assert_eq!(missing[..2], ["Ready=False/InstancesMissing", "Available=True/PrimaryServes"]);
}

#[test]
fn what_is_wrong_is_the_reason() {
    let new = object(&json!({}), &json!({}));
    assert_eq!(said(&new, &[], &SETTLED)[..2], ["Ready=False/Unknown", "Available=Unknown/Unknown"]);
    let forming = object(&json!({}), &json!({"ha": {"stage": "Forming"}}));
    assert_eq!(said(&forming, &[], &SETTLED)[0], "Ready=False/Forming");
    let fencing = object(&json!({}), &json!({"ha": {"stage": "Fencing", "term": 3}}));
    assert_eq!(said(&fencing, &[true; 3], &SETTLED)[0], "Ready=False/NoPrimary");
    let failed = Activity::Failed { reason: "NameTaken", message: "x".to_owned() };
    let told = said(&object(&json!({}), &serving()), &[true; 3], &failed);
    assert_eq!(
        (told[0].as_str(), told[1].as_str()),
        ("Ready=False/NameTaken", "Available=True/PrimaryServes")
    );
}

#[test]
fn few_instances_are_told_of() {
    let one = said(&object(&json!({"instances": 1}), &serving()), &[true], &SETTLED);
    assert_eq!((one[0].as_str(), one[2].as_str()), ("Ready=True/Ready", "Redundant=False/OneInstance"));
    let two = said(&object(&json!({"instances": 2}), &serving()), &[true; 2], &SETTLED);
    assert_eq!(two[2], "Redundant=True/TwoInstances");
}

#[test]
fn a_pause_is_told_and_changes_nothing_else() {
    let paused = said(&object(&json!({"paused": true}), &serving()), &[true; 3], &Activity::Paused);
    assert_eq!((paused[0].as_str(), paused[3].as_str()), ("Ready=True/Ready", "Progressing=False/Paused"));
}

#[test]
fn a_condition_keeps_the_time_since_when_it_is_so() {
    let mut status = serving();
    let time = "2026-01-01T00:00:00Z";
    status["conditions"] = json!([
        {"type": "Available", "status": "True", "reason": "Old", "message": "", "lastTransitionTime": time},
        {"type": "Ready", "status": "False", "reason": "Old", "message": "", "lastTransitionTime": time},
    ]);
    let object = object(&json!({}), &status);
    let now = Timestamp::from_second(1_000).expect("a time");
    let pods = pods(&[true; 3]);
    let made = super::status(&Seen { object: &object, pods: &pods, updated: 3, activity: &SETTLED, now });
    let of = |kind: &str| {
        made.conditions.iter().find(|it| it.type_ == kind).expect("a condition").last_transition_time.0
    };
    assert_eq!(of("Ready"), now);
    assert_eq!(of("Available").to_string(), time);
}
