//! Copies.

use anyhow::{Context as _, Result};
use stanchion_engine::mariadb::{Backups, CopyError, Files, Recovery, Restore, settle};
use stanchion_ha_core::Position;
use tokio::io::AsyncReadExt as _;

use crate::support::{Server, until};

const TABLE: &str = "CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB";
const SUM: &str = "CHECKSUM TABLE d.t";

#[tokio::test]
async fn a_copy_of_a_primary_follows_it() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    primary.sql("INSERT INTO d.t VALUES (1, REPEAT('x', 60000))").await?;
    let mut other = Server::new(2).await?;
    other.start(Recovery::Keep).await?;
    other.sql("CREATE DATABASE of_the_past").await?;
    other.process().kill_and_wait().await;
    let taken = copy(&primary, &other).await?;
    assert_eq!(taken, primary.instance.executed().await?);
    assert_eq!(settle(&other.layout)?, Files::Present);
    other.start(Recovery::Keep).await?;
    let health = other.instance.check().await?;
    assert_eq!((health.executed, health.replicated), (taken, taken));
    assert_eq!(other.sql("SHOW DATABASES LIKE 'of_the_past'").await?, "");
    primary.sql("INSERT INTO d.t VALUES (2, 'later')").await?;
    other.follow(&primary, true).await?;
    other.reaches(primary.instance.executed().await?).await?;
    assert_eq!(other.sql(SUM).await?, primary.sql(SUM).await?);
    // And a copy of the replica does so, too.
    let mut third = Server::empty(3, &[])?;
    assert_eq!(copy(&other, &third).await?, other.instance.executed().await?);
    third.start(Recovery::Keep).await?;
    third.follow(&primary, true).await?;
    primary.sql("INSERT INTO d.t VALUES (3, 'last')").await?;
    third.reaches(primary.instance.executed().await?).await?;
    assert_eq!(third.sql(SUM).await?, primary.sql(SUM).await?);
    Ok(())
}

async fn copy(from: &Server, to: &Server) -> Result<Position> {
    let held = from.instance.executed().await?;
    let (mut stream, completion) = Backups::new(&from.layout).start().await?;
    let restore = Restore::begin(&to.layout)?;
    assert!(restore.receive(&mut stream).await? > 1_000_000);
    completion.await?;
    Ok(restore.install(&to.config, held).await?)
}

#[tokio::test]
async fn a_backup_that_is_cut_off_says_so_and_replaces_nothing() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    let backups = Backups::new(&primary.layout);
    let (stream, completion) = backups.start().await?;
    assert!(matches!(backups.start().await, Err(CopyError::Busy)));
    let other = Server::new(2).await?;
    let restore = Restore::begin(&other.layout)?;
    let mut front = stream.take(500_000);
    // Whether half a stream can be unpacked is not the point: it cannot be installed.
    let received = restore.receive(&mut front).await;
    drop(front);
    assert!(matches!(completion.await, Err(CopyError::Unread)));
    drop(received);
    assert!(restore.install(&other.config, Position::START).await.is_err());
    assert_eq!(settle(&other.layout)?, Files::Present);
    assert!(!other.layout.root().join("making").exists());
    until("the next backup may begin", || async { Ok(backups.start().await.is_ok()) }).await.context("it may")
}

#[tokio::test]
async fn a_copy_of_a_primary_that_was_started_anew_says_where_it_was_taken() -> Result<()> {
    let mut primary = Server::primary(1).await?;
    // As the primary of a term it has another number.
    primary.sql(&format!("SET GLOBAL server_id = 1004; {TABLE}")).await?;
    primary.sql("SET SESSION server_id = 1004; INSERT INTO d.t VALUES (1, 'x')").await?;
    let executed = primary.instance.executed().await?;
    primary.process().kill_and_wait().await;
    primary.start(Recovery::Keep).await?;
    assert_eq!(primary.instance.executed().await?, executed);
    primary.instance.settle_position().await?;
    let other = Server::empty(2, &[])?;
    assert_eq!(copy(&primary, &other).await?, executed);
    // It is the same once it is primary of another term and has not written yet.
    primary.instance.promote(false).await?;
    primary.sql("SET GLOBAL server_id = 1005").await?;
    let third = Server::empty(3, &[])?;
    assert_eq!(copy(&primary, &third).await?, executed);
    Ok(())
}

/// Writes rows one by one, as a client that has much to do.
const WRITE: &str = "DELIMITER //\nUSE d//\nBEGIN NOT ATOMIC\nDECLARE i INT DEFAULT 0;\nWHILE i < 2000 DO\n\
                     INSERT INTO d.n (b) VALUES (i);\nSET i = i + 1;\nEND WHILE;\nEND//";

#[tokio::test]
async fn a_copy_of_a_replica_is_exact_while_it_applies() -> Result<()> {
    let primary = Server::primary(1).await?;
    primary
        .sql("CREATE DATABASE d; CREATE TABLE d.n (a INT AUTO_INCREMENT PRIMARY KEY, b INT) ENGINE=InnoDB")
        .await?;
    let replica = Server::replica(2, &primary, true).await?;
    let writers: Vec<_> = (0..4).map(|_| tokio::spawn(primary.client().sql_owned(WRITE))).collect();
    let mut third = Server::empty(3, &[])?;
    let taken = copy(&replica, &third).await?;
    assert!(taken.sequence() > 2);
    third.start(Recovery::Keep).await?;
    third.follow(&primary, true).await?;
    for writer in writers {
        writer.await??;
    }
    third.reaches(primary.instance.executed().await?).await?;
    assert_eq!(third.sql("CHECKSUM TABLE d.n").await?, primary.sql("CHECKSUM TABLE d.n").await?);
    Ok(())
}

const BACKUPS: &str = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'BACKUP STAGE%'";

/// A primary with a commit that nobody acknowledges, and the client that waits for it.
async fn held_up() -> Result<(Server, tokio::task::JoinHandle<Result<String>>)> {
    let primary = Server::primary(1).await?;
    primary.sql(TABLE).await?;
    primary.sql("SET GLOBAL rpl_semi_sync_master_enabled = ON").await?;
    let waiting = tokio::spawn(primary.client().sql_owned("INSERT INTO d.t VALUES (1, 'waits')"));
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%semi-sync ACK%'";
    until("the commit waits", || async { Ok(primary.sql(waits).await? == "1") }).await?;
    Ok((primary, waiting))
}

#[tokio::test]
async fn a_backup_that_commits_hold_up_ends_and_the_source_goes_on() -> Result<()> {
    let (primary, waiting) = held_up().await?;
    let (mut stream, completion) = Backups::new(&primary.layout).start().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    let ended = completion.await.expect_err("nobody acknowledges");
    assert!(ended.to_string().contains("commits have held it up"), "{ended}");
    until("its lock is gone", || async { Ok(primary.sql(BACKUPS).await? == "0") }).await?;
    assert!(!waiting.is_finished(), "nobody has acknowledged it yet");
    let replica = Server::replica(2, &primary, true).await?;
    waiting.await??;
    primary.sql("INSERT INTO d.t VALUES (2, 'later')").await?;
    replica.reaches(primary.instance.executed().await?).await?;
    let third = Server::empty(3, &[])?;
    copy(&primary, &third).await.map(drop)
}

#[tokio::test]
async fn a_backup_that_nobody_reads_lets_go_of_its_lock() -> Result<()> {
    let (primary, waiting) = held_up().await?;
    let (mut stream, completion) = Backups::new(&primary.layout).start().await?;
    let reading = async {
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
        anyhow::bail!("it ended before anybody had gone")
    };
    let blocks = async { until("it blocks", || async { Ok(primary.sql(BACKUPS).await? == "1") }).await };
    tokio::select! {
        ended = reading => ended?,
        blocks = blocks => blocks?,
    }
    drop(stream);
    assert!(matches!(completion.await, Err(CopyError::Unread)));
    until("its lock is gone", || async { Ok(primary.sql(BACKUPS).await? == "0") }).await?;
    waiting.abort();
    Ok(())
}
