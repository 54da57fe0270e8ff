//! Tests of what a change of a quota means.

use std::sync::Arc;

use serde_json::json;

use super::*;

fn quota(hard: &str, shown: &str, used: &str) -> Arc<ResourceQuota> {
    let value = json!({"spec": {"hard": {"pods": hard}}, "status": {"hard": {"pods": shown}, "used": {"pods": used}}});
    Arc::new(serde_json::from_value::<ResourceQuota>(value).expect("a quota"))
}

#[test]
fn a_quota_lets_in_more_when_it_is_raised_or_less_used() {
    let old = || quota("2", "2", "2");
    let modified = |new| Change::Modified { old: old(), new };
    let table = [
        ("nothing", modified(old()), false),
        ("raised", modified(quota("3", "2", "2")), true),
        ("raised in what is shown", modified(quota("2", "3", "2")), true),
        ("less used", modified(quota("2", "2", "1")), true),
        ("as much used, in other words", modified(quota("2", "2", "2000m")), false),
        ("more used", modified(quota("2", "2", "10")), false),
        ("new", Change::Added(old()), false),
        ("gone", Change::Deleted(old()), true),
    ];
    for (what, change, expected) in table {
        assert_eq!(may_let_in(&change), expected, "{what}");
    }
}
