//! Tests of the ways in which a Job fails or succeeds by a rule.

use serde_json::json;

use super::world::World;

#[test]
fn a_job_fails_when_its_time_is_over() {
    let mut world = World::new(&json!({"completions": 2, "parallelism": 2, "activeDeadlineSeconds": 30}));
    world.settle();
    assert_eq!(world.next.map(|next| next.as_secs()), Some(30));
    world.now += 30;
    world.sync();
    assert_eq!(world.conditions(), ["FailureTarget"], "Pods are still ending");
    world.settle();
    assert_eq!(world.conditions(), ["FailureTarget", "Failed"]);
    assert_eq!((world.status().failed, world.status().active), (Some(2), None));
    assert_eq!(world.told, ["DeadlineExceeded"]);
}

#[test]
fn restarts_in_place_count_to_the_limit() {
    let mut world = World::new(&json!({
        "completions": 1, "parallelism": 1, "backoffLimit": 2,
        "template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "main"}]}},
    }));
    world.settle();
    world.restarts(1);
    world.settle();
    assert_eq!(world.active(), 1);
    world.restarts(2);
    world.settle();
    assert_eq!((world.conditions(), world.active()), (vec!["FailureTarget", "Failed"], 0));
}

#[test]
fn rules_say_what_a_failure_means() {
    let rules = json!({"rules": [
        {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [1, 2]}},
    ]});
    let spec = json!({"completions": 1, "parallelism": 1, "backoffLimit": 0, "podFailurePolicy": rules});
    let mut world = World::new(&spec);
    world.settle();
    world.disrupt_one();
    world.settle();
    world.now += 100;
    world.settle();
    assert_eq!((world.status().failed, world.active()), (None, 1), "it does not count, and is replaced");
    let name = world.fail_one_named(42);
    world.settle();
    assert_eq!(world.conditions(), ["FailureTarget", "Failed"]);
    let condition = world.status().conditions.clone().expect("conditions").pop().expect("a condition");
    let expected = format!(
        "Container main for pod default/{name} failed with exit code 42 matching FailJob rule at index 0"
    );
    assert_eq!((condition.reason.as_deref(), condition.message), (Some("PodFailurePolicy"), Some(expected)));
}

#[test]
fn a_success_policy_ends_a_job_early() {
    let policy = json!({"rules": [{"succeededIndexes": "0,2-3", "succeededCount": 2}]});
    let mut world = World::new(&json!({
        "completions": 5, "parallelism": 5, "completionMode": "Indexed", "successPolicy": policy,
    }));
    world.settle();
    world.succeed(1);
    world.succeed(2);
    world.settle();
    assert_eq!(world.active(), 3);
    world.succeed(3);
    world.settle();
    assert_eq!(world.conditions(), ["SuccessCriteriaMet", "Complete"]);
    assert_eq!((world.status().completed_indexes.as_deref(), world.status().failed), (Some("1-3"), None));
}
