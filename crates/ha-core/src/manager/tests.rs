use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::history::{Era, History};
use crate::name::InstanceName;
use crate::position::{Position, ServerId};
use crate::report::{Database, Measures, Report, Role, Standing};
use crate::settings::{DataLoss, MemberSettings, Settings};
use crate::topology::{Acknowledgement, Cause, Term};

const NOW: Millis = Millis(100_000);
const REVISION: i64 = 50;
const TERM: Term = Term(4);

fn name(text: &str) -> InstanceName {
    InstanceName::new(text).expect("a name")
}

fn held(sequence: u64) -> Position {
    Position::at(ServerId::of_term(TERM), sequence)
}

/// A cluster of which everything is known at this moment.
struct Known {
    settings: Settings,
    topology: Topology,
    reports: BTreeMap<InstanceName, Seen>,
    operation: Option<Operation>,
}

impl Known {
    fn new(stage: Stage, sync_set: &[&str], reports: &[(&str, Report)]) -> Self {
        let server =
            |number: usize| MemberSettings { server: ServerId(u32::try_from(number + 1).expect("few")) };
        let members =
            reports.iter().enumerate().map(|(number, (of, _))| (name(of), server(number))).collect();
        let mut history = History::default();
        history.begin(Era { term: TERM, base: Position::START });
        let topology = Topology {
            term: TERM,
            stage,
            acknowledgement: Acknowledgement::Required,
            sync_set: sync_set.iter().map(|of| name(of)).collect(),
            history,
            ..Topology::forming()
        };
        let seen = |report: &Report| Seen { report: report.clone(), at: NOW, wall: NOW };
        let reports = reports.iter().map(|(of, report)| (name(of), seen(report))).collect();
        Self { settings: Settings::new(members), topology, reports, operation: None }
    }

    fn decide(&self) -> Decision {
        let pods = BTreeMap::new();
        let view = View {
            now: NOW,
            wall: NOW,
            since: Millis(0),
            settings: &self.settings,
            topology: &self.topology,
            revision: REVISION,
            reports: &self.reports,
            pods: &pods,
            operation: self.operation.as_ref(),
        };
        decide(&view, &mut Memory::default())
    }

    fn next(&self) -> Topology {
        let decision = self.decide();
        decision.topology.unwrap_or_else(|| panic!("nothing is written: {:?}", decision.waiting))
    }
}

fn report(role: Role, standing: Standing, at: Position) -> Report {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 3306));
    Report {
        server: ServerId(1),
        life: "1".to_owned(),
        number: 1,
        database_address: address,
        agent_address: address,
        seen: REVISION,
        database: Database::Running,
        role,
        fenced: TERM,
        received: at,
        applied: at,
        uncertain: false,
        apply_lag: Millis(0),
        apply_rate: None,
        standing,
        origin: None,
        leaving: false,
        measures: Measures::default(),
    }
}

fn primary(waiting: u64) -> Report {
    let role = Role::Primary {
        term: TERM,
        requires: Some(Position::START),
        barred: BTreeSet::new(),
        barred_at: Position::START,
        waiting: Millis(waiting),
    };
    report(role, Standing::Contained, held(5_000))
}

fn follower() -> Report {
    let role = Role::Follower {
        term: TERM,
        primary: name("a"),
        receiving: true,
        acknowledging: true,
        unheard: Millis(0),
        trouble: None,
    };
    report(role, Standing::Contained, held(5_000))
}

fn useless() -> Report {
    report(Role::Idle, Standing::NeedsCopy { why: "it diverged".to_owned(), saved: None }, held(4_000))
}

fn serving() -> Stage {
    Stage::Serving { primary: name("a") }
}

fn fencing() -> Stage {
    Stage::Fencing { from: name("a"), recall: true, to: None }
}

fn with_copy(mut known: Known) -> Known {
    known.topology.clones = [(name("b"), name("a"))].into();
    known
}

#[test]
fn a_primary_whose_commits_wait_for_its_own_copy_is_given_up() {
    let stuck = with_copy(Known::new(serving(), &[], &[("a", primary(6_000)), ("b", useless())]));
    let next = stuck.next();
    assert_eq!(next.stage, Stage::Fencing { from: name("a"), recall: true, to: None });
    assert_eq!(next.failover.map(|failover| failover.cause), Some(Cause::Unacknowledged));
}

#[test]
fn a_primary_is_kept_while_the_copy_can_end_or_somebody_acknowledges() {
    let stage_after = |known: Known| known.decide().topology.map(|next| next.stage);
    let idle = with_copy(Known::new(serving(), &[], &[("a", primary(0)), ("b", useless())]));
    assert_eq!(stage_after(idle), None, "no commit waits, so the copy comes to its end");
    let members = [("a", primary(6_000)), ("b", useless()), ("c", follower())];
    let followed = with_copy(Known::new(serving(), &["c"], &members));
    assert_eq!(stage_after(followed), None, "another follows and acknowledges");
    let mut paused = with_copy(Known::new(serving(), &[], &[("a", primary(6_000)), ("b", useless())]));
    paused.settings.paused = true;
    assert_eq!(stage_after(paused), None, "it is left to people");
}

#[test]
fn who_is_promoted_again_is_copied_first_where_nobody_could_follow() {
    let back = report(Role::Idle, Standing::Contained, held(5_000));
    let mut known = Known::new(fencing(), &[], &[("a", back.clone()), ("b", useless()), ("c", useless())]);
    let ordered = known.next();
    assert_eq!(ordered.stage, fencing(), "it does not write before somebody can acknowledge");
    assert_eq!(ordered.clones, [(name("b"), name("a"))].into(), "one at a time");

    known.topology = ordered;
    let waits = known.decide();
    assert_eq!((waits.topology.is_none(), waits.waiting.is_some()), (true, true), "the copy is under way");

    let copied = report(Role::Idle, Standing::Contained, held(5_000));
    known.reports.insert(name("b"), Seen { report: copied, at: NOW, wall: NOW });
    let promoted = known.next();
    assert_eq!(promoted.stage, Stage::Promoting { primary: name("a") });
    assert!(promoted.clones.is_empty());

    let follows = report(Role::Idle, Standing::Contained, held(4_999));
    let known = Known::new(fencing(), &[], &[("a", back), ("b", useless()), ("c", follows)]);
    assert_eq!(known.next().stage, Stage::Promoting { primary: name("a") }, "c can follow without a copy");
}

#[test]
fn a_member_that_lost_its_volume_leaves_the_sync_set() {
    let lost = Report { uncertain: true, ..report(Role::Idle, Standing::Empty, Position::START) };
    let known = Known::new(serving(), &["b"], &[("a", primary(0)), ("b", lost)]);
    assert_eq!(known.next().barred, BTreeSet::from([name("b")]));
}

#[test]
fn what_is_left_of_the_only_instance_serves_if_losing_writes_is_allowed() {
    let lost = Report { uncertain: true, ..report(Role::Idle, Standing::Empty, Position::START) };
    let mut known = Known::new(fencing(), &[], &[("a", lost)]);
    known.topology.history.begin(Era { term: TERM, base: held(10) });
    assert_eq!(known.decide().topology, None, "nothing is promoted that lost what was acknowledged");

    known.settings.data_loss = DataLoss::Allow;
    let mut memory = Memory::default();
    let pods = BTreeMap::new();
    let view = |now| View {
        now,
        wall: now,
        since: Millis(0),
        settings: &known.settings,
        topology: &known.topology,
        revision: REVISION,
        reports: &known.reports,
        pods: &pods,
        operation: None,
    };
    assert_eq!(decide(&view(NOW), &mut memory).topology, None, "it may yet find what it had");
    let later = NOW + known.settings.patience();
    let mut reports = known.reports.clone();
    for seen in reports.values_mut() {
        seen.at = later;
    }
    let next = decide(&View { reports: &reports, ..view(later) }, &mut memory).topology.expect("it goes on");
    assert_eq!(next.stage, Stage::Promoting { primary: name("a") });
    assert_eq!(next.history.base(), Position::START);
}

#[test]
fn volumes_of_different_older_clusters_are_not_taken_for_the_same() {
    let of = |server: u32, origin: Option<&str>, at: u64| {
        let (server, origin) = (ServerId(server), origin.map(str::to_owned));
        Report { server, origin, ..report(Role::Idle, Standing::Unknown, held(at)) }
    };
    let reports = [
        ("orders-0", of(1, Some("a"), 9)),
        ("orders-1", of(2, Some("b"), 9)),
        ("orders-2", of(3, Some("a"), 9)),
        ("orders-3", of(4, Some("a"), 8)),
        ("orders-4", of(5, None, 9)),
    ];
    let mut known = Known::new(Stage::Forming, &[], &reports);
    known.topology.history = History::default();
    let next = known.next();
    assert_eq!(next.stage, Stage::Promoting { primary: name("orders-0") });
    assert_eq!(next.origin.as_deref(), Some("a"));
    assert_eq!(next.sync_set, BTreeSet::from([name("orders-2")]));
}
