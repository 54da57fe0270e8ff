//! Tests of Jobs from their first Pod to their end, against a small world that may crash between any two writes.

mod endings;
mod indexed;
mod world;

use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

use world::World;

#[test]
fn a_job_runs_as_many_pods_as_it_is_to_complete() {
    let mut world = World::new(&json!({"completions": 3, "parallelism": 2}));
    world.sync();
    assert_eq!(world.active(), 2);
    world.succeed_one();
    world.settle();
    assert_eq!((world.active(), world.status().succeeded), (2, Some(1)));
    world.succeed_one();
    world.settle();
    assert_eq!((world.active(), world.status().succeeded), (1, Some(2)));
    world.succeed_one();
    world.settle();
    assert_eq!(world.conditions(), ["SuccessCriteriaMet", "Complete"]);
    assert_eq!((world.status().succeeded, world.status().active), (Some(3), None));
    assert!(world.status().completion_time.is_some());
    assert_eq!(world.told, ["Completed"]);
    assert!(world.tracked().is_empty());
}

#[test]
fn without_completions_the_first_success_ends_it() {
    let mut world = World::new(&json!({"parallelism": 3}));
    world.settle();
    assert_eq!(world.active(), 3);
    world.succeed_one();
    world.settle();
    assert_eq!((world.active(), world.conditions()), (2, vec![]));
    world.succeed_one();
    world.succeed_one();
    world.settle();
    assert_eq!(
        (world.status().succeeded, world.conditions()),
        (Some(3), vec!["SuccessCriteriaMet", "Complete"])
    );
}

#[test]
fn failures_are_tried_again_after_waits_that_grow_until_the_limit() {
    let mut world = World::new(&json!({"completions": 1, "parallelism": 1, "backoffLimit": 2}));
    let mut waits = Vec::new();
    world.settle();
    for _ in 0..2 {
        world.fail_one(1);
        world.settle();
        assert_eq!(world.active(), 0);
        let wait = world.next.expect("a wait");
        waits.push(wait.as_secs());
        world.now += i64::try_from(wait.as_secs()).expect("short");
        world.settle();
        assert_eq!(world.active(), 1);
    }
    assert_eq!(waits, [10, 20]);
    world.fail_one(1);
    world.settle();
    assert_eq!(world.conditions(), ["FailureTarget", "Failed"]);
    assert_eq!(
        (world.status().failed, world.told.as_slice()),
        (Some(3), ["BackoffLimitExceeded".to_owned()].as_slice())
    );
}

#[test]
fn a_suspended_job_has_no_pods() {
    let mut world = World::new(&json!({"completions": 2, "parallelism": 2, "suspend": true}));
    world.settle();
    assert_eq!((world.active(), world.status().start_time.is_none()), (0, true));
    world.spec().suspend = Some(false);
    world.now += 100;
    world.settle();
    assert_eq!(
        (world.active(), world.status().start_time.as_ref().map(|time| time.0.as_second())),
        (2, Some(1100))
    );
    world.spec().suspend = Some(true);
    world.settle();
    assert_eq!((world.active(), world.status().failed), (0, None), "what is suspended has not failed");
    assert_eq!(world.told, ["Suspended", "Resumed", "Suspended"]);
}

#[test]
fn less_parallelism_takes_pods_away() {
    let mut world = World::new(&json!({"completions": 10, "parallelism": 5}));
    world.settle();
    world.spec().parallelism = Some(2);
    world.settle();
    assert_eq!((world.active(), world.status().failed), (2, None));
    world.spec().parallelism = Some(0);
    world.settle();
    assert_eq!((world.active(), world.conditions()), (0, vec![]));
}

#[test]
fn a_pod_that_ends_is_replaced_at_once_or_when_it_has_ended() {
    for (policy, replaced) in [("TerminatingOrFailed", 2), ("Failed", 1)] {
        let mut world =
            World::new(&json!({"completions": 2, "parallelism": 2, "podReplacementPolicy": policy}));
        world.settle();
        world.evict_one();
        world.now += 60;
        world.sync();
        world.sync();
        assert_eq!(world.active(), replaced, "{policy}");
    }
}

#[test]
fn an_ended_job_is_kept_for_its_time() {
    let mut world = World::new(&json!({"completions": 1, "parallelism": 1, "ttlSecondsAfterFinished": 30}));
    assert_eq!(world.kept_for(), None);
    world.settle();
    world.succeed_one();
    world.settle();
    assert_eq!(world.kept_for(), Some(Duration::from_secs(30)));
    world.now += 31;
    assert_eq!(world.kept_for(), Some(Duration::ZERO));
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    let mut world = World::new(&json!({"completions": 4, "parallelism": 2, "activeDeadlineSeconds": 10_000}));
    world.settle();
    world.succeed_one();
    world.settle();
    for _ in 0..10 {
        world.now += 10;
        assert!(!world.sync(), "a write without need");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever Pods do and wherever a sync is broken off, every Pod is counted once, never more run than may, and the
    /// Job ends with as many successes as asked for, or fails beyond its limit.
    #[test]
    fn every_pod_is_counted_once(
        completions in 1_i32..6,
        parallelism in 1_i32..4,
        indexed: bool,
        moves in proptest::collection::vec((0_u8..3, 0_usize..4), 0..40),
    ) {
        let mode = if indexed { "Indexed" } else { "NonIndexed" };
        let mut world = World::new(&json!({
            "completions": completions, "parallelism": parallelism, "backoffLimit": 3, "completionMode": mode,
        }));
        let mut seen = (0, 0);
        for (what, writes) in moves {
            match what {
                0 => seen.0 += world.succeed_one(),
                1 => seen.1 += world.fail_one(1),
                _ => {}
            }
            world.sync_broken_off(writes);
            world.now += 700;
            prop_assert!(world.active() <= usize::try_from(parallelism).expect("few"));
        }
        for _ in 0..20 {
            world.settle();
            world.now += 700;
            seen.0 += world.succeed_one();
        }
        world.settle();
        let status = world.status();
        let (succeeded, failed) = (status.succeeded.unwrap_or(0), status.failed.unwrap_or(0));
        prop_assert_eq!(succeeded, seen.0);
        prop_assert!(world.tracked().is_empty());
        if seen.1 > 3 {
            // What still ran when the Job failed has failed with it.
            prop_assert!((seen.1..seen.1 + parallelism).contains(&failed), "{} for {}", failed, seen.1);
            prop_assert!(world.conditions().ends_with(&["Failed"]), "{:?}", world.conditions());
        } else {
            prop_assert_eq!(failed, seen.1);
            prop_assert_eq!(world.conditions(), vec!["SuccessCriteriaMet", "Complete"]);
            prop_assert_eq!(seen.0, completions);
        }
        prop_assert!(!world.sync());
    }
}
