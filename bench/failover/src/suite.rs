//! The order of measurements: one subject at a time, each in directories of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use stanchion_bench_kit::output::progress;
use stanchion_rehearse::Sysbench;

use crate::args::{Args, Load, Peer};
use crate::case::Case;
use crate::ours::Ours;
use crate::patroni::{DEFAULTS, FASTEST, Patroni, Profile};
use crate::plain::Plain;
use crate::results::Results;
use crate::round::{self, HEALTHY_LIMIT};
use crate::subject::Subject;

const OURS: &str = "stanchion";
/// Through the Service, which on the embedded cluster is a proxy in user space: each packet costs two more of it.
const OURS_SERVICE: &str = "stanchion, through its Service";
const PLAIN: &str = "plain";
const PLAIN_ENCRYPTED: &str = "plain, encrypted";
const PREPARE_LIMIT: Duration = Duration::from_mins(2);
/// Tables that have just been filled are written to for a moment before they are measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// Measures the failovers, one subject after the other, then the throughput, all subjects in turns.
pub(crate) async fn run(args: &Args, results: &mut Results) -> Result<()> {
    if !args.cases.is_empty() {
        failovers(args, results).await?;
    }
    if args.measures_throughput() {
        for turn in 1..=args.rounds.get() {
            throughput(args, turn, results).await?;
        }
    }
    Ok(())
}

async fn failovers(args: &Args, results: &mut Results) -> Result<()> {
    for peer in &args.peers {
        match peer {
            Peer::Patroni => patroni(args, &DEFAULTS, results).await?,
            Peer::PatroniFastest => patroni(args, &FASTEST, results).await?,
            Peer::Plain | Peer::PlainEncrypted => {}
        }
    }
    let Some(program) = &args.stanchion else { return Ok(()) };
    let dir = directory(args)?;
    progress(&format!("{OURS}: start"));
    let mut ours = Box::pin(Ours::start(program, dir.path(), args.spec.as_ref())).await?;
    for (case, load, what) in plan(OURS, args, args.rounds.get()) {
        progress(&what);
        let summary = Box::pin(round::run(&mut ours, case, load, args)).await.context(what)?;
        results.add(OURS, case, load, summary);
    }
    ours.stop().await
}

/// Measures every subject once, each alone on this machine and made anew: what the machine gives changes within minutes, so
/// that only what stands in one turn can be compared.
async fn throughput(args: &Args, turn: usize, results: &mut Results) -> Result<()> {
    for peer in &args.peers {
        match peer {
            Peer::Patroni | Peer::PatroniFastest => {}
            Peer::Plain => plain(args, PLAIN, false, turn, results).await?,
            Peer::PlainEncrypted => plain(args, PLAIN_ENCRYPTED, true, turn, results).await?,
        }
    }
    let Some(program) = &args.stanchion else { return Ok(()) };
    let dir = directory(args)?;
    let mut ours = Box::pin(Ours::start(program, dir.path(), args.spec.as_ref())).await?;
    ours.healthy(HEALTHY_LIMIT).await?;
    let direct = ours.direct().await?;
    measure(Sysbench::new(ours.driver(), &direct, args.size())?, OURS, args, turn, results).await?;
    let service = Sysbench::new(ours.driver(), ours.access(), args.size())?;
    measure(service, OURS_SERVICE, args, turn, results).await?;
    ours.stop().await
}

/// Measures a peer. One that is not whole again after a round is started anew: that is said, and the others go on.
async fn patroni(args: &Args, profile: &'static Profile, results: &mut Results) -> Result<()> {
    let mut kept = None;
    for (case, load, what) in plan(profile.name, args, args.peer_rounds()) {
        let (mut subject, dir) = if let Some(kept) = kept.take() {
            kept
        } else {
            progress(&format!("{}: start", profile.name));
            let dir = directory(args)?;
            (Box::pin(Patroni::start(profile, dir.path())).await?, dir)
        };
        progress(&what);
        match Box::pin(round::run(&mut subject, case, load, args)).await {
            Ok(summary) => {
                results.add(profile.name, case, load, summary);
                kept = Some((subject, dir));
            }
            Err(error) => {
                let broken = format!("{what}: {error:#}");
                progress(&broken);
                results.add_broken(broken);
            }
        }
    }
    match kept {
        Some((subject, _dir)) => subject.stop().await,
        None => Ok(()),
    }
}

/// Returns all rounds of a subject, and what they are called.
fn plan(name: &str, args: &Args, count: usize) -> Vec<(Case, Load, String)> {
    let mut all = Vec::new();
    for case in &args.cases {
        for load in &args.load {
            for number in 1..=count {
                let what = format!("{name}: {}, {}, {number} of {count}", case.name(), load.name());
                all.push((*case, *load, what));
            }
        }
    }
    all
}

async fn plain(
    args: &Args,
    name: &'static str,
    encrypted: bool,
    turn: usize,
    results: &mut Results,
) -> Result<()> {
    let dir = directory(args)?;
    let plain = Box::pin(Plain::start(dir.path(), encrypted)).await?;
    measure(plain.load(args.size())?, name, args, turn, results).await?;
    plain.stop().await
}

async fn measure(
    sysbench: Sysbench,
    name: &'static str,
    args: &Args,
    turn: usize,
    results: &mut Results,
) -> Result<()> {
    progress(&format!("{name}: throughput, {turn} of {}", args.rounds));
    sysbench.prepare(PREPARE_LIMIT).await?;
    sysbench.measure(WARM_UP).await?;
    results.add_throughput(name, turn, sysbench.measure(args.seconds).await?);
    sysbench.cleanup(PREPARE_LIMIT).await?;
    Ok(())
}

fn directory(args: &Args) -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("run").tempdir_in(&args.dir)?)
}
