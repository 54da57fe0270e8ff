//! What may not change.

use serde_json::{Value, json};

use super::{over, shown};
use crate::defaults::pods::{apply, prepare_create};
use crate::validate::pods::{ephemeral_containers, resize, update, update_status};

const ONLY: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

fn stored(group: &str, kind: &str, object: Value) -> Value {
    let mut object = object;
    apply(group, kind, &mut object);
    prepare_create(group, kind, &mut object);
    object
}

fn pod(spec: Value) -> Value {
    let mut whole = json!({"containers": [{"name": "c", "image": "x"}]});
    over(&mut whole, spec);
    stored("", "Pod", json!({"metadata": {"name": "p"}, "spec": whole}))
}

fn changed(mut old: Value, patch: Value) -> Vec<String> {
    let before = old.clone();
    over(&mut old["spec"], patch);
    shown(&update("", "Pod", &old, &before).expect("a Pod"))
}

#[test]
fn pods_hardly_change() {
    let image = json!({"containers": [{"name": "c", "image": "y"}]});
    let mut with_image = pod(json!({}));
    with_image["spec"]["containers"][0]["image"] = json!("y");
    assert_eq!(shown(&update("", "Pod", &with_image, &pod(json!({}))).expect("a Pod")), Vec::<String>::new());
    assert!(changed(pod(json!({})), image)[0].contains("terminationMessagePolicy"));
    let renamed = changed(pod(json!({})), json!({"hostname": "other"}));
    assert_eq!(
        renamed,
        [format!(
            "spec: Forbidden: {ONLY}  core.PodSpec{{\n- \tHostname: nil,\n+ \tHostname: \"other\",\n  }}\n"
        )]
    );
    assert_eq!(changed(pod(json!({})), json!({"activeDeadlineSeconds": 5})), Vec::<String>::new());
    assert_eq!(
        changed(pod(json!({"activeDeadlineSeconds": 5})), json!({"activeDeadlineSeconds": 6})),
        ["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"]
    );
    assert_eq!(
        changed(pod(json!({"activeDeadlineSeconds": 5})), json!({"activeDeadlineSeconds": null})),
        [
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"
        ]
    );
    let toleration = json!({"key": "a", "operator": "Exists"});
    assert_eq!(changed(pod(json!({})), json!({"tolerations": [toleration]})), Vec::<String>::new());
    assert_eq!(
        changed(pod(json!({"tolerations": [toleration]})), json!({"tolerations": null})),
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]
    );
    let more = json!({"containers": [{}, {}]});
    assert!(
        changed(pod(json!({})), more)
            .contains(&"spec.containers: Forbidden: pod updates may not add or remove containers".to_owned())
    );
}

#[test]
fn gates_only_open() {
    let gated = || pod(json!({"schedulingGates": [{"name": "a"}], "nodeSelector": {"x": "1"}}));
    assert_eq!(changed(gated(), json!({"schedulingGates": null})), Vec::<String>::new());
    assert_eq!(
        changed(gated(), json!({"schedulingGates": [{"name": "b"}]})),
        [
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'"
        ]
    );
    assert_eq!(changed(gated(), json!({"nodeSelector": {"y": "1"}})), Vec::<String>::new());
    assert_eq!(
        changed(gated(), json!({"nodeSelector": {"x": "2"}})),
        [
            r#"spec.nodeSelector: Invalid value: {"x":"2"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"#
        ]
    );
    assert_eq!(changed(pod(json!({})), json!({"nodeSelector": {"x": "2"}})).len(), 1);
}

#[test]
fn amounts_are_the_same_however_they_are_written() {
    let old =
        pod(json!({"containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "1000m"}}}]}));
    let mut new = old.clone();
    new["spec"]["containers"][0]["resources"] =
        json!({"limits": {"cpu": 1}, "requests": {"cpu": "1"}, "claims": []});
    assert_eq!(shown(&update("", "Pod", &new, &old).expect("a Pod")), Vec::<String>::new());
    new["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("2");
    assert_eq!(shown(&update("", "Pod", &new, &old).expect("a Pod")).len(), 1);
}

#[test]
fn ephemeral_containers_are_only_added() {
    let with = |list: Value| {
        let mut pod = pod(json!({}));
        pod["spec"]["ephemeralContainers"] = list;
        apply("", "Pod", &mut pod);
        pod
    };
    let found = |new: Value, old: Value| shown(&ephemeral_containers(&with(new), &with(old)));
    let one = json!([{"name": "e", "image": "x", "targetContainerName": "c"}]);
    assert_eq!(found(one.clone(), json!([])), Vec::<String>::new());
    assert_eq!(found(one.clone(), one.clone()), Vec::<String>::new());
    assert_eq!(
        found(json!([]), one.clone()),
        ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n"]
    );
    assert!(found(json!([{"name": "e", "image": "y"}]), one)[0].contains("\"e\" may not be changed\n"));
    assert_eq!(
        found(
            json!([{"name": "c", "image": "x", "targetContainerName": "z", "ports": [{"containerPort": 1}]}]),
            json!([])
        ),
        [
            r#"spec.ephemeralContainers[0].name: Duplicate value: "c""#,
            r#"spec.ephemeralContainers[0].targetContainerName: Not found: "z""#,
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
        ]
    );
}

#[test]
fn resizing_changes_processors_and_memory_only() {
    let with =
        |resources: Value| pod(json!({"containers": [{"name": "c", "image": "x", "resources": resources}]}));
    let found = |new: Value, old: Value| shown(&resize(&with(new), &with(old)));
    assert_eq!(
        found(json!({"requests": {"cpu": "2"}}), json!({"requests": {"cpu": "1"}})),
        Vec::<String>::new()
    );
    assert_eq!(
        found(json!({}), json!({"requests": {"cpu": "1"}})),
        [
            r#"spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing"#,
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ]
    );
    assert_eq!(
        found(
            json!({"requests": {"cpu": "1", "ephemeral-storage": "2Gi"}}),
            json!({"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}})
        ),
        ["spec: Forbidden: only cpu and memory resources are mutable"]
    );
}

#[test]
fn statuses_of_pods_are_checked() {
    let old = pod(json!({"restartPolicy": "Never"}));
    let found = |patch: Value, was: Value| {
        let (mut new, mut old) = (old.clone(), old.clone());
        over(&mut new, json!({"status": patch}));
        over(&mut old, json!({"status": was}));
        shown(&update_status("", "Pod", &new, &old).expect("a Pod"))
    };
    assert_eq!(
        found(json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}), json!({})),
        Vec::<String>::new()
    );
    assert_eq!(
        found(json!({"qosClass": "Guaranteed"}), json!({})),
        [r#"status.qosClass: Invalid value: "Guaranteed": field is immutable"#]
    );
    assert_eq!(
        found(json!({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}), json!({})),
        [
            r#"status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family"#
        ]
    );
    let ended = json!({"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]});
    let runs = json!({"containerStatuses": [{"name": "c", "state": {"running": {}}}]});
    assert_eq!(
        found(runs, ended),
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    );
}

#[test]
fn statuses_of_workloads_are_checked() {
    let found = |group: &str, kind: &str, new: Value, old: Value| {
        let errors = update_status(group, kind, &json!({"status": new}), &json!({"status": old}));
        shown(&errors.expect("a kind with Pods"))
    };
    assert_eq!(
        found(
            "apps",
            "Deployment",
            json!({"replicas": 1, "readyReplicas": 2, "availableReplicas": -1}),
            json!({"collisionCount": 1})
        ),
        [
            "status.availableReplicas: Invalid value: -1: must be greater than or equal to 0",
            "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.collisionCount: Invalid value: 0: cannot be decremented",
        ]
    );
    let condition = |kind: &str| json!({"type": kind, "status": "True"});
    assert_eq!(
        found("batch", "Job", json!({"conditions": [condition("Complete")]}), json!({})),
        [
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            "status.completionTime: Required value: completionTime is required for Complete jobs",
            "status.startTime: Required value: startTime is required for finished job",
        ]
    );
    let fine = json!({
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z", "succeeded": 1,
    });
    assert_eq!(found("batch", "Job", fine.clone(), json!({"active": 1})), Vec::<String>::new());
    assert_eq!(
        found("batch", "Job", json!({"failed": 1}), json!({"failed": 2})),
        ["status.failed: Invalid value: 1: cannot decrease the failed counter"]
    );
    let mut early = fine;
    early["completionTime"] = json!("2025-01-01T00:00:00Z");
    assert_eq!(
        found("batch", "Job", early, json!({})),
        [
            r#"status.completionTime: Invalid value: "2025-01-01T00:00:00Z": completionTime cannot be set before startTime"#
        ]
    );
}
