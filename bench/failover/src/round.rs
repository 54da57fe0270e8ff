//! One round: a writer is steady, a fault happens, the writer is steady again, all rows are read back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stanchion_bench_kit::output::progress;
use stanchion_rehearse::{
    Frozen, Load as RunningLoad, Pace, Summary, Sysbench, Writer, WriterError, clear, timeline, verify,
};
use tokio::time::Instant;

use crate::args::{Args, Load};
use crate::case::Case;
use crate::subject::Subject;

/// So many rows must be acknowledged in a row before a fault.
const STEADY_ROWS: u64 = 200;
const STEADY_LIMIT: Duration = Duration::from_secs(30);
/// Clients can write again when nothing has failed for so long.
const QUIET: Duration = Duration::from_secs(3);
/// A subject must be whole again after this long.
pub(crate) const HEALTHY_LIMIT: Duration = Duration::from_mins(3);
const VERIFY_LIMIT: Duration = Duration::from_mins(1);
const PREPARE_LIMIT: Duration = Duration::from_mins(2);

pub(crate) async fn run<S: Subject>(subject: &mut S, case: Case, load: Load, args: &Args) -> Result<Summary> {
    subject.healthy(HEALTHY_LIMIT).await.context("before the round")?;
    let load = start_load(subject, load, args).await?;
    let mut writer = Writer::start(subject.target(), Pace::default(), STEADY_LIMIT).await?;
    writer.steady(STEADY_ROWS, STEADY_LIMIT).await?;
    let frozen = inject(subject, case, &mut writer).await?;
    let since = Instant::now();
    match writer.recovered(since, QUIET, args.limit).await {
        // The gap in the record says so.
        Ok(()) | Err(WriterError::NotWritable { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(frozen) = frozen {
        writer.mark("SIGCONT");
        frozen.thaw()?;
    }
    subject.heal().await?;
    subject.healthy(HEALTHY_LIMIT).await.context("after the round")?;
    writer.mark("all follow");
    let record = writer.stop().await?;
    end_load(load).await?;
    let target = subject.target();
    let verdict = verify(&target, &record, VERIFY_LIMIT).await?;
    clear(&target, record.run, VERIFY_LIMIT).await?;
    let summary = Summary::of(&record, verdict);
    if args.timelines {
        progress(&timeline::render(&summary));
    }
    Ok(summary)
}

async fn inject<S: Subject>(subject: &mut S, case: Case, writer: &mut Writer) -> Result<Option<Frozen>> {
    if case == Case::Switchover {
        writer.mark("switchover asked for");
        subject.switch_over().await?;
        return Ok(None);
    }
    let victims = subject.victims(case).await?;
    ensure!(!victims.is_empty(), "the primary has no processes");
    if case == Case::Frozen {
        writer.mark(format!("SIGSTOP: {victims}"));
        return Ok(Some(victims.freeze()?));
    }
    writer.mark(format!("SIGKILL: {victims}"));
    victims.kill()?;
    Ok(None)
}

async fn start_load<S: Subject>(subject: &S, load: Load, args: &Args) -> Result<Option<RunningLoad>> {
    if load == Load::None {
        return Ok(None);
    }
    let sysbench = Sysbench::new(subject.driver(), subject.access(), args.size())?;
    // Tables of a round that failed would be in the way.
    sysbench.cleanup(PREPARE_LIMIT).await?;
    sysbench.prepare(PREPARE_LIMIT).await?;
    Ok(Some(sysbench.start()))
}

async fn end_load(load: Option<RunningLoad>) -> Result<()> {
    let Some(load) = load else { return Ok(()) };
    let kept = load.stop().await?;
    if let Some(sysbench) = kept.sysbench {
        sysbench.cleanup(PREPARE_LIMIT).await?;
    }
    Ok(())
}
