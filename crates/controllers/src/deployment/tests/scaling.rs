//! Tests of another number of Pods in the middle of a rollout, and of leeway.

use proptest::prelude::*;
use serde_json::json;

use super::world::World;

#[test]
fn every_set_keeps_its_share() {
    let mut world = World::new(10);
    world.settle();
    world.template("two");
    world.bad = Some("2".to_owned());
    world.settle();
    assert_eq!(world.sizes(), [("1", 8), ("2", 5)]);
    world.resize(20);
    world.sync();
    // 25 in all, that is 12 more, of which the larger set gets what rounding leaves.
    assert_eq!(world.sizes(), [("1", 15), ("2", 10)]);
    world.resize(0);
    world.settle();
    assert_eq!(world.sizes(), [("1", 0), ("2", 0)]);
}

#[test]
fn a_lone_set_takes_the_whole_size() {
    let mut world = World::new(3);
    world.settle();
    world.resize(7);
    world.settle();
    assert_eq!(world.sizes(), [("1", 7)]);
    assert_eq!(world.events.last().map(String::as_str), Some("Scaled up replica set web-1 from 3 to 7"));
    world.resize(0);
    world.settle();
    world.resize(2);
    world.settle();
    assert_eq!(world.sizes(), [("1", 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked for in whatever order, it comes to rest with what was asked for last, and never beyond the
    /// leeway of the step before.
    #[test]
    fn rollouts_come_to_rest(
        steps in proptest::collection::vec((0_i32..12, 0_u8..3, 0_usize..6), 1..6),
        surge in 0_i32..4,
        unavailable in 0_i32..4,
    ) {
        let mut world = World::new(3);
        let rolling = json!({"maxSurge": surge, "maxUnavailable": unavailable});
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
        world.deployment.spec.as_mut().expect("a spec").strategy =
            Some(serde_json::from_value(strategy).expect("a strategy"));
        let mut last = (3, "zero".to_owned());
        for (replicas, template, moves) in steps {
            last = (replicas, format!("image-{template}"));
            world.template(&last.1);
            world.resize(replicas);
            for _ in 0..moves {
                world.sync();
                world.step(1);
            }
        }
        world.settle();
        let sizes = world.sizes();
        let running: Vec<_> = sizes.iter().filter(|(_, size)| *size != 0).collect();
        prop_assert_eq!(world.total(), last.0);
        prop_assert!(running.len() <= 1, "{:?}", sizes);
        prop_assert_eq!(world.condition("Progressing"), ("True", "NewReplicaSetAvailable"));
        prop_assert!(!world.sync());
    }
}
