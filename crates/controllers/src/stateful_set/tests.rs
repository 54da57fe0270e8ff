//! Tests of the order in which Pods come, go and are replaced, against a small world.

mod world;

use proptest::prelude::*;
use serde_json::json;

use super::identity;
use world::World;

#[test]
fn pods_come_in_order_each_after_the_one_before_is_available() {
    let mut world = World::new(3);
    assert!(world.sync());
    assert_eq!(world.names(), ["web-0"]);
    world.sync();
    assert_eq!(world.names(), ["web-0"], "the first is not available");
    world.start();
    world.sync();
    assert_eq!(world.names(), ["web-0", "web-1"]);
    world.settle();
    assert_eq!(world.names(), ["web-0", "web-1", "web-2"]);
    let claims: Vec<_> = world.claims.keys().cloned().collect();
    assert_eq!(claims, ["data-web-0", "data-web-1", "data-web-2"]);
    let status = world.status();
    assert_eq!((status.replicas, status.ready_replicas, status.updated_replicas), (3, Some(3), Some(3)));
    assert_eq!(status.current_revision, status.update_revision);
}

#[test]
fn a_pod_knows_who_it_is() {
    let mut world = World::new(1);
    world.set.spec.as_mut().expect("a spec").ordinals =
        Some(serde_json::from_value(json!({"start": 5})).expect("ordinals"));
    world.settle();
    let pod = serde_json::to_value(&*world.pods["web-5"]).expect("a Pod");
    assert_eq!(pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "web-5");
    assert_eq!(pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "5");
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("web-5"), &json!("members")));
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-5"}}])
    );
    assert_eq!(world.claims["data-web-5"].metadata.labels.as_ref().expect("labels")["app"], "web");
}

#[test]
fn names_are_read_strictly() {
    let mut world = World::new(1);
    world.settle();
    for (name, expected) in [
        ("web-7", Some(7)),
        ("web-07", None),
        ("web-", None),
        ("web-x", None),
        ("other-1", None),
        ("web-1-2", None),
    ] {
        let mut pod = (*world.pods["web-0"]).clone();
        pod.metadata.name = Some(name.to_owned());
        assert_eq!(identity::ordinal(&world.set, &pod), expected, "{name}");
    }
}

#[test]
fn pods_go_highest_first_and_claims_stay() {
    let mut world = World::new(3);
    world.settle();
    world.resize(1);
    world.sync();
    assert_eq!(world.ending(), ["web-2"]);
    world.sync();
    assert_eq!(world.ending(), ["web-2"], "one at a time");
    world.settle();
    assert_eq!(world.names(), ["web-0"]);
    assert_eq!(world.claims.len(), 3);
    assert!(world.claims.values().all(|claim| claim.metadata.owner_references.is_none()));
}

#[test]
fn claims_go_where_the_policy_says() {
    let mut world = World::new(2);
    world.set.spec.as_mut().expect("a spec").persistent_volume_claim_retention_policy = Some(
        serde_json::from_value(json!({"whenDeleted": "Delete", "whenScaled": "Delete"})).expect("a policy"),
    );
    world.settle();
    let owner = |world: &World, claim: &str| {
        let owners = world.claims[claim].metadata.owner_references.clone().unwrap_or_default();
        owners.iter().map(|owner| owner.kind.clone()).collect::<Vec<_>>()
    };
    assert_eq!(owner(&world, "data-web-1"), ["StatefulSet"]);
    world.resize(1);
    world.settle();
    assert_eq!(owner(&world, "data-web-0"), ["StatefulSet"]);
    assert_eq!(owner(&world, "data-web-1"), ["Pod"]);
    world.resize(2);
    world.settle();
    assert_eq!(world.names(), ["web-0"], "the claim of before is still there");
    world.claims.remove("data-web-1");
    world.settle();
    assert_eq!(world.names(), ["web-0", "web-1"]);
}

#[test]
fn an_update_goes_from_the_highest_to_the_partition() {
    let mut world = World::new(4);
    world.settle();
    let old = world.status().update_revision.clone();
    world.partition(2);
    world.template("two");
    world.sync();
    assert_eq!(world.ending(), ["web-3"]);
    world.settle();
    assert_eq!(world.images(), ["one", "one", "two", "two"]);
    assert_eq!((world.status().current_revision.clone(), world.status().updated_replicas), (old, Some(2)));
    world.delete("web-0");
    world.settle();
    assert_eq!(world.images(), ["one", "one", "two", "two"], "made as it was");
    world.partition(0);
    world.settle();
    assert_eq!(world.images(), ["two", "two", "two", "two"]);
    assert_eq!(world.status().current_revision, world.status().update_revision);
}

#[test]
fn a_bad_update_stops_at_the_first_and_an_undo_uses_the_old_revision() {
    let mut world = World::new(3);
    world.settle();
    world.bad = Some("bad".to_owned());
    world.template("bad");
    world.settle();
    assert_eq!(world.images(), ["one", "one", "bad"]);
    world.template("one");
    world.settle();
    assert_eq!(world.images(), ["one", "one", "bad"], "what does not become ready waits for somebody");
    world.delete("web-2");
    world.settle();
    assert_eq!(world.images(), ["one", "one", "one"]);
    let mut numbers: Vec<_> = world.revisions.values().map(|revision| revision.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn on_delete_waits_for_somebody() {
    let mut world = World::new(2);
    world.set.spec.as_mut().expect("a spec").update_strategy =
        Some(serde_json::from_value(json!({"type": "OnDelete"})).expect("a strategy"));
    world.settle();
    world.template("two");
    world.settle();
    assert_eq!(world.images(), ["one", "one"]);
    world.delete("web-1");
    world.settle();
    assert_eq!(world.images(), ["one", "two"]);
}

#[test]
fn in_parallel_all_come_and_go_at_once_but_are_replaced_one_by_one() {
    let mut world = World::new(3);
    world.set.spec.as_mut().expect("a spec").pod_management_policy = Some("Parallel".to_owned());
    world.sync();
    assert_eq!(world.names(), ["web-0", "web-1", "web-2"]);
    world.settle();
    world.template("two");
    world.sync();
    assert_eq!(world.ending(), ["web-2"]);
    world.settle();
    world.resize(0);
    world.sync();
    assert_eq!(world.ending(), ["web-0", "web-1", "web-2"]);
}

#[test]
fn a_pod_that_has_ended_is_made_again() {
    let mut world = World::new(2);
    world.settle();
    world.phase("web-0", "Failed");
    world.sync();
    assert_eq!(world.ending(), ["web-0"]);
    world.settle();
    assert_eq!(
        (world.names(), world.status().ready_replicas),
        (vec!["web-0".into(), "web-1".into()], Some(2))
    );
}

#[test]
fn a_pod_must_have_been_ready_for_a_while() {
    let mut world = World::new(2);
    world.set.spec.as_mut().expect("a spec").min_ready_seconds = Some(10);
    world.sync();
    world.start();
    world.sync();
    assert_eq!(world.names(), ["web-0"]);
    assert_eq!(world.next, Some(std::time::Duration::from_secs(10)));
    world.now += 10;
    world.sync();
    assert_eq!(world.names(), ["web-0", "web-1"]);
}

#[test]
fn history_is_bounded() {
    let mut world = World::new(1);
    world.set.spec.as_mut().expect("a spec").revision_history_limit = Some(1);
    for image in ["a", "b", "c", "d"] {
        world.template(image);
        world.settle();
    }
    let mut numbers: Vec<_> = world.revisions.values().map(|revision| revision.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In order, an update never makes more than one Pod unavailable, and everything comes to rest.
    #[test]
    fn never_more_than_one_is_missing(
        images in proptest::collection::vec(0_u8..3, 1..5),
        replicas in 1_i32..6,
        most in 1_usize..3,
    ) {
        let mut world = World::new(replicas);
        if most > 1 {
            world.max_unavailable(most);
        }
        world.settle();
        for image in images {
            world.template(&image.to_string());
            for _ in 0..50 {
                let missing = usize::try_from(replicas).expect("few") - world.available();
                prop_assert!(missing <= most, "{missing} are missing");
                if !world.sync() && !world.start() {
                    break;
                }
            }
            prop_assert!(world.images().iter().all(|known| *known == image.to_string()));
        }
        for _ in 0..5 {
            world.now += 100;
            prop_assert!(!world.sync(), "a write without need");
        }
    }
}
