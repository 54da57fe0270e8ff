use serde_json::json;
use stanchion_api::{DatabaseCluster, OPERATION, OperationState, ValidCluster, validate};
use stanchion_ha_core::Millis;
use stanchion_ha_core::manager::Outcome;

use super::{Asked, Record};

fn cluster(operation: &str) -> (DatabaseCluster, ValidCluster) {
    let object = json!({
        "apiVersion": "stanchion.dev/v1alpha1",
        "kind": "DatabaseCluster",
        "metadata": {
            "name": "orders", "namespace": "shop", "uid": "u", "generation": 1,
            "annotations": {OPERATION: operation},
        },
        "spec": {"engine": {"kind": "MariaDB"}, "instances": 3, "storage": {"size": "1Gi"}},
    });
    let object: DatabaseCluster = serde_json::from_value(object).expect("an object");
    let valid = validate(&object).expect("one that can work");
    (object, valid)
}

fn switchover(id: &str) -> (DatabaseCluster, ValidCluster) {
    cluster(&json!({"id": id, "kind": "switchover", "deadlineSeconds": 30}).to_string())
}

fn state(asked: &Asked) -> Option<OperationState> {
    asked.shown().map(|shown| shown.state)
}

#[test]
fn it_stands_in_the_store_before_it_is_begun() {
    let (object, valid) = switchover("a");
    let mut asked = Asked::default();
    asked.look(&object, &valid, None, Millis(1_000));
    let record = asked.unnoted().expect("something to write");
    assert_eq!(record, Record { id: "a".to_owned(), until: Millis(31_000), ended: None });
    asked.look(&object, &valid, None, Millis(2_000));
    assert_eq!(asked.unnoted(), Some(record), "until it is written");
    asked.noted();
    assert_eq!((asked.unnoted(), asked.shown()), (None, None));
    asked.tell(Outcome::Running("handing over".to_owned()));
    assert_eq!((asked.unnoted(), state(&asked)), (None, Some(OperationState::Running)));
}

#[test]
fn who_takes_over_gives_it_no_more_time() {
    let (object, valid) = switchover("a");
    let mut asked = Asked::default();
    let record = Record { id: "a".to_owned(), until: Millis(31_000), ended: None };
    asked.look(&object, &valid, Some(&record), Millis(30_000));
    assert_eq!(asked.current().map(|current| current.until), Some(Millis(31_000)));
    assert_eq!(asked.unnoted(), None);
    let (object, valid) = switchover("b");
    asked.look(&object, &valid, Some(&record), Millis(40_000));
    assert_eq!(asked.current().map(|current| current.until), Some(Millis(70_000)), "another request");
}

#[test]
fn what_became_of_it_stands_in_the_store_before_it_is_shown() {
    let (object, valid) = switchover("a");
    let mut asked = Asked::default();
    asked.look(&object, &valid, None, Millis(1_000));
    asked.noted();
    asked.tell(Outcome::Failed("orders-0 goes on".to_owned()));
    assert_eq!(state(&asked), None);
    let record = asked.unnoted().expect("something to write");
    assert_eq!(record.ended.as_ref().map(|ended| ended.state), Some(OperationState::Failed));
    asked.noted();
    assert_eq!((state(&asked), asked.current()), (Some(OperationState::Failed), None));
    for mut manager in [asked, Asked::default()] {
        manager.look(&object, &valid, Some(&record), Millis(2_000));
        assert_eq!((state(&manager), manager.current()), (Some(OperationState::Failed), None));
        assert_eq!(manager.unnoted(), None, "it is not begun once more");
    }
}

#[test]
fn what_was_not_done_after_all_is_not_told() {
    let (object, valid) = switchover("a");
    let mut asked = Asked::default();
    asked.look(&object, &valid, None, Millis(1_000));
    asked.noted();
    asked.tell(Outcome::Failed("orders-0 goes on".to_owned()));
    asked.retract();
    assert_eq!((asked.unnoted(), state(&asked)), (None, None));
    assert!(asked.current().is_some(), "it is still asked for");
}

#[test]
fn what_cannot_be_read_fails_and_stops_nothing_later() {
    let (object, valid) = cluster("{");
    let mut asked = Asked::default();
    asked.look(&object, &valid, None, Millis(0));
    assert_eq!((state(&asked), asked.current()), (Some(OperationState::Failed), None));
    let (object, valid) = switchover("a");
    asked.look(&object, &valid, None, Millis(0));
    assert!(asked.current().is_some());
}
