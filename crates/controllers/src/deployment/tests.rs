//! Tests of rollouts against a small world in which `ReplicaSet`s get their Pods at once, or as a test says.

mod scaling;
mod world;

use serde_json::json;

use super::revision;
use super::rollout::{REVISION, REVISION_HISTORY};
use world::World;

#[test]
fn a_rollout_begins_with_a_set_and_ends_complete() {
    let mut world = World::new(3);
    world.settle();
    assert_eq!(world.sizes(), [("1", 3)]);
    assert_eq!(world.events, ["Scaled up replica set web-1 from 0 to 3"]);
    assert_eq!(world.deployment.metadata.annotations.as_ref().expect("annotations")[REVISION], "1");
    assert_eq!(world.condition("Progressing"), ("True", "NewReplicaSetAvailable"));
    assert_eq!(world.condition("Available"), ("True", "MinimumReplicasAvailable"));
    let status = world.deployment.status.as_ref().expect("a status");
    assert_eq!(
        (status.replicas, status.updated_replicas, status.available_replicas),
        (Some(3), Some(3), Some(3))
    );
    assert_eq!((status.unavailable_replicas, status.terminating_replicas), (None, Some(0)));
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    let mut world = World::new(3);
    world.settle();
    world.template("two");
    world.settle();
    for _ in 0..10 {
        world.now += 1000;
        assert!(!world.sync(), "a write without need");
    }
}

#[test]
fn a_rolling_update_keeps_within_its_leeway() {
    let mut world = World::new(10);
    world.settle();
    world.template("two");
    for _ in 0..100 {
        if !world.sync() && !world.step(1) {
            break;
        }
        assert!(world.total() <= 13, "more than the surge");
        assert!(world.available() >= 8, "fewer than may be missing");
    }
    assert_eq!(world.sizes(), [("1", 0), ("2", 10)]);
    assert_eq!(world.condition("Progressing"), ("True", "NewReplicaSetAvailable"));
}

#[test]
fn a_bad_rollout_stops_and_is_undone() {
    let mut world = World::new(4);
    world.settle();
    let good = world.deployment.spec.as_ref().expect("a spec").template.clone();
    world.template("bad");
    world.bad = Some("2".to_owned());
    world.settle();
    assert_eq!(world.sizes(), [("1", 3), ("2", 2)]);
    assert_eq!(world.condition("Progressing"), ("True", "ReplicaSetUpdated"));
    world.now += 601;
    world.settle();
    assert_eq!(world.condition("Progressing"), ("False", "ProgressDeadlineExceeded"));
    assert_eq!(world.condition("Available"), ("True", "MinimumReplicasAvailable"));
    world.deployment.spec.as_mut().expect("a spec").template = good;
    world.changed();
    world.settle();
    assert_eq!(world.sizes(), [("2", 0), ("3", 4)]);
    let first = world.set("web-1");
    let annotations = first.metadata.annotations.as_ref().expect("annotations");
    assert_eq!((annotations[REVISION].as_str(), annotations[REVISION_HISTORY].as_str()), ("3", "1"));
    assert_eq!(world.condition("Progressing"), ("True", "NewReplicaSetAvailable"));
}

#[test]
fn recreate_waits_until_nothing_old_runs() {
    let mut world = World::new(2);
    world.deployment.spec.as_mut().expect("a spec").strategy =
        Some(serde_json::from_value(json!({"type": "Recreate"})).expect("a strategy"));
    world.settle();
    world.template("two");
    world.old_runs = true;
    world.settle();
    assert_eq!(world.sizes(), [("1", 0)]);
    world.old_runs = false;
    world.settle();
    assert_eq!(world.sizes(), [("1", 0), ("2", 2)]);
}

#[test]
fn a_paused_deployment_does_not_roll_but_scales() {
    let mut world = World::new(2);
    world.settle();
    world.deployment.spec.as_mut().expect("a spec").paused = Some(true);
    world.template("two");
    world.deployment.spec.as_mut().expect("a spec").replicas = Some(5);
    world.settle();
    assert_eq!(world.sizes(), [("1", 5)]);
    assert_eq!(world.condition("Progressing"), ("Unknown", "DeploymentPaused"));
    world.now += 10_000;
    world.settle();
    assert_eq!(world.condition("Progressing"), ("Unknown", "DeploymentPaused"));
    world.deployment.spec.as_mut().expect("a spec").paused = None;
    world.changed();
    world.settle();
    assert_eq!(world.sizes(), [("1", 0), ("2", 5)]);
}

#[test]
fn history_is_bounded() {
    let mut world = World::new(1);
    world.deployment.spec.as_mut().expect("a spec").revision_history_limit = Some(2);
    for template in ["one", "two", "three", "four", "five"] {
        world.template(template);
        world.settle();
    }
    assert_eq!(world.sizes(), [("3", 0), ("4", 0), ("5", 1)]);
}

#[test]
fn what_keeps_pods_from_being_made_is_shown() {
    let mut world = World::new(2);
    world.sync();
    let failure =
        json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]);
    world.fail("web-1", &failure);
    world.sync();
    assert_eq!(world.condition("ReplicaFailure"), ("True", "FailedCreate"));
    world.fail("web-1", &json!(null));
    world.settle();
    assert_eq!(world.condition("ReplicaFailure"), ("", ""));
}

#[test]
fn the_template_is_known_again_however_it_is_written() {
    let world = World::new(1);
    let mut written = world.deployment.spec.as_ref().expect("a spec").template.clone();
    let known = revision::template(&written);
    let container = &mut written.spec.as_mut().expect("a spec").containers[0];
    container.resources = Some(k8s_openapi::api::core::v1::ResourceRequirements::default());
    let labels = written.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert("pod-template-hash".to_owned(), "abc".to_owned());
    assert_eq!(revision::template(&written), known);
}
