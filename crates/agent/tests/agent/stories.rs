//! What happens to a cluster, step by step.

use std::time::Duration;

use http::StatusCode;
use mysql_async::prelude::Queryable as _;
use rustix::process::Signal;
use stanchion_ha_core::{
    Acknowledgement, Database, Era, InstanceName, Position, Report, Role, ServerId, Stage, Standing, Term,
    Topology,
};

use super::bench::{Bench, UID, name, names, until};

/// A client that waits for this long is taken to wait for ever.
const WAITS: Duration = Duration::from_millis(700);

fn is_primary(report: &Report, of: u64) -> bool {
    report.is_running() && matches!(report.role, Role::Primary { term, .. } if term == Term(of))
}

fn follows(report: &Report, of: u64) -> bool {
    report.is_running()
        && matches!(&report.role, Role::Follower { term, receiving: true, trouble: None, .. } if *term == Term(of))
}

fn is_fenced(report: &Report, of: u64) -> bool {
    report.is_running() && report.fenced >= Term(of) && !report.uncertain
}

/// Promotes `primary` at `base`, with `sync` to acknowledge.
async fn promote(bench: &Bench, topology: &mut Topology, primary: usize, base: Position, sync: &[usize]) {
    topology.stage = Stage::Promoting { primary: name(primary) };
    topology.history.begin(Era { term: topology.term, base });
    topology.sync_set = names(sync);
    bench.want(topology).await;
    let term = topology.term.0;
    bench.reports(primary, "to be primary", |report| is_primary(report, term)).await;
    topology.stage = Stage::Serving { primary: name(primary) };
    bench.want(topology).await;
}

/// Starts instances and makes the first one primary of term 1, with the others in the sync set.
async fn form(count: usize) -> (Bench, Topology) {
    let bench = Bench::start(count).await;
    let mut topology = Topology::forming();
    bench.want(&topology).await;
    for ordinal in 0..count {
        bench
            .reports(ordinal, "to be empty", |report| {
                report.is_running() && report.standing == Standing::Empty
            })
            .await;
    }
    let sync: Vec<usize> = (1..count).collect();
    topology.term = Term(1);
    topology.acknowledgement = if count > 1 { Acknowledgement::Required } else { Acknowledgement::Alone };
    promote(&bench, &mut topology, 0, Position::START, &sync).await;
    for ordinal in sync {
        bench.reports(ordinal, "to follow", |report| follows(report, 1)).await;
    }
    let mut client = bench.connect(0).await;
    client.query_drop("CREATE TABLE numbers (number BIGINT PRIMARY KEY)").await.unwrap();
    insert(&bench, 0, 1).await;
    for ordinal in 0..count {
        bench.has_rows(ordinal, &[1]).await;
    }
    (bench, topology)
}

async fn insert(bench: &Bench, ordinal: usize, number: u64) {
    let mut client = bench.connect(ordinal).await;
    let insert = format!("INSERT INTO numbers VALUES ({number})");
    tokio::time::timeout(Duration::from_secs(30), client.query_drop(insert)).await.unwrap().unwrap();
}

/// Gives up `from`, and waits until all of `asked` have confirmed; returns the highest position among them.
async fn fence(bench: &Bench, topology: &mut Topology, from: usize, asked: &[usize]) -> Position {
    topology.term = topology.term.next();
    topology.stage = Stage::Fencing { from: name(from), recall: false, to: None };
    bench.want(topology).await;
    let term = topology.term.0;
    let mut highest = Position::START;
    for ordinal in asked {
        let report = bench.reports(*ordinal, "a fence", |report| is_fenced(report, term)).await;
        if report.received.sequence() > highest.sequence() {
            highest = report.received;
        }
    }
    highest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_replaced_and_follows() {
    let (bench, mut topology) = form(3).await;
    bench.signal(0, Signal::KILL);
    bench.reports(0, "its end", |report| matches!(report.database, Database::Ended { .. })).await;
    let base = fence(&bench, &mut topology, 0, &[1, 2]).await;
    // Whoever wrote does not start before somebody else is promoted.
    assert_eq!(bench.pid(0), None);
    promote(&bench, &mut topology, 1, base, &[2]).await;
    bench.reports(2, "to follow the new primary", |report| follows(report, 2)).await;
    insert(&bench, 1, 2).await;
    let report = bench.reports(0, "to follow the new primary", |report| follows(report, 2)).await;
    assert_eq!(report.standing, Standing::Contained);
    let of_term =
        |report: &Report| report.applied.0.is_some_and(|last| last.server == ServerId::of_term(Term(2)));
    bench.reports(1, "to write under the number of its term", of_term).await;
    topology.sync_set = names(&[0, 2]);
    bench.want(&topology).await;
    let acknowledges = |report: &Report| matches!(report.role, Role::Follower { acknowledging: true, .. });
    bench.reports(0, "to acknowledge", acknowledges).await;
    insert(&bench, 1, 3).await;
    for ordinal in 0..3 {
        bench.has_rows(ordinal, &[1, 2, 3]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_acknowledged_is_taken_back_or_saved() {
    let (bench, mut topology) = form(2).await;
    // The follower cannot receive what is written now.
    let blocked = bench.freeze(1);
    let mut client = bench.connect(0).await;
    let waiting = tokio::spawn(async move { client.query_drop("INSERT INTO numbers VALUES (7)").await });
    until("the commit waits", || async {
        let mut root = bench.root(0).await;
        let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%semi-sync ACK%'";
        root.query_first::<u64, _>(sql).await.unwrap().filter(|count| *count > 0)
    })
    .await;
    bench.signal(0, Signal::KILL);
    waiting.await.unwrap().expect_err("nobody acknowledged it");
    // What waits in its connection goes with its process.
    bench.signal(1, Signal::KILL);
    drop(blocked);
    bench.reports(0, "its end", |report| matches!(report.database, Database::Ended { .. })).await;
    let base = fence(&bench, &mut topology, 0, &[1]).await;
    topology.acknowledgement = Acknowledgement::Alone;
    promote(&bench, &mut topology, 1, base, &[]).await;
    let report = bench.reports(0, "to follow", |report| follows(report, 2)).await;
    assert_eq!(report.standing, Standing::Contained);
    insert(&bench, 1, 8).await;
    bench.has_rows(0, &[1, 8]).await;
    bench.has_rows(1, &[1, 8]).await;
    let saved = std::fs::read_dir(bench.volume(0).join("diverged")).unwrap().count();
    assert_eq!(saved, 1, "what was taken back is kept as a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_follower_keeps_what_it_acknowledged() {
    let (bench, mut topology) = form(2).await;
    // It receives and acknowledges, and applies nothing.
    bench.root(1).await.query_drop("STOP SLAVE SQL_THREAD").await.unwrap();
    for number in 2..10 {
        insert(&bench, 0, number).await;
    }
    assert_eq!(bench.rows(1).await.unwrap(), [1]);
    bench.signal(1, Signal::KILL);
    bench.signal(0, Signal::KILL);
    bench.reports(0, "its end", |report| matches!(report.database, Database::Ended { .. })).await;
    let base = fence(&bench, &mut topology, 0, &[1]).await;
    topology.acknowledgement = Acknowledgement::Alone;
    promote(&bench, &mut topology, 1, base, &[]).await;
    let all: Vec<u64> = (1..10).collect();
    bench.has_rows(1, &all).await;
    bench.reports(0, "to follow", |report| follows(report, 2)).await;
    bench.has_rows(0, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_can_be_taken_back_and_done() {
    let (bench, mut topology) = form(3).await;
    topology.stage = Stage::HandingOver { primary: name(0), to: name(1) };
    bench.want(&topology).await;
    let handed = |report: &Report| matches!(&report.role, Role::HandedOver(handed) if handed.term == Term(1));
    bench.reports(0, "to have handed over", handed).await;
    let mut client = bench.connect(0).await;
    client.query_drop("INSERT INTO numbers VALUES (2)").await.expect_err("it is read-only");
    topology.stage = Stage::Serving { primary: name(0) };
    bench.want(&topology).await;
    bench.reports(0, "to be primary again", |report| is_primary(report, 1)).await;
    insert(&bench, 0, 2).await;
    topology.stage = Stage::HandingOver { primary: name(0), to: name(1) };
    bench.want(&topology).await;
    let report = bench.reports(0, "to have handed over", handed).await;
    let Role::HandedOver(handed) = report.role else { panic!("it has not") };
    bench.reports(1, "to hold it all", |report| report.received == handed.position).await;
    topology.term = Term(2);
    promote(&bench, &mut topology, 1, handed.position, &[2]).await;
    bench.reports(0, "to follow", |report| follows(report, 2)).await;
    insert(&bench, 1, 3).await;
    bench.has_rows(0, &[1, 2, 3]).await;
    assert!(!bench.volume(0).join("wrote").exists(), "it handed over");
    assert!(bench.volume(1).join("wrote").exists(), "it writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_waits_keeps_no_old_primary_from_following() {
    let (bench, mut topology) = form(3).await;
    topology.stage = Stage::HandingOver { primary: name(0), to: name(1) };
    bench.want(&topology).await;
    let handed = |report: &Report| matches!(&report.role, Role::HandedOver(handed) if handed.term == Term(1));
    bench.reports(0, "to have handed over", handed).await;
    let base = fence(&bench, &mut topology, 0, &[1, 2]).await;
    // An administrator may write in spite of it, and waits for an acknowledgement that will never come.
    let mut root = bench.root(0).await;
    let waits = tokio::spawn(async move { root.query_drop("INSERT INTO app.numbers VALUES (2)").await });
    promote(&bench, &mut topology, 1, base, &[2]).await;
    insert(&bench, 1, 3).await;
    let saved = |report: &Report| matches!(report.standing, Standing::NeedsCopy { saved: Some(_), .. });
    bench.reports(0, "that what nobody acknowledged is saved", saved).await;
    assert!(!waits.is_finished(), "the commit waits");
    topology.clones.insert(name(0), name(1));
    bench.want(&topology).await;
    bench.reports(0, "to hold a copy", |report| report.standing == Standing::Contained).await;
    topology.clones.clear();
    bench.want(&topology).await;
    bench.reports(0, "to follow", |report| follows(report, 2)).await;
    bench.has_rows(0, &[1, 3]).await;
    waits.await.unwrap().expect_err("nobody acknowledged it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_primary_wakes_up_harmless() {
    let (bench, mut topology) = form(3).await;
    let mut client = bench.connect(0).await;
    let frozen = bench.freeze(0);
    let waiting = tokio::spawn(async move { client.query_drop("INSERT INTO numbers VALUES (2)").await });
    let base = fence(&bench, &mut topology, 0, &[1, 2]).await;
    promote(&bench, &mut topology, 1, base, &[2]).await;
    bench.reports(2, "to follow", |report| follows(report, 2)).await;
    insert(&bench, 1, 3).await;
    // As long as the frozen one would be missed, so that it knows when it wakes up.
    tokio::time::sleep(Duration::from(bench.interval) * 6).await;
    let old = bench.pid(0);
    drop(frozen);
    if let Some(old) = old {
        rustix::process::kill_process(old, Signal::CONT).unwrap();
    }
    waiting.await.unwrap().expect_err("nobody acknowledged it");
    bench.reports(0, "to follow", |report| follows(report, 2)).await;
    assert_ne!(bench.pid(0), old);
    bench.has_rows(0, &[1, 3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_database_is_reported_and_ended_for_a_newer_term() {
    let (bench, mut topology) = form(2).await;
    bench.signal(0, Signal::STOP);
    let hangs = |report: &Report| matches!(report.database, Database::Unresponsive { since } if Duration::from(since) > WAITS);
    bench.reports(0, "that it hangs", hangs).await;
    let base = fence(&bench, &mut topology, 0, &[1]).await;
    topology.acknowledgement = Acknowledgement::Alone;
    promote(&bench, &mut topology, 1, base, &[]).await;
    bench.reports(0, "to follow", |report| follows(report, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barred_follower_is_refused_until_it_is_let_in() {
    let (bench, mut topology) = form(3).await;
    topology.barred = names(&[2]);
    bench.want(&topology).await;
    let bars =
        |report: &Report| matches!(&report.role, Role::Primary { barred, .. } if *barred == names(&[2]));
    let report = bench.reports(0, "whom it bars", bars).await;
    let Role::Primary { barred_at, .. } = report.role else { panic!("it is primary") };
    bench.reports(1, "to hold what was written then", |report| report.received.reaches(barred_at)).await;
    bench
        .reports(2, "not to receive", |report| {
            matches!(report.role, Role::Follower { receiving: false, acknowledging: false, .. })
        })
        .await;
    insert(&bench, 0, 2).await;
    topology.sync_set = names(&[1]);
    topology.barred.clear();
    bench.want(&topology).await;
    bench.reports(2, "to follow again", |report| follows(report, 1)).await;
    bench.has_rows(2, &[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_copied_from_another() {
    let (mut bench, mut topology) = form(2).await;
    bench.settings(3).await;
    let me: InstanceName = name(2);
    topology.clones.insert(me.clone(), name(1));
    bench.want(&topology).await;
    bench.launch(2);
    let copied = |report: &Report| {
        report.is_running() && report.standing == Standing::Contained && report.applied != Position::START
    };
    bench.reports(2, "to hold a copy", copied).await;
    topology.clones.clear();
    topology.sync_set = names(&[1, 2]);
    bench.want(&topology).await;
    bench.reports(2, "to follow", |report| follows(report, 1)).await;
    insert(&bench, 0, 2).await;
    bench.has_rows(2, &[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_leaves_hands_over_first() {
    let (mut bench, mut topology) = form(2).await;
    bench.ask_to_end(0);
    bench.reports(0, "that it leaves", |report| report.leaving && is_primary(report, 1)).await;
    insert(&bench, 0, 2).await;
    topology.stage = Stage::HandingOver { primary: name(0), to: name(1) };
    bench.want(&topology).await;
    let handed =
        bench.reports(0, "to have handed over", |report| matches!(report.role, Role::HandedOver(_))).await;
    bench.reports(1, "to hold it all", |report| report.received == handed.applied).await;
    topology.term = Term(2);
    topology.acknowledgement = Acknowledgement::Alone;
    promote(&bench, &mut topology, 1, handed.applied, &[]).await;
    bench.ended(0).await;
    assert_eq!(bench.pid(0), None);
    assert!(!bench.volume(0).join("wrote").exists());
    // It comes back as what it is asked to be.
    bench.launch(0);
    bench.reports(0, "to follow", |report| follows(report, 2) && !report.leaving).await;
    bench.has_rows(0, &[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_sees_nobody_ends_its_database_and_waits() {
    let (mut bench, _topology) = form(2).await;
    bench.lose_store().await;
    // Without the store alone it goes on: nobody can have promoted anybody.
    tokio::time::sleep(Duration::from(bench.interval) * 8).await;
    assert!(bench.pid(0).is_some());
    insert(&bench, 0, 2).await;
    let follower = bench.freeze(1);
    bench.signal(1, Signal::KILL);
    until("the primary is ended", || async { bench.pid(0).is_none().then_some(()) }).await;
    drop(follower);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_tells_everybody_of_health_and_members_of_the_rest() {
    let (bench, _topology) = form(2).await;
    for ordinal in 0..2 {
        assert_eq!(bench.ask(ordinal, "/livez", false).await.0, StatusCode::OK);
        until("it is ready", || async {
            (bench.ask(ordinal, "/readyz", false).await.0 == StatusCode::OK).then_some(())
        })
        .await;
        for path in ["/metrics", "/copy"] {
            assert_eq!(bench.ask(ordinal, path, false).await.0, StatusCode::FORBIDDEN);
        }
        assert_eq!(bench.ask(ordinal, "/", true).await.0, StatusCode::NOT_FOUND);
    }
    let (status, metrics) = bench.ask(0, "/metrics", true).await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "stanchion_agent_role{role=\"primary\"} 1",
        "stanchion_agent_term 1",
        "stanchion_agent_database_starts_total 1",
        "mariadb_up 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    bench.signal(1, Signal::STOP);
    until("it is not ready", || async {
        (bench.ask(1, "/readyz", false).await.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    assert_eq!(bench.ask(1, "/livez", false).await.0, StatusCode::OK, "the agent is not the database");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_volume_is_told_until_all_is_there_again() {
    let (mut bench, _topology) = form(2).await;
    bench.ask_to_end(1);
    bench.ended(1).await;
    std::fs::remove_dir_all(bench.volume(1)).unwrap();
    let life = bench.report(1).await.unwrap().life;
    // Nobody confirms that it has everything before it has.
    let primary = bench.freeze(0);
    bench.launch(1);
    bench
        .reports(1, "that it has lost something", |report| {
            report.life != life && report.is_running() && report.uncertain
        })
        .await;
    assert!(bench.volume(1).join("lost").exists());
    drop(primary);
    bench.signal(0, Signal::CONT);
    bench.reports(1, "to follow", |report| follows(report, 1) && !report.uncertain).await;
    bench.has_rows(1, &[1]).await;
    until("the marker goes", || async { (!bench.volume(1).join("lost").exists()).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_certificates_are_shown_without_a_restart() {
    let (bench, _topology) = form(2).await;
    let before = [bench.pid(0), bench.pid(1)];
    for ordinal in 0..2 {
        assert!(bench.shows_certificate(ordinal).await);
    }
    bench.renew_certificates();
    for ordinal in 0..2 {
        until("the new certificate is shown", || async {
            bench.shows_certificate(ordinal).await.then_some(())
        })
        .await;
    }
    assert_eq!([bench.pid(0), bench.pid(1)], before);
    insert(&bench, 0, 2).await;
    bench.has_rows(1, &[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_commits_of_its_source_hold_up_says_so_and_is_made_later() {
    let (mut bench, mut topology) = form(2).await;
    let blocked = bench.freeze(1);
    let mut client = bench.connect(0).await;
    let waiting = tokio::spawn(async move { client.query_drop("INSERT INTO numbers VALUES (2)").await });
    bench.settings(3).await;
    topology.clones.insert(name(2), name(0));
    bench.want(&topology).await;
    bench.launch(2);
    let says = |report: &Report| matches!(&report.database, Database::Preparing { what } if what.contains("commits have held it up"));
    bench.reports(2, "why there is no copy", says).await;
    drop(blocked);
    bench.signal(1, Signal::CONT);
    waiting.await.unwrap().unwrap();
    bench.reports(2, "to hold a copy", |report| report.standing == Standing::Contained).await;
}

/// Ends an instance, and has its volume name another cluster. Returns the life that ended.
async fn give_away(bench: &mut Bench, ordinal: usize, to: &str) -> String {
    bench.ask_to_end(ordinal);
    bench.ended(ordinal).await;
    let label = bench.volume(ordinal).join("cluster");
    assert_eq!(std::fs::read_to_string(&label).unwrap().trim(), UID);
    std::fs::write(label, to).unwrap();
    bench.report(ordinal).await.unwrap().life
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_another_cluster_are_not_joined_but_put_aside() {
    let (mut bench, mut topology) = form(2).await;
    let life = give_away(&mut bench, 1, "another-one").await;
    topology.sync_set.clear();
    topology.acknowledgement = Acknowledgement::Alone;
    bench.want(&topology).await;
    bench.launch(1);
    let says = |report: &Report| {
        let told = matches!(&report.standing, Standing::NeedsCopy { why, .. } if why.contains("another-one"));
        told && report.life != life && report.applied == Position::START
    };
    bench.reports(1, "whose data it has", says).await;
    assert_eq!(bench.pid(1), None);
    topology.clones.insert(name(1), name(0));
    bench.want(&topology).await;
    bench.reports(1, "to hold a copy", |report| report.standing == Standing::Contained).await;
    topology.clones.clear();
    bench.want(&topology).await;
    bench.reports(1, "to follow", |report| follows(report, 1)).await;
    insert(&bench, 0, 2).await;
    bench.has_rows(1, &[1, 2]).await;
    let volume = bench.volume(1);
    assert!(volume.join("data.of-another-one").join("app").exists(), "what was there is kept");
    assert_eq!(std::fs::read_to_string(volume.join("cluster")).unwrap().trim(), UID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_forms_goes_on_with_the_data_of_one_older_cluster() {
    let mut bench = Bench::start(3).await;
    let mut topology = Topology::forming();
    bench.want(&topology).await;
    let kept = ["another-one", "a-third", "another-one"];
    for (ordinal, of) in kept.into_iter().enumerate() {
        bench.reports(ordinal, "to run", Report::is_running).await;
        let life = give_away(&mut bench, ordinal, of).await;
        bench.launch(ordinal);
        let says = |report: &Report| {
            report.life != life && report.is_running() && report.origin.as_deref() == Some(of)
        };
        bench.reports(ordinal, "whose data it has", says).await;
    }
    let label =
        |bench: &Bench, ordinal| std::fs::read_to_string(bench.volume(ordinal).join("cluster")).unwrap();
    assert_eq!(label(&bench, 0), "another-one", "it is not decided yet");
    topology.term = Term(1);
    topology.origin = Some("another-one".to_owned());
    topology.acknowledgement = Acknowledgement::Alone;
    promote(&bench, &mut topology, 0, Position::START, &[]).await;
    let says = |report: &Report| matches!(&report.standing, Standing::NeedsCopy { why, .. } if why.contains("a-third"));
    bench.reports(1, "that its data do not belong", says).await;
    bench.reports(2, "to follow", |report| follows(report, 1)).await;
    for ordinal in [0, 2] {
        let ours = || async { (label(&bench, ordinal).trim() == UID).then_some(()) };
        until("the volume is the cluster's", ours).await;
        bench.reports(ordinal, "nothing of where it came from", |report| report.origin.is_none()).await;
    }
    assert_eq!(label(&bench, 1), "a-third");
    topology.clones.insert(name(1), name(0));
    bench.want(&topology).await;
    bench
        .reports(1, "to hold a copy", |report| {
            report.standing != Standing::Unknown && report.origin.is_none()
        })
        .await;
    assert!(bench.volume(1).join("data.of-a-third").exists(), "what was there is kept");
    assert_eq!(label(&bench, 1).trim(), UID);
}
