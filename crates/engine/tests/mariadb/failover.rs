//! Primaries that die, step down, and come back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use stanchion_engine::mariadb::{DemoteError, Recovery, offline, save_diverged};
use stanchion_ha_core::{Position, ServerId};

use crate::support::{DEADLINE, Server, until};

const TABLE: &str = "CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB";
const SUM: &str = "CHECKSUM TABLE d.t";

/// A primary whose only replica has stopped listening, with a commit that waits.
async fn fenced() -> Result<(Server, Server, Position)> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let replica = Server::replica(2, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t VALUES (1, 'acknowledged')").await?;
    let received = replica.instance.stop_receiving().await?;
    let client = primary.client();
    tokio::spawn(client.sql_owned("INSERT INTO d.t VALUES (2, 'not acknowledged')"));
    until("a commit waits", || async { Ok(primary.instance.semi_sync().await?.waiting_sessions == 1) })
        .await?;
    Ok((primary, replica, received))
}

async fn promote(replica: &Server) -> Result<Position> {
    replica.instance.apply_received(DEADLINE).await?;
    let base = replica.instance.promote(false).await?;
    replica.instance.set_writable().await?;
    replica.sql("INSERT INTO d.t VALUES (3, 'of the new primary')").await?;
    Ok(base)
}

#[tokio::test]
async fn what_nobody_acknowledged_is_saved_and_taken_back() -> Result<()> {
    let (mut old, new, received) = fenced().await?;
    old.process().kill_and_wait().await;
    assert_eq!(promote(&new).await?, received);
    let found = offline(&old.layout).await?;
    assert_eq!(found.logged, Position::at(ServerId(1), received.sequence() + 1));
    let saved = save_diverged(&old.layout, received).await?.context("there is something to save")?;
    let text = std::fs::read_to_string(&saved)?;
    assert!(text.contains("not acknowledged"), "{text}");
    assert!(!text.contains("@2='acknowledged'"), "{text}");
    let name = saved.file_name().context("it is a file")?.to_string_lossy().into_owned();
    assert!(name.ends_with(&format!("-{}.sql", found.logged)), "{name}");
    assert_eq!(save_diverged(&old.layout, found.logged).await?, None);
    old.start(Recovery::CutBack).await?;
    assert_eq!(old.instance.executed().await?, received, "{}", old.logged());
    old.follow(&new, true).await?;
    old.reaches(new.instance.executed().await?).await?;
    assert_eq!(old.sql(SUM).await?, new.sql(SUM).await?);
    Ok(())
}

#[tokio::test]
async fn what_nobody_acknowledged_is_kept_if_it_may_be_wanted() -> Result<()> {
    let (mut old, _replica, received) = fenced().await?;
    old.process().kill_and_wait().await;
    old.start(Recovery::Keep).await?;
    assert_eq!(old.instance.executed().await?.sequence(), received.sequence() + 1);
    assert_eq!(old.sql("SELECT COUNT(*) FROM d.t").await?, "2");
    Ok(())
}

#[tokio::test]
async fn who_diverged_is_told_that_it_needs_a_copy() -> Result<()> {
    let (mut old, new, _) = fenced().await?;
    old.process().kill_and_wait().await;
    promote(&new).await?;
    old.start(Recovery::Keep).await?;
    old.instance.follow(&old.source(&new), true).await?;
    until("it needs a copy", || async {
        let replication = old.instance.replication().await?.context("it follows")?;
        Ok(replication.needs_copy())
    })
    .await
}

#[tokio::test]
async fn a_primary_steps_down_and_the_others_go_on() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let one = Server::replica(2, &primary, true).await?;
    let two = Server::replica(3, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary
        .sql(
            "INSERT INTO d.t VALUES (1, 'before'); CREATE USER app IDENTIFIED BY ''; GRANT ALL ON d.* TO app",
        )
        .await?;
    // A client in the middle of a transaction is cut.
    let client = tokio::spawn(
        primary
            .client()
            .user("app")
            .sql_owned("BEGIN; INSERT INTO d.t VALUES (9, 'never committed'); SELECT SLEEP(600)"),
    );
    let sleeping =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app' AND STATE = 'User sleep'";
    until("the client is in its transaction", || async { Ok(primary.sql(sleeping).await? == "1") }).await?;
    let end = primary.instance.demote_orderly(Duration::from_secs(5)).await?;
    assert_eq!(end, primary.instance.executed().await?);
    assert!(primary.instance.check().await?.read_only);
    assert!(tokio::time::timeout(DEADLINE, client).await??.is_err());
    one.reaches(end).await?;
    one.instance.stop_receiving().await?;
    assert_eq!(promote(&one).await?, end);
    primary.follow(&one, true).await?;
    two.follow(&one, true).await?;
    let written = one.instance.executed().await?;
    assert_eq!(written, Position::at(ServerId(2), end.sequence() + 1));
    for follower in [&primary, &two] {
        follower.reaches(written).await?;
        assert_eq!(follower.sql(SUM).await?, one.sql(SUM).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_primary_that_cannot_step_down_in_time_goes_on() -> Result<()> {
    let (primary, replica, _) = fenced().await?;
    let error =
        primary.instance.demote_orderly(Duration::from_millis(300)).await.expect_err("a commit waits");
    assert!(matches!(error, DemoteError::Undone(_)), "{error:?}");
    assert!(!primary.instance.check().await?.read_only);
    assert_eq!(primary.instance.semi_sync().await?.waiting_sessions, 1, "it must not return");
    assert!(primary.instance.follow(&primary.source(&replica), false).await.is_err(), "it is writable");
    Ok(())
}

#[tokio::test]
async fn what_a_killed_replica_acknowledged_is_applied_when_it_is_back() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let mut replica = Server::replica(2, &primary, true).await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t VALUES (0, 'applied')").await?;
    replica.reaches(primary.instance.executed().await?).await?;
    replica.sql("STOP SLAVE SQL_THREAD").await?;
    for number in 1..50 {
        primary.sql(&format!("INSERT INTO d.t VALUES ({number}, 'received')")).await?;
    }
    let written = primary.instance.executed().await?;
    assert_eq!(replica.instance.positions().await?.received, written);
    replica.process().kill_and_wait().await;
    primary.process().kill_and_wait().await;
    let found = offline(&replica.layout).await?;
    assert_eq!(found.received, written);
    assert!(found.logged.sequence() < written.sequence());
    replica.start(Recovery::Keep).await?;
    let drained = replica.instance.drain_relay_log(&replica.layout, DEADLINE).await;
    let drained = drained.with_context(|| replica.logged())?;
    assert_eq!(drained, written);
    assert_eq!(replica.sql("SELECT COUNT(*) FROM d.t").await?, "50");
    assert_eq!(replica.instance.promote(false).await?, written);
    assert_eq!(replica.instance.drain_relay_log(&replica.layout, DEADLINE).await?, written);
    Ok(())
}

#[tokio::test]
async fn promotion_refuses_to_throw_away_what_was_received() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let replica = Server::replica(2, &primary, true).await?;
    replica.reaches(primary.instance.executed().await?).await?;
    replica.sql("STOP SLAVE SQL_THREAD").await?;
    primary.instance.require_acknowledgements(true).await?;
    primary.sql("INSERT INTO d.t VALUES (1, 'received')").await?;
    let received = replica.instance.stop_receiving().await?;
    assert_eq!(received, primary.instance.executed().await?);
    assert!(replica.instance.promote(false).await.is_err());
    assert_eq!(replica.instance.apply_received(DEADLINE).await?, received);
    assert_eq!(replica.instance.promote(false).await?, received);
    Ok(())
}
