use std::time::Duration;

use serde_json::{Value, json};

use super::*;

const START: Moment = Moment::from_millis(1_000_000);

fn at(seconds: u64) -> Moment {
    START + Duration::from_secs(seconds)
}

fn pod(annotations: &Value, policy: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "annotations": annotations},
        "spec": {
            "restartPolicy": policy,
            "initContainers": [{"name": "i", "image": "a"}],
            "containers": [{"name": "c", "image": "a"}],
        },
    }))
    .expect("a Pod")
}

fn runs(life: &Life, container: &str) -> (u32, bool, bool) {
    let plan = life.plan.container(container).expect("planned");
    let observed = &life.observed[container];
    (observed.runs, observed.running_since().is_some(), observed.is_ready(plan))
}

#[test]
fn a_pod_is_up_at_once_and_ends_when_told() {
    let mut pod = pod(&json!({}), "Always");
    let mut life = Life::new(&pod, START).expect("a life");
    assert_eq!(life.step(&pod, START), None);
    assert_eq!(runs(&life, "c"), (1, true, true));
    pod.metadata.deletion_timestamp = Some(at(5).to_time());
    assert_eq!(life.step(&pod, at(5)), None);
    assert!(life.is_over);
}

#[test]
fn a_script_is_followed_in_time() {
    let script = json!({
        "simulation.stanchion.dev/start-after": "2s", "simulation.stanchion.dev/ready-after": "3s",
        "simulation.stanchion.dev/complete-after": "10s", "simulation.stanchion.dev/exit-code": "4",
    });
    let pod = pod(&script, "OnFailure");
    let mut life = Life::new(&pod, START).expect("a life");
    assert_eq!(life.step(&pod, START), Some(at(2)), "the init container");
    assert_eq!(life.step(&pod, at(2)), Some(at(4)), "then the other one");
    assert_eq!(life.step(&pod, at(4)), Some(at(7)));
    assert_eq!(runs(&life, "c"), (1, true, false));
    assert_eq!(life.step(&pod, at(7)), Some(at(14)));
    assert_eq!(runs(&life, "c"), (1, true, true));
    life.step(&pod, at(14));
    assert_eq!(runs(&life, "c"), (2, false, false), "the first restart comes at once");
    life.step(&pod, at(16));
    let next = life.step(&pod, at(26));
    assert_eq!(next, Some(at(36)), "the next one waits");
    assert!(!life.is_over);
}

#[test]
fn a_job_succeeds_and_a_life_goes_on_after_a_restart() {
    let job = pod(&json!({}), "Never");
    let mut life = Life::new(&job, START).expect("a life");
    life.step(&job, START);
    assert!(life.is_over);
    let mut running = pod(&json!({}), "Always");
    running.status = serde_json::from_value(json!({
        "phase": "Running",
        "initContainerStatuses": [{
            "name": "i", "image": "a", "imageID": "", "ready": true, "restartCount": 0, "containerID": "stanchion://x",
            "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T00:00:00Z"}},
        }],
        "containerStatuses": [{
            "name": "c", "image": "a", "imageID": "", "ready": true, "restartCount": 3, "containerID": "stanchion://y",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }],
    }))
    .expect("a status");
    let now = at(1 << 31);
    let mut life = Life::new(&running, now).expect("a life");
    assert_eq!(life.step(&running, now), None);
    assert_eq!(runs(&life, "c"), (4, true, true), "nothing is started again");
    assert_eq!(life.observed["i"].runs, 1);
}
