//! Tests of Jobs whose completions have indexes.

use serde_json::json;

use super::world::World;

#[test]
fn every_index_completes_once() {
    let mut world = World::new(&json!({"completions": 4, "parallelism": 2, "completionMode": "Indexed"}));
    world.settle();
    assert_eq!(world.indexes(), [0, 1]);
    world.succeed(1);
    world.settle();
    assert_eq!((world.indexes(), world.status().completed_indexes.as_deref()), (vec![0, 2], Some("1")));
    world.succeed(0);
    world.succeed(2);
    world.settle();
    world.succeed(3);
    world.settle();
    assert_eq!(
        (world.status().completed_indexes.as_deref(), world.status().succeeded),
        (Some("0-3"), Some(4))
    );
    assert_eq!(world.conditions(), ["SuccessCriteriaMet", "Complete"]);
}

#[test]
fn a_pod_knows_its_index() {
    let mut world = World::new(&json!({"completions": 1, "parallelism": 1, "completionMode": "Indexed"}));
    world.settle();
    let pod = serde_json::to_value(world.only()).expect("a Pod");
    assert_eq!(pod["metadata"]["generateName"], "work-0-");
    assert_eq!(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"], "0");
    assert_eq!(pod["spec"]["hostname"], "work-0");
    assert_eq!(
        pod["spec"]["containers"][0]["env"],
        json!([{"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {
            "fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']",
        }}}])
    );
}

#[test]
fn every_index_has_a_limit_of_its_own() {
    let mut world = World::new(&json!({
        "completions": 2, "parallelism": 2, "completionMode": "Indexed",
        "backoffLimit": i32::MAX, "backoffLimitPerIndex": 1,
    }));
    world.settle();
    world.fail(0);
    world.settle();
    assert_eq!(
        (world.indexes(), world.tracked().len()),
        (vec![1], 2),
        "the failed Pod is kept for its count"
    );
    world.now += 10;
    world.settle();
    assert_eq!((world.indexes(), world.status().failed), (vec![0, 1], Some(1)));
    world.fail(0);
    world.now += 1000;
    world.settle();
    assert_eq!((world.indexes(), world.status().failed_indexes.as_deref()), (vec![1], Some("0")));
    world.succeed(1);
    world.settle();
    assert_eq!(world.conditions(), ["FailureTarget", "Failed"]);
    assert_eq!(world.told, ["FailedIndexes"]);
    assert_eq!((world.status().failed, world.status().succeeded), (Some(2), Some(1)));
}

#[test]
fn too_many_failed_indexes_end_the_job() {
    let mut world = World::new(&json!({
        "completions": 4, "parallelism": 4, "completionMode": "Indexed",
        "backoffLimit": i32::MAX, "backoffLimitPerIndex": 0, "maxFailedIndexes": 1,
    }));
    world.settle();
    world.fail(0);
    world.settle();
    assert_eq!(world.conditions(), Vec::<&str>::new());
    world.fail(2);
    world.settle();
    assert_eq!((world.conditions(), world.active()), (vec!["FailureTarget", "Failed"], 0));
    assert_eq!(
        (world.status().failed_indexes.as_deref(), world.told.as_slice()),
        (Some("0,2"), ["MaxFailedIndexesExceeded".to_owned()].as_slice())
    );
}
