//! Pods, whose state is the hardest to put in a word.

use serde_json::{Value, json};

use super::{now, of, with_metadata};

/// Returns the ready, status and restarts cells of a Pod.
fn state(pod: Value) -> [String; 3] {
    let cells = of("", "Pod").cells(&with_metadata(pod), now());
    [1, 2, 3].map(|at| cells[at].as_str().expect("cells are texts").to_owned())
}

fn running(name: &str) -> Value {
    json!({"name": name, "ready": true, "started": true, "restartCount": 0, "state": {"running": {}}})
}

fn waiting(name: &str, reason: &str) -> Value {
    json!({"name": name, "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason}}})
}

fn ended(name: &str, how: Value) -> Value {
    let mut status = json!({"name": name, "ready": false, "restartCount": 0});
    status["state"]["terminated"] = how;
    status
}

/// Makes a container that has been restarted, the last time after it had ended at an hour of the day.
fn restarted(mut container: Value, count: i64, ended: &str) -> Value {
    container["restartCount"] = count.into();
    container["lastState"] = json!({"terminated": {"finishedAt": format!("2026-05-01T{ended}Z")}});
    container
}

fn pod(phase: &str, statuses: Value) -> Value {
    let names = statuses.as_array().into_iter().flatten().map(|status| json!({"name": status["name"]}));
    let mut pod = json!({"spec": {"containers": names.collect::<Vec<_>>()}, "status": {"phase": phase}});
    pod["status"]["containerStatuses"] = statuses;
    pod
}

/// Makes a Pod of the containers `a` and `b` that wait for init containers.
fn initializing(specs: Value, statuses: Value) -> Value {
    let mut pod = pod("Pending", json!([waiting("a", "PodInitializing"), waiting("b", "PodInitializing")]));
    pod["spec"]["initContainers"] = specs;
    pod["status"]["initContainerStatuses"] = statuses;
    pod
}

fn with(mut pod: Value, field: &str, value: Value) -> Value {
    let place = field.split('.').fold(&mut pod, |place, key| &mut place[key]);
    *place = value;
    pod
}

fn condition(kind: &str, status: &str) -> Value {
    json!([{"type": kind, "status": status}])
}

#[test]
fn containers_give_the_word() {
    let deleted = json!("2026-05-01T11:59:00Z");
    let done = || ended("a", json!({"exitCode": 0, "reason": "Completed"}));
    let mixed = || pod("Running", json!([done(), running("b")]));
    let gated = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]);
    let cases = [
        (json!({"spec": {"containers": [{}]}, "status": {"phase": "Pending"}}), "0/1", "Pending"),
        (pod("Running", json!([running("a"), running("b")])), "2/2", "Running"),
        (pod("Pending", json!([waiting("a", "ContainerCreating")])), "0/1", "ContainerCreating"),
        (pod("Running", json!([waiting("a", "CrashLoopBackOff"), running("b")])), "1/2", "CrashLoopBackOff"),
        (pod("Pending", json!([waiting("a", "First"), waiting("b", "Second")])), "0/2", "First"),
        (pod("Succeeded", json!([done()])), "0/1", "Completed"),
        (pod("Failed", json!([ended("a", json!({"exitCode": 1, "reason": "Error"}))])), "0/1", "Error"),
        (pod("Failed", json!([ended("a", json!({"exitCode": 3}))])), "0/1", "ExitCode:3"),
        (pod("Failed", json!([ended("a", json!({"exitCode": 137, "signal": 9}))])), "0/1", "Signal:9"),
        (with(mixed(), "status.conditions", condition("Ready", "True")), "1/2", "Running"),
        (with(mixed(), "status.conditions", condition("Ready", "False")), "1/2", "NotReady"),
        (with(pod("Failed", json!([])), "status.reason", json!("Evicted")), "0/0", "Evicted"),
        (with(pod("Pending", json!([])), "status.conditions", gated), "0/0", "SchedulingGated"),
        (
            with(pod("Running", json!([running("a")])), "metadata.deletionTimestamp", deleted.clone()),
            "1/1",
            "Terminating",
        ),
        (
            with(pod("Succeeded", json!([done()])), "metadata.deletionTimestamp", deleted.clone()),
            "0/1",
            "Completed",
        ),
        (with(pod("Running", json!([running("a")])), "status.reason", json!("NodeLost")), "1/1", "NodeLost"),
        (
            with(
                with(pod("Running", json!([running("a")])), "status.reason", json!("NodeLost")),
                "metadata.deletionTimestamp",
                deleted,
            ),
            "1/1",
            "Unknown",
        ),
    ];
    for (pod, ready, word) in cases {
        assert_eq!(state(pod.clone()), [ready, word, "0"], "{pod}");
    }
}

#[test]
fn init_containers_have_a_word_first() {
    let plain = || json!([{"name": "i"}, {"name": "j"}]);
    let sidecar = || json!([{"name": "i", "restartPolicy": "Always"}, {"name": "j"}]);
    let done = || ended("i", json!({"exitCode": 0, "reason": "Completed"}));
    let starting = json!({"name": "i", "started": false, "state": {"running": {}}});
    let cases = [
        (
            plain(),
            json!([waiting("i", "PodInitializing"), waiting("j", "PodInitializing")]),
            "0/2",
            "Init:0/2",
        ),
        (plain(), json!([done(), running("j")]), "0/2", "Init:1/2"),
        (plain(), json!([waiting("i", "CrashLoopBackOff")]), "0/2", "Init:CrashLoopBackOff"),
        (plain(), json!([ended("i", json!({"exitCode": 1, "reason": "Error"}))]), "0/2", "Init:Error"),
        (plain(), json!([ended("i", json!({"exitCode": 2}))]), "0/2", "Init:ExitCode:2"),
        (plain(), json!([ended("i", json!({"exitCode": 2, "signal": 15}))]), "0/2", "Init:Signal:15"),
        (plain(), json!([done(), ended("j", json!({"exitCode": 0}))]), "0/2", "PodInitializing"),
        (sidecar(), json!([starting, waiting("j", "PodInitializing")]), "0/3", "Init:0/2"),
        (sidecar(), json!([running("i"), waiting("j", "PodInitializing")]), "1/3", "Init:1/2"),
        (sidecar(), json!([running("i"), ended("j", json!({"exitCode": 0}))]), "1/3", "PodInitializing"),
    ];
    for (specs, statuses, ready, word) in cases {
        assert_eq!(state(initializing(specs, statuses.clone())), [ready, word, "0"], "{statuses}");
    }
}

#[test]
fn what_is_initialized_is_judged_by_its_containers() {
    // A sidecar that crashes later does not hide the containers.
    let crashed = json!([waiting("i", "CrashLoopBackOff")]);
    let mut pod = initializing(json!([{"name": "i", "restartPolicy": "Always"}]), crashed);
    pod["status"]["containerStatuses"] = json!([running("a"), running("b")]);
    pod["status"]["phase"] = "Running".into();
    assert_eq!(state(pod.clone()), ["0/3", "Init:CrashLoopBackOff", "0"]);
    pod["status"]["conditions"] = condition("Initialized", "True");
    // The word of the init container stays, as running containers have nothing to say.
    assert_eq!(state(pod), ["2/3", "Init:CrashLoopBackOff", "0"]);
}

#[test]
fn restarts_are_counted_with_the_last_of_them() {
    let pod_of = |statuses: Value| pod("Running", statuses);
    let two = json!([restarted(running("a"), 2, "11:55:00"), restarted(running("b"), 1, "09:00:00")]);
    assert_eq!(state(pod_of(two))[2], "3 (5m ago)");
    let never = json!([restarted(running("a"), 0, "11:55:00")]);
    assert_eq!(state(pod_of(never))[2], "0");
    let mut unknown = running("a");
    unknown["restartCount"] = 4.into();
    assert_eq!(state(pod_of(json!([unknown])))[2], "4");

    // Those of init containers count while they are what there is, those of sidecars always.
    let specs = || json!([{"name": "i"}, {"name": "j", "restartPolicy": "Always"}]);
    let busy = json!([restarted(running("i"), 7, "11:00:00")]);
    assert_eq!(state(initializing(specs(), busy))[2], "7 (60m ago)");
    let done = ended("i", json!({"exitCode": 0}));
    let past = json!([restarted(done, 7, "11:59:00"), restarted(running("j"), 2, "10:00:00")]);
    assert_eq!(state(initializing(specs(), past))[2], "2 (120m ago)");
}

#[test]
fn wide_tables_say_where_a_pod_is() {
    let bare = of("", "Pod").cells(&with_metadata(json!({})), now());
    assert_eq!(bare[4..], ["90m", "<none>", "<none>", "<none>", "<none>"].map(Value::from));
    let placed = json!({
        "spec": {
            "nodeName": "n1",
            "readinessGates": [{"conditionType": "a/b"}, {"conditionType": "c/d"}, {"conditionType": "e/f"}],
        },
        "status": {
            "podIPs": [{"ip": "10.0.0.9"}, {"ip": "fd00::9"}],
            "nominatedNodeName": "n2",
            "conditions": [{"type": "c/d", "status": "True"}, {"type": "a/b", "status": "False"}],
        },
    });
    let cells = of("", "Pod").cells(&with_metadata(placed), now());
    assert_eq!(cells[5..], ["10.0.0.9", "n1", "n2", "1/3"].map(Value::from));
}
