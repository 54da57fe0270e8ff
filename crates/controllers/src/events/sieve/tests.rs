//! Tests that repeated Events are counted, and that no object has more than its share.

use std::sync::Arc;

use stanchion_informers::Key;

use super::super::Regarding;
use super::*;

fn said(uid: &str, message: &str) -> Said {
    let object = Regarding {
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        key: Key::new("default", "web"),
        uid: uid.to_owned(),
        resource_version: String::new(),
    };
    Said {
        controller: "test",
        kind: "Normal",
        reason: "SuccessfulCreate".to_owned(),
        message: message.to_owned(),
        object: Arc::new(object),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

#[test]
fn the_same_is_counted_and_what_differs_is_told() {
    let mut sieve = Sieve::default();
    let Verdict::First { name } = sieve.pass(&said("a", "one"), at(10)) else { panic!("is new") };
    assert_eq!(sieve.pass(&said("a", "one"), at(11)), Verdict::Again { name, count: 2 });
    assert!(matches!(sieve.pass(&said("a", "two"), at(12)), Verdict::First { .. }));
    assert!(matches!(sieve.pass(&said("b", "one"), at(13)), Verdict::First { .. }));
    sieve.forget(&said("a", "one"));
    assert!(matches!(sieve.pass(&said("a", "one"), at(14)), Verdict::First { .. }));
}

#[test]
fn an_object_has_a_share_that_comes_back() {
    let mut sieve = Sieve::default();
    let written =
        (0..100).filter(|i| sieve.pass(&said("a", &i.to_string()), at(0)) != Verdict::TooMany).count();
    assert_eq!(written, 25);
    assert_eq!(sieve.pass(&said("a", "late"), at(299)), Verdict::TooMany);
    assert!(matches!(sieve.pass(&said("a", "late"), at(301)), Verdict::First { .. }));
    assert!(matches!(sieve.pass(&said("b", "other"), at(0)), Verdict::First { .. }));
}
