use stanchion_doctor_core::{Member, Status};

use super::*;

const NOW: i64 = 1_800_000_000;

fn facts(in_use: u64) -> Facts {
    let mut facts = Facts::new(NOW);
    let status = Status { cluster: 7, in_use, ..Status::default() };
    facts.etcd.members = vec![Member { id: 171, status: Some(status), ..Member::default() }];
    facts
}

fn look(age: i64, in_use: u64) -> Look {
    Look { at: NOW - age, ..Look::of(&facts(in_use).etcd, NOW).expect("a member answered") }
}

#[test]
fn the_oldest_look_that_tells_something_is_compared_with() {
    let now = look(0, 900);
    let other = Look { cluster: "8".to_owned(), ..look(7_000, 1) };
    let looks =
        Looks { looks: vec![look(90_000, 1), look(3_600, 500), look(700, 800), look(60, 890), other] };
    assert_eq!(looks.before(&now), Some(&look(3_600, 500)));
    assert_eq!(
        Looks { looks: vec![look(599, 1), look(-700, 1)] }.before(&now),
        None,
        "too young, or to come"
    );
    let mut facts = facts(900);
    let reading = compare(&look(3_600, 500), "x".to_owned(), &mut facts);
    assert!(matches!(reading, Reading::Read { .. }), "{reading:?}");
    let growth = facts.etcd.members[0].growth;
    assert_eq!(growth, Some(Growth { over: Duration::from_hours(1), bytes: 400 }));
}

#[test]
fn a_member_that_is_new_has_no_growth() {
    let mut before = look(3_600, 500);
    before.in_use = BTreeMap::from([("1".to_owned(), 5)]);
    let mut facts = facts(900);
    let reading = compare(&before, "x".to_owned(), &mut facts);
    assert!(matches!(reading, Reading::Failed { .. }), "{reading:?}");
    assert_eq!(facts.etcd.members[0].growth, None);
}

#[test]
fn looks_are_remembered_for_a_day_and_not_more_often_than_each_minute() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("looks.json");
    let at = |at: i64| remembered(&path, &facts(5).etcd, at).expect("it is read and written");
    assert_eq!(at(NOW), None);
    assert_eq!(at(NOW + 59), None);
    assert_eq!(at(NOW + 600).map(|look| look.at), Some(NOW));
    assert_eq!(Looks::read(&path).expect("it is read").looks.len(), 2);
    assert_eq!(at(NOW + 90_000), None, "that is too long ago");
    assert_eq!(Looks::read(&path).expect("it is read").looks.len(), 1);
    fs::write(&path, "[]").expect("it is written");
    remembered(&path, &facts(5).etcd, NOW).expect_err("it is another file");
}
