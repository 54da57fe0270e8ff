//! The writer and the load against a real server that is killed and frozen.

#[path = "mariadb/server.rs"]
mod server;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stanchion_rehearse::load::{Driver, Size};
use stanchion_rehearse::{MariaDb, Pace, Summary, Sysbench, Victims, Writer, clear, verify};

use self::server::Server;

const LIMIT: Duration = Duration::from_mins(1);
const SIZE: Size = Size { threads: 2, tables: 1, rows: 100 };

#[tokio::test]
async fn a_killed_server_keeps_what_it_acknowledged() -> Result<()> {
    let mut server = Server::start().await?;
    let target = MariaDb::new(&server.access);
    let mut writer = Writer::start(target.clone(), Pace::default(), LIMIT).await?;
    writer.steady(50, LIMIT).await?;
    let since = writer.mark("SIGKILL");
    Victims::open([server.pid()?])?.kill()?;
    server.restart().await?;
    writer.recovered(since, Duration::from_millis(200), LIMIT).await?;
    let record = writer.stop().await?;
    let verdict = verify(&target, &record, LIMIT).await?;
    ensure!(verdict.is_clean() && verdict.acknowledged >= 50, "{verdict:?}");
    let summary = Summary::of(&record, verdict);
    let row = summary.gap.ended_by.context("it is writable again")?;
    ensure!(row >= 50 && !summary.gap.failures.is_empty(), "{:?}", summary.gap);

    server.sql("DELETE FROM app.stanchion_rehearsal ORDER BY id LIMIT 3").await?;
    server.sql("INSERT INTO app.stanchion_rehearsal (run, number) SELECT run, number FROM app.stanchion_rehearsal ORDER BY id LIMIT 2").await?;
    let verdict = verify(&target, &record, LIMIT).await?;
    ensure!((verdict.lost.count, verdict.twice.count) == (3, 2), "{verdict:?}");
    clear(&target, record.run, LIMIT).await?;
    let verdict = verify(&target, &record, LIMIT).await?;
    ensure!(verdict.lost.count == verdict.acknowledged, "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn a_frozen_server_is_a_gap_without_loss() -> Result<()> {
    let server = Server::start().await?;
    let target = MariaDb::new(&server.access);
    let pace = Pace { statement_timeout: Duration::from_millis(200), ..Pace::default() };
    let mut writer = Writer::start(target.clone(), pace, LIMIT).await?;
    writer.steady(50, LIMIT).await?;
    let since = writer.mark("SIGSTOP");
    let frozen = Victims::open([server.pid()?])?.freeze()?;
    let error = writer.recovered(since, Duration::from_secs(1), Duration::from_secs(2)).await;
    ensure!(error.is_err(), "a frozen server acknowledges nothing");
    frozen.thaw()?;
    writer.recovered(since, Duration::from_millis(200), LIMIT).await?;
    let record = writer.stop().await?;
    let gap = record.longest_gap(record.marks[0].at);
    ensure!(gap.failures.iter().any(|seen| seen.what == "no answer within 200ms"), "{gap:?}");
    let verdict = verify(&target, &record, LIMIT).await?;
    ensure!(verdict.is_clean(), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn load_goes_on_behind_a_kill() -> Result<()> {
    let mut server = Server::start().await?;
    let sysbench = Sysbench::new(Driver::Mysql, &server.access, SIZE)?;
    sysbench.prepare(LIMIT).await?;
    let rate = sysbench.measure(Duration::from_secs(1)).await?;
    ensure!(rate.transactions > 0.0 && rate.p95_milliseconds > 0.0, "{rate:?}");

    let load = sysbench.start();
    server.connections(SIZE.threads).await?;
    Victims::open([server.pid()?])?.kill()?;
    server.restart().await?;
    server.connections(SIZE.threads).await?;
    let kept = load.stop().await?;
    ensure!(kept.restarts > 0, "it cannot go on without another start");
    kept.sysbench.context("it can be cleaned up")?.cleanup(LIMIT).await?;
    Ok(())
}
