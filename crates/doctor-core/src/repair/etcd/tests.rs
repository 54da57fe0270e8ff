use std::path::Path;

use super::*;
use crate::facts::Facts;
use crate::facts::etcd::{Alarm, AlarmKind, Disk};
use crate::need::{Need, Reading};

const GIB: u64 = 1 << 30;

/// Three members, of which the second leads.
fn facts(full: bool) -> Facts {
    let mut facts = Facts::new(0);
    facts.etcd.members = (1..=3)
        .map(|id| Member {
            id,
            name: format!("m{id}"),
            status: Some(Status {
                endpoint: format!("https://m{id}:2379"),
                version: "3.5.24".to_owned(),
                size: 2 * GIB,
                in_use: GIB,
                leader: 2,
                raft_index: 100,
                raft_applied: if id == 3 { 100 } else { 99 },
                ..Status::default()
            }),
            ..Member::default()
        })
        .collect();
    if full {
        facts.etcd.alarms = vec![Alarm { member: 3, kind: AlarmKind::NoSpace }];
    }
    for need in [Need::EtcdStatus, Need::EtcdAlarms] {
        facts.note(need, Reading::Read { source: "here".to_owned() });
    }
    facts
}

fn status(facts: &mut Facts) -> &mut Status {
    facts.etcd.members[0].status.as_mut().expect("it has one")
}

fn names(plan: &EtcdPlan) -> Vec<String> {
    let name = |step: &EtcdStep| match step {
        EtcdStep::Snapshot { .. } => "snapshot".to_owned(),
        EtcdStep::Compact { .. } => "compact".to_owned(),
        EtcdStep::Defragment { name, .. } => format!("defragment {name}"),
        EtcdStep::MoveLeader { name, .. } => format!("move to {name}"),
        EtcdStep::Disarm { members, .. } => format!("disarm {members:?}"),
        EtcdStep::Probe { .. } => "probe".to_owned(),
    };
    plan.steps.iter().map(name).collect()
}

#[test]
fn a_full_etcd_gets_the_whole_way_with_the_leader_last() {
    let plan = plan(&facts(true), Path::new("x.snap")).expect("nothing speaks against it");
    let expected = [
        "snapshot",
        "compact",
        "defragment m1",
        "defragment m3",
        "move to m3",
        "defragment m2",
        "disarm [3]",
        "probe",
    ];
    assert_eq!(names(&plan), expected);
    assert_eq!(plan.steps.len(), plan.previews.len());
    let pause = plan.previews[2].pause.as_deref();
    assert_eq!(pause, Some("requests to m1, about 6 s"));
    let EtcdStep::Probe { endpoint } = &plan.steps[7] else { panic!("{plan:?}") };
    assert_eq!(endpoint, "https://m3:2379", "the new leader");
}

#[test]
fn without_the_alarm_history_is_left_alone() {
    let plan = plan(&facts(false), Path::new("x.snap")).expect("nothing speaks against it");
    let expected = ["snapshot", "defragment m1", "defragment m3", "move to m3", "defragment m2", "probe"];
    assert_eq!(names(&plan), expected);
}

#[test]
fn one_member_has_nobody_to_move_to_and_learners_are_left_alone() {
    let mut facts = facts(true);
    facts.etcd.members[0].is_learner = true;
    facts.etcd.members.remove(2);
    facts.etcd.alarms[0].member = 2;
    let plan = plan(&facts, Path::new("x.snap")).expect("nothing speaks against it");
    assert_eq!(names(&plan), ["snapshot", "compact", "defragment m2", "disarm [2]", "probe"]);
}

#[test]
fn nothing_is_done_where_something_speaks_against_it() {
    let refused = |breaking: fn(&mut Facts), why: &str| {
        let mut facts = facts(true);
        breaking(&mut facts);
        let refusals = plan(&facts, Path::new("x.snap")).expect_err("it has to be refused");
        assert!(refusals.iter().any(|refusal| refusal.why.contains(why)), "{why:?} is not in {refusals:?}");
    };
    refused(|facts| facts.etcd.alarms[0].kind = AlarmKind::Corrupt, "CORRUPT");
    refused(|facts| facts.etcd.members[0].status = None, "m1 does not answer");
    refused(|facts| facts.etcd.members.clear(), "no member is known");
    refused(|facts| status(facts).leader = 0, "m1 knows no leader");
    refused(|facts| status(facts).version = "3.5.4".to_owned(), "is of version 3.5.4");
    refused(|facts| status(facts).version = "new".to_owned(), "is not a version");
    refused(|facts| status(facts).raft_index = 9_999, "left to apply");
    refused(
        |facts| {
            facts.note(
                Need::EtcdStatus,
                Reading::Partly { source: String::new(), missing: vec!["m4: late".to_owned()] },
            );
        },
        "m4: late",
    );
    refused(
        |facts| {
            facts.readings.remove(&Need::EtcdAlarms);
        },
        "were not read",
    );
}

fn selected(members: &[&str], when: Option<&str>) -> Selection {
    Selection {
        members: members.iter().map(|name| (*name).to_owned()).collect(),
        when: when.map(|rule| rule.parse().expect("it is a rule")),
    }
}

#[test]
fn members_are_defragmented_with_the_leader_last() {
    let all = plan_defragmentation(&facts(false), &Selection::default()).expect("nothing speaks against it");
    assert_eq!(names(&all.plan), ["defragment m1", "defragment m3", "move to m3", "defragment m2", "probe"]);
    assert_eq!(all.left_alone, []);
    let one =
        plan_defragmentation(&facts(false), &selected(&["m3"], None)).expect("nothing speaks against it");
    assert_eq!(names(&one.plan), ["defragment m3", "probe"], "the leader is not touched");
    let leader = plan_defragmentation(&facts(true), &selected(&["2"], None)).expect("by its id");
    assert_eq!(names(&leader.plan), ["move to m3", "defragment m2"], "no write passes while it is full");
}

#[test]
fn only_members_for_which_the_rule_holds_are_defragmented() {
    let mut facts = facts(false);
    status(&mut facts).in_use = GIB / 4;
    let chosen = plan_defragmentation(&facts, &selected(&[], Some("freeShare > 0.6"))).expect("a plan");
    assert_eq!(names(&chosen.plan), ["defragment m1", "probe"]);
    let left: Vec<_> = chosen.left_alone.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left, ["m2", "m3"]);
    assert!(chosen.left_alone[0].why.contains("1.0 GiB are free (50 %)"), "{chosen:?}");
    let none = plan_defragmentation(&facts, &selected(&[], Some("size > 8GiB"))).expect("a plan");
    assert!(none.plan.steps.is_empty());
    let unknown = plan_defragmentation(&facts, &selected(&["m1"], Some("quotaShare > 0.5")));
    assert!(unknown.expect_err("there are no metrics")[0].why.contains("the quota of m1"));
}

#[test]
fn who_cannot_be_defragmented_is_said() {
    let mut facts = facts(false);
    facts.etcd.members[0].is_learner = true;
    let all = plan_defragmentation(&facts, &Selection::default()).expect("the others can be");
    assert_eq!(names(&all.plan), ["defragment m3", "move to m3", "defragment m2", "probe"]);
    assert_eq!(all.left_alone[0].name, "m1");
    let learner = plan_defragmentation(&facts, &selected(&["m1"], None)).expect_err("it learns");
    assert!(learner[0].why.contains("m1 learns"));
    let stranger = plan_defragmentation(&facts, &selected(&["m7"], None)).expect_err("there is none");
    assert_eq!(stranger[0].why, "there is no member \"m7\"");
}

#[test]
fn a_disk_that_does_not_take_a_second_copy_is_left_alone() {
    let mut facts = facts(false);
    let disk = |free| Some(Disk { directory: "/var/lib/etcd".to_owned(), free });
    facts.etcd.members[2].disk = disk(GIB - 1);
    for refused in [
        plan(&facts, Path::new("x.snap")).map(drop),
        plan_defragmentation(&facts, &Selection::default()).map(drop),
    ] {
        let refusals = refused.expect_err("there is no room");
        assert!(refusals[0].why.contains("m3 writes 1.0 GiB anew"), "{refusals:?}");
    }
    plan_defragmentation(&facts, &selected(&["m1"], None)).expect("it is another's disk");
    facts.etcd.members[2].disk = disk(GIB);
    let plan = plan(&facts, Path::new("x.snap")).expect("there is room");
    assert!(plan.previews[2].what.contains("1.0 GiB are free on its disk"), "{plan:?}");
    assert!(plan.previews[1].what.contains("not known from here"), "{plan:?}");
}
