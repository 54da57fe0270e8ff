use super::*;
use crate::facts::etcd::Alarm;

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
