//! Initialization, start and end.

use std::time::Duration;

use anyhow::{Result, ensure};
use stanchion_engine::mariadb::{Files, Password, Process, Recovery, initialize, offline, settle};
use stanchion_ha_core::{Position, ServerId};
use tokio::sync::mpsc;

use crate::support::{DEADLINE, Server, accounts, freeze};

#[tokio::test]
async fn a_new_instance_is_read_only_and_has_no_transactions() -> Result<()> {
    let mut server = Server::empty(1, &[])?;
    // What a crash left half made is made anew.
    let half = server.layout.root().join("making/data");
    std::fs::create_dir_all(&half)?;
    std::fs::write(half.join("ibdata1"), "half")?;
    assert_eq!(settle(&server.layout)?, Files::Absent);
    initialize(&server.layout, &accounts()).await?;
    assert_eq!(settle(&server.layout)?, Files::Present);
    assert!(initialize(&server.layout, &accounts()).await.is_err(), "there is one");
    server.start(Recovery::Keep).await?;
    let health = server.instance.check().await?;
    assert!(health.read_only && !health.requires_acknowledgement && !health.acknowledges);
    assert_eq!((health.executed, health.replicated), (Position::START, Position::START));
    let users =
        server.sql("SELECT GROUP_CONCAT(User, '@', Host ORDER BY User) FROM mysql.global_priv").await?;
    assert_eq!(users, "mariadb.sys@localhost,replication_1@%,replication_2@%,replication_3@%,root@localhost");
    let ended = server.process().stop(DEADLINE).await;
    assert!(ended.is_orderly(), "{ended}");
    let offline = offline(&server.layout).await?;
    assert!(offline.clean && !offline.uncertain);
    assert_eq!(offline.logged, Position::START);
    Ok(())
}

#[tokio::test]
async fn the_files_say_what_a_killed_server_held() -> Result<()> {
    let server = Server::primary(1).await?;
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO d.t VALUES (1)").await?;
    let killed = server.process().kill_and_wait().await;
    assert_eq!(killed.to_string(), "was ended by signal 9");
    let found = offline(&server.layout).await?;
    assert_eq!(found.logged, Position::at(ServerId(1), 3));
    assert!(!found.clean);
    assert!(!found.uncertain, "the machine has not gone down");
    std::fs::write(server.layout.root().join("boot"), "another")?;
    assert!(offline(&server.layout).await?.uncertain);
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() -> Result<()> {
    let mut server = Server::with(1, &[("no_such_parameter", "1")]).await?;
    let error = format!("{:#}", server.start(Recovery::Keep).await.expect_err("it has no such parameter"));
    ensure!(error.contains("no_such_parameter") || server.logged().contains("no_such_parameter"), "{error}");
    ensure!(error.contains("exit code"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_frozen_server_misses_its_deadline_and_dies() -> Result<()> {
    let server = Server::primary(1).await?;
    let process: &Process = server.process();
    freeze(process).await?;
    let error = server.instance.check().await.expect_err("it is frozen");
    assert!(error.to_string().contains("no answer"), "{error}");
    let ended = process.stop(Duration::from_millis(50)).await;
    assert!(!ended.is_orderly());
    Ok(())
}

#[tokio::test]
async fn lines_that_nobody_takes_do_not_stop_the_server() -> Result<()> {
    let server = Server::new(1).await?;
    let (log, lines) = mpsc::channel(1);
    let process = Process::start(&server.layout, &server.config, Recovery::Keep, log).await?;
    process.ready(&server.instance, DEADLINE).await?;
    assert!(!process.latest().is_empty());
    process.kill_and_wait().await;
    drop(lines);
    Ok(())
}

#[tokio::test]
async fn an_application_owns_its_database_and_nothing_else() -> Result<()> {
    let server = Server::primary(1).await?;
    let (one, two) = (Password::new("one"), Password::new("two"));
    server.instance.ensure_application("my_app", "app", &one).await?;
    let position = server.instance.executed().await?;
    server.instance.ensure_application("my_app", "app", &one).await?;
    assert_eq!(server.instance.executed().await?, position, "nothing is written if all is there");
    server.instance.ensure_application("my_app", "app", &two).await?;
    assert_ne!(server.instance.executed().await?, position);
    let grants = server.sql("SHOW GRANTS FOR app@'%'").await?;
    assert!(grants.contains("GRANT USAGE ON *.*"), "{grants}");
    assert!(grants.contains(r"GRANT ALL PRIVILEGES ON `my\\_app`.*"), "{grants}");
    server.instance.ensure_replication_accounts(&accounts()).await?;
    Ok(())
}
