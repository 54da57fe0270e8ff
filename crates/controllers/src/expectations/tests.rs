//! Tests that what was made or deleted is waited for exactly once.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

fn pod(uid: &str, ends: bool) -> Arc<Pod> {
    let owner = OwnerReference { uid: "set".to_owned(), controller: Some(true), ..OwnerReference::default() };
    let mut pod = Pod::default();
    pod.metadata.uid = Some(uid.to_owned());
    pod.metadata.owner_references = Some(vec![owner]);
    pod.metadata.deletion_timestamp = ends.then(|| Time(at(0)));
    Arc::new(pod)
}

#[test]
fn creations_are_waited_for_whoever_is_first() {
    let expectations = Expectations::default();
    assert!(expectations.fulfilled("set", at(0)));
    expectations.begin("set");
    expectations.observe(&Change::Added(pod("early", false)));
    expectations.observe(&Change::Added(pod("short", false)));
    expectations.observe(&Change::Deleted(pod("short", false)));
    for uid in ["early", "short", "late"] {
        expectations.created("set", uid, at(0));
    }
    expectations.end("set");
    assert!(!expectations.fulfilled("set", at(1)), "one has not been shown");
    expectations.observe(&Change::Added(pod("other", false)));
    assert!(!expectations.fulfilled("set", at(1)), "another one does not count");
    expectations.observe(&Change::Added(pod("late", false)));
    assert!(expectations.fulfilled("set", at(1)));
}

#[test]
fn a_deletion_is_shown_by_its_mark_or_by_absence() {
    let expectations = Expectations::default();
    for uid in ["marked", "gone", "kept"] {
        expectations.deleting("set", uid, at(0));
    }
    expectations.observe(&Change::Modified { old: pod("marked", false), new: pod("marked", false) });
    expectations.observe(&Change::Deleted(pod("gone", false)));
    expectations.not_deleted("set", "kept");
    assert!(!expectations.fulfilled("set", at(1)));
    expectations.observe(&Change::Modified { old: pod("marked", false), new: pod("marked", true) });
    assert!(expectations.fulfilled("set", at(1)));
}

#[test]
fn nothing_is_waited_for_for_ever() {
    let expectations = Expectations::default();
    expectations.begin("set");
    expectations.created("set", "lost", at(0));
    expectations.end("set");
    assert!(!expectations.fulfilled("set", at(299)));
    assert!(expectations.fulfilled("set", at(300)));
}
