//! A primary and its replicas.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Signal, kill_process};
use stanchion_engine::mariadb::{Receiving, Recovery, ReplicationAccounts, Source};
use stanchion_ha_core::ServerId;

use crate::support::{Authority, DEADLINE, Server, accounts, freeze, until};

const TABLE: &str =
    "CREATE DATABASE d; CREATE TABLE d.t (a INT AUTO_INCREMENT PRIMARY KEY, b INT) ENGINE=InnoDB";

#[tokio::test]
async fn a_replica_receives_acknowledges_and_hears() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let from = primary.instance.require_acknowledgements(true).await?;
    assert_eq!(from, primary.instance.executed().await?);
    let replica = Server::replica(2, &primary, true).await?;
    primary.sql("INSERT INTO d.t (b) VALUES (1)").await?;
    let written = primary.instance.executed().await?;
    assert_eq!(replica.instance.positions().await?.received, written, "it has acknowledged it");
    replica.reaches(written).await?;
    let semi_sync = primary.instance.semi_sync().await?;
    assert_eq!((semi_sync.clients, semi_sync.waiting_sessions, semi_sync.waiting), (1, 0, Duration::ZERO));
    let threads = primary.instance.dump_threads().await?;
    assert_eq!(threads.iter().map(|thread| thread.server).collect::<Vec<_>>(), [ServerId(2)]);
    let replication = replica.instance.replication().await?.context("it follows")?;
    assert_eq!(replication.host, primary.config.address().ip().to_string());
    assert_eq!(replication.port, primary.config.address().port());
    assert!(replication.applying && replication.trouble().is_none());
    // Heartbeats are heard though nothing is written.
    until("silence is broken", || async {
        let unheard = |of: &Server| {
            let instance = of.instance.clone();
            async move { anyhow::Ok(instance.replication().await?.context("it follows")?.unheard) }
        };
        let before = unheard(&replica).await?;
        Ok(before > Duration::ZERO && unheard(&replica).await? == Duration::ZERO)
    })
    .await
}

#[tokio::test]
async fn a_fence_is_exact_and_what_was_received_is_applied() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let replica = Server::replica(2, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t (b) SELECT 1 FROM seq_1_to_100").await.ok();
    primary.sql("INSERT INTO d.t (b) VALUES (2)").await?;
    let written = primary.instance.executed().await?;
    let received = replica.instance.stop_receiving().await?;
    assert_eq!(received, written);
    // A commit that nobody acknowledges waits.
    let waiting = tokio::spawn(primary.client().sql_owned("INSERT INTO d.t (b) VALUES (3)"));
    until("it waits", || async { Ok(primary.instance.semi_sync().await?.waiting_sessions == 1) }).await?;
    until("time passes", || async { Ok(primary.instance.semi_sync().await?.waiting > Duration::ZERO) })
        .await?;
    assert!(!waiting.is_finished());
    assert_eq!(replica.instance.positions().await?.received, received, "it listens to nobody");
    assert_eq!(replica.instance.apply_received(DEADLINE).await?, received);
    let position = replica.instance.promote(true).await?;
    assert_eq!(position, received);
    assert!(replica.instance.check().await?.read_only);
    assert!(replica.instance.replication().await?.is_none());
    waiting.abort();
    Ok(())
}

#[tokio::test]
async fn who_is_barred_acknowledges_nothing_until_let_in() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let one = Server::replica(2, &primary, true).await?;
    let two = Server::replica(3, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t (b) VALUES (1)").await?;
    let before = primary.instance.executed().await?;
    let barred = BTreeSet::from([ServerId(2)]);
    assert_eq!(primary.instance.bar(&barred).await?, before);
    assert_eq!(primary.instance.executed().await?, before, "it writes nothing");
    assert_eq!(primary.instance.semi_sync().await?.clients, 1);
    until("it is refused", || async {
        let replication = one.instance.replication().await?.context("it follows")?;
        Ok(replication.receiving == Receiving::Connecting && replication.trouble().is_some())
    })
    .await?;
    primary.sql("INSERT INTO d.t (b) VALUES (2)").await?;
    two.reaches(primary.instance.executed().await?).await?;
    primary.instance.bar(&BTreeSet::new()).await?;
    one.reaches(primary.instance.executed().await?).await?;
    until("it acknowledges", || async { Ok(primary.instance.semi_sync().await?.clients == 2) }).await
}

#[tokio::test]
async fn a_nudge_frees_a_commit_that_was_received_before_acknowledging() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let replica = Server::replica(2, &primary, false).await?;
    primary.instance.require_acknowledgements(true).await?;
    let waiting = tokio::spawn(primary.client().sql_owned("INSERT INTO d.t (b) VALUES (1)"));
    until("it waits", || async { Ok(primary.instance.semi_sync().await?.waiting_sessions == 1) }).await?;
    replica.reaches(primary.instance.executed().await?).await?;
    replica.instance.set_acknowledge(true).await?;
    until("it acknowledges", || async { Ok(primary.instance.semi_sync().await?.clients == 1) }).await?;
    primary.instance.nudge();
    tokio::time::timeout(DEADLINE, waiting).await???;
    // Without anybody who acknowledges, nothing does.
    replica.instance.set_acknowledge(false).await?;
    until("it has stopped", || async { Ok(primary.instance.semi_sync().await?.clients == 0) }).await?;
    Ok(())
}

#[tokio::test]
async fn a_brake_slows_and_lets_go() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.instance.brake(Duration::from_micros(1500)).await?;
    let set = "SELECT CONCAT(@@binlog_commit_wait_usec, '/', @@binlog_commit_wait_count)";
    assert_eq!(primary.sql(set).await?, "1500/100000");
    primary.instance.brake(Duration::ZERO).await?;
    assert_eq!(primary.sql(set).await?, "0/0");
    Ok(())
}

#[tokio::test]
async fn a_fence_does_not_wait_for_a_primary_that_says_nothing() -> Result<()> {
    let mut replica = Server::new(2).await?;
    replica.start(Recovery::Keep).await?;
    let mut source = replica.source(&replica);
    let silent = std::net::TcpListener::bind((source.address.ip(), 0))?;
    source.address = silent.local_addr()?;
    replica.instance.follow(&source, true).await?;
    let begin = std::time::Instant::now();
    replica.instance.stop_receiving().await?;
    println!("the fence took {:?}", begin.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_fence_behind_a_frozen_primary_is_exact_and_can_be_lifted() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let replica = Server::replica(2, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t (b) VALUES (1)").await?;
    let written = primary.instance.executed().await?;
    let id = freeze(primary.process()).await?;
    let begin = std::time::Instant::now();
    let received = replica.instance.stop_receiving().await?;
    println!("the fence took {:?}", begin.elapsed());
    assert_eq!(received, written);
    kill_process(id, Signal::CONT)?;
    replica.instance.follow(&replica.source(&primary), true).await?;
    primary.sql("INSERT INTO d.t (b) VALUES (2)").await?;
    replica.reaches(primary.instance.executed().await?).await
}

#[tokio::test]
async fn replication_takes_a_certificate_of_the_clusters_authority() -> Result<()> {
    let (ours, others) = (Authority::new()?, Authority::new()?);
    let mut primary = Server::new(1).await?;
    primary.use_tls(ours.issue("1")?)?;
    primary.start(Recovery::Keep).await?;
    let accounts = ReplicationAccounts { certificate: true, ..accounts() };
    primary.instance.ensure_replication_accounts(&accounts).await?;
    primary.instance.promote(false).await?;
    primary.instance.set_writable().await?;
    primary.sql(TABLE).await?;
    let mut replica = Server::new(2).await?;
    replica.start(Recovery::Keep).await?;
    let (mine, strange) = (ours.issue("2")?, others.issue("2")?);
    for tls in [None, Some(&strange)] {
        let source = Source { tls: tls.cloned(), ..replica.source(&primary) };
        replica.instance.follow(&source, true).await?;
        until("it is refused", || async {
            let replication = replica.instance.replication().await?.context("it follows")?;
            Ok(replication.receive_trouble.is_some() && replication.receiving != Receiving::On)
        })
        .await?;
    }
    let source = Source { tls: Some(mine), ..replica.source(&primary) };
    replica.instance.follow(&source, true).await?;
    replica.reaches(primary.instance.executed().await?).await
}
