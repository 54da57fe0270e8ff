use std::time::Duration;

use crate::checks::{ALL, find};
use crate::facts::Facts;
use crate::facts::etcd::{
    Alarm, AlarmKind, Filler, Growth, Histogram, Keyspace, Member, Metrics, Peer, Settings, Snapshot, Status,
};
use crate::need::{Need, Reading};
use crate::severity::Severity;
use crate::{Finding, diagnose};

const MIB: u64 = 1 << 20;
const NOW: i64 = 1_800_000_000;

/// A distribution of which all took between half of `millis` and `millis`.
fn all_at(millis: f64) -> Histogram {
    let bound = millis / 1000.0;
    Histogram::new(vec![(bound / 2.0, 0), (bound, 1_000), (bound * 2.0, 1_000), (f64::INFINITY, 1_000)])
}

fn member(number: u64) -> Member {
    let peers = (1..=3).filter(|peer| *peer != number);
    Member {
        id: number,
        name: format!("m{number}"),
        status: Some(Status {
            endpoint: format!("https://m{number}:2379"),
            version: "3.5.26".to_owned(),
            size: 400 * MIB,
            in_use: 300 * MIB,
            leader: 1,
            raft_index: 1_000_000,
            raft_applied: 1_000_000,
            ..Status::default()
        }),
        metrics: Some(Metrics {
            source: format!("https://m{number}:2379/metrics"),
            quota: Some(2048 * MIB),
            wal_fsync: all_at(2.0),
            backend_commit: all_at(8.0),
            peers: peers.map(|id| Peer { id, is_active: Some(true), round_trip: all_at(1.0) }).collect(),
            revision: Some(5_000_000),
            compacted: Some(4_990_000),
            ..Metrics::default()
        }),
        growth: Some(Growth { over: Duration::from_hours(1), bytes: 100_000 }),
        settings: Some(Settings {
            source: "its command line".to_owned(),
            heartbeat: Duration::from_millis(100),
            election: Duration::from_secs(1),
        }),
        ..Member::default()
    }
}

/// Three members with nothing wrong.
fn healthy() -> Facts {
    let mut facts = Facts::new(NOW);
    facts.etcd.members = (1..=3).map(member).collect();
    let filler = |prefix: &str, mib: u64| Filler {
        prefix: format!("/registry/{prefix}/"),
        keys: 1_000,
        bytes: mib * MIB,
        writes: 2_000,
    };
    facts.etcd.keyspace = Some(Keyspace {
        source: "https://m1:2379".to_owned(),
        revision: 5_000_000,
        keys: 3_000,
        bytes: 250 * MIB,
        fillers: vec![filler("pods", 100), filler("events", 80), filler("leases", 70)],
        largest: Vec::new(),
    });
    facts.etcd.snapshot = Some(Snapshot { path: "/backup/x".to_owned(), at: NOW - 3_600, size: 400 * MIB });
    for need in [
        Need::EtcdStatus,
        Need::EtcdAlarms,
        Need::EtcdMetrics,
        Need::EtcdKeyspace,
        Need::EtcdGrowth,
        Need::EtcdSettings,
        Need::EtcdSnapshots,
    ] {
        facts.note(need, Reading::Read { source: "here".to_owned() });
    }
    facts
}

fn status(facts: &mut Facts, member: usize) -> &mut Status {
    facts.etcd.members[member].status.as_mut().expect("it has one")
}

fn metrics(facts: &mut Facts, member: usize) -> &mut Metrics {
    facts.etcd.members[member].metrics.as_mut().expect("they were read")
}

/// Makes one thing wrong, and returns what is found.
fn broken(breaking: impl Fn(&mut Facts)) -> Vec<Finding> {
    let mut facts = healthy();
    breaking(&mut facts);
    diagnose(&facts, ALL.iter().copied()).findings
}

/// Requires that exactly one finding comes of what is broken.
#[track_caller]
fn finds(id: &str, severity: Severity, breaking: impl Fn(&mut Facts)) -> Finding {
    let mut findings = broken(breaking);
    assert_eq!(findings.len(), 1, "{id}: {findings:#?}");
    let finding = findings.remove(0);
    assert_eq!((finding.check, finding.severity), (id, severity), "{finding:#?}");
    let gravest = find(id).map(|check| check.severity);
    assert!(gravest >= Some(severity), "{id} says that it reports no more than {gravest:?}");
    assert!(!finding.evidence.is_empty() && !finding.advice.is_empty(), "{finding:#?}");
    finding
}

#[test]
fn nothing_is_wrong_with_three_healthy_members() {
    let report = diagnose(&healthy(), ALL.iter().copied());
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let of_etcd = ALL.iter().filter(|check| check.id.starts_with("etcd/")).count();
    assert_eq!(report.run.len(), of_etcd);
}

#[test]
fn alarms() {
    let raise = |kind| {
        move |facts: &mut Facts| {
            facts.etcd.alarms = vec![Alarm { member: 2, kind }, Alarm { member: 3, kind }];
        }
    };
    let finding = finds("etcd/alarm", Severity::Critical, raise(AlarmKind::NoSpace));
    assert_eq!(finding.count, 2, "two members, one cause");
    let finding = finds("etcd/alarm", Severity::Critical, raise(AlarmKind::Corrupt));
    assert!(finding.advice.contains("do not compact"), "{finding:#?}");
}

#[test]
fn space() {
    let grow_to = |mib: u64| move |facts: &mut Facts| status(facts, 0).size = mib * MIB;
    // Also free, which is a check of its own.
    let of = |mib| broken(grow_to(mib)).into_iter().find(|finding| finding.check == "etcd/space");
    assert_eq!(of(1_600), None);
    assert_eq!(of(1_640).map(|finding| finding.severity), Some(Severity::Warning));
    assert_eq!(of(1_950).map(|finding| finding.severity), Some(Severity::Critical));
    let full = finds("etcd/space", Severity::Critical, |facts| {
        (status(facts, 0).size, status(facts, 0).in_use) = (2_000 * MIB, 1_900 * MIB);
    });
    assert!(full.advice.contains("will not do"), "{full:#?}");
}

#[test]
fn a_quota_that_nobody_says_is_the_default_and_that_of_the_status_counts_first() {
    let finding = finds("etcd/space", Severity::Warning, |facts| {
        metrics(facts, 0).quota = None;
        status(facts, 0).quota = Some(0);
        (status(facts, 0).size, status(facts, 0).in_use) = (1_700 * MIB, 1_200 * MIB);
    });
    assert!(finding.evidence[2].what.contains("the default"), "{finding:#?}");
    let none = broken(|facts| {
        status(facts, 0).quota = Some(8_192 * MIB);
        (status(facts, 0).size, status(facts, 0).in_use) = (1_700 * MIB, 1_200 * MIB);
    });
    assert!(none.is_empty(), "{none:#?}");
}

#[test]
fn a_quota_that_could_not_be_read_is_no_finding() {
    let none = broken(|facts| {
        facts.etcd.members[0].metrics = None;
        (status(facts, 0).size, status(facts, 0).in_use) = (3_000 * MIB, 2_900 * MIB);
    });
    assert!(none.is_empty(), "it may be 8 GiB: {none:#?}");
}

#[test]
fn fragmentation() {
    finds("etcd/fragmentation", Severity::Warning, |facts| status(facts, 2).in_use = 200 * MIB);
    let small = broken(|facts| (status(facts, 2).size, status(facts, 2).in_use) = (90 * MIB, MIB));
    assert!(small.is_empty(), "{small:#?}");
}

#[test]
fn growth() {
    let grow = |over, mib: i64| {
        move |facts: &mut Facts| {
            facts.etcd.members[0].growth = Some(Growth { over, bytes: mib * 1_048_576 });
        }
    };
    finds("etcd/growth", Severity::Critical, grow(Duration::from_hours(1), 600));
    finds("etcd/growth", Severity::Warning, grow(Duration::from_hours(1), 60));
    assert!(broken(grow(Duration::from_hours(1), -60)).is_empty());
    assert!(broken(grow(Duration::from_mins(1), 600)).is_empty(), "too short a look");
}

#[test]
fn fillers() {
    let finding = finds("etcd/fillers", Severity::Warning, |facts| {
        let keyspace = facts.etcd.keyspace.as_mut().expect("it was read");
        keyspace.fillers[0].bytes = 400 * MIB;
        keyspace.bytes = 550 * MIB;
    });
    assert_eq!(finding.evidence.len(), 3);
    assert!(finding.summary.contains("/registry/pods/"), "{finding:#?}");
}

#[test]
fn slow_disks() {
    finds("etcd/fsync", Severity::Warning, |facts| metrics(facts, 0).wal_fsync = all_at(40.0));
    finds("etcd/fsync", Severity::Critical, |facts| metrics(facts, 0).wal_fsync = all_at(900.0));
    finds("etcd/commit", Severity::Warning, |facts| metrics(facts, 0).backend_commit = all_at(60.0));
    finds("etcd/commit", Severity::Critical, |facts| metrics(facts, 0).backend_commit = all_at(700.0));
    let few = broken(|facts| metrics(facts, 0).wal_fsync = Histogram::new(vec![(0.5, 0), (1.0, 9)]));
    assert!(few.is_empty(), "nine say nothing: {few:#?}");
    let beyond = Histogram::new(vec![(8.192, 100), (f64::INFINITY, 1_000)]);
    finds("etcd/fsync", Severity::Critical, |facts| metrics(facts, 0).wal_fsync = beyond.clone());
}

#[test]
fn compaction() {
    finds("etcd/compaction", Severity::Warning, |facts| metrics(facts, 1).compacted = Some(0));
    let young =
        broken(|facts| (metrics(facts, 1).compacted, metrics(facts, 1).revision) = (Some(0), Some(5_000)));
    assert!(young.is_empty(), "{young:#?}");
}

#[test]
fn members() {
    finds("etcd/member", Severity::Critical, |facts| status(facts, 1).leader = 0);
    finds("etcd/member", Severity::Warning, |facts| status(facts, 1).raft_applied -= 3_000);
    finds("etcd/member", Severity::Critical, |facts| status(facts, 1).errors.push("it burns".to_owned()));
    let finding =
        finds("etcd/member", Severity::Critical, |facts| metrics(facts, 0).peers[1].is_active = Some(false));
    assert_eq!(finding.subject.name, "m3", "whom the leader does not reach");
    let follower = broken(|facts| metrics(facts, 1).peers[1].is_active = Some(false));
    assert!(follower.is_empty(), "only the leader's connections count: {follower:#?}");
    let silent = broken(|facts| (facts.etcd.members[2].status, facts.etcd.members[2].metrics) = (None, None));
    assert!(silent.is_empty(), "who could not be asked is no finding: {silent:#?}");
}

#[test]
fn quorum() {
    let finding = finds("etcd/quorum", Severity::Warning, |facts| facts.etcd.members.truncate(2));
    assert!(finding.summary.contains("than 1 would"), "{finding:#?}");
    finds("etcd/quorum", Severity::Info, |facts| facts.etcd.members.truncate(1));
    finds("etcd/quorum", Severity::Info, |facts| {
        let learner = Member { is_learner: true, ..member(4) };
        facts.etcd.members.push(learner);
    });
}

#[test]
fn snapshots() {
    finds("etcd/snapshot", Severity::Critical, |facts| facts.etcd.snapshot = None);
    let aged = |hours: i64| {
        move |facts: &mut Facts| facts.etcd.snapshot.as_mut().expect("there is one").at = NOW - hours * 3_600
    };
    finds("etcd/snapshot", Severity::Warning, aged(30));
    finds("etcd/snapshot", Severity::Critical, aged(200));
    assert!(broken(aged(-1)).is_empty(), "clocks differ");
}

#[test]
fn timing() {
    let far = |facts: &mut Facts| {
        for peer in &mut metrics(facts, 0).peers {
            peer.round_trip = all_at(160.0);
        }
    };
    let finding = finds("etcd/timing", Severity::Warning, far);
    assert!(finding.advice.contains("--heartbeat-interval=120 --election-timeout=1200"), "{finding:#?}");
    let unknown = broken(|facts| {
        far(facts);
        facts.etcd.members[0].settings = None;
    });
    let finding = finds("etcd/timing", Severity::Warning, |facts| {
        facts.etcd.members[2].settings.as_mut().expect("they were read").election = Duration::from_secs(5);
    });
    assert!(finding.summary.contains("different"), "{finding:#?}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn versions() {
    let of = |version: &'static str| {
        move |facts: &mut Facts| (0..3).for_each(|at| status(facts, at).version = version.to_owned())
    };
    let finding = finds("etcd/version", Severity::Warning, of("3.5.9"));
    assert_eq!((finding.count, finding.subject.name.as_str()), (3, "3.5.9"), "{finding:#?}");
    assert!(finding.advice.contains("3.5.26"), "where all of them are corrected: {finding:#?}");
    assert!(finding.evidence.iter().any(|evidence| evidence.what == "corrected in 3.5.23"), "{finding:#?}");
    let old = finds("etcd/version", Severity::Critical, of("3.5.1"));
    assert!(old.summary.contains("under load") && old.summary.contains(" more defects"), "{old:#?}");
    finds("etcd/version", Severity::Warning, of("3.6.4"));
    finds("etcd/version", Severity::Info, of("3.5.25"));
    assert!(broken(of("3.6.6")).is_empty() && broken(of("3.7.0")).is_empty());
    finds("etcd/version", Severity::Warning, of("3.4.45"));
    let mixed = broken(|facts| status(facts, 0).version = "3.4.38".to_owned());
    let mixed: Vec<_> = mixed.iter().map(|finding| finding.severity).collect();
    assert_eq!(mixed, [Severity::Warning, Severity::Info], "no corrections, and another minor than the rest");
    assert!(broken(of("unknown")).is_empty());
}
