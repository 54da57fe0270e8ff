//! The order of measurements: the failovers of one subject after the other, then the throughput of all.

use anyhow::{Context, Result};
use stanchion_bench_kit::output::progress;

use crate::args::{Args, Load, Peer};
use crate::case::Case;
use crate::ours::Ours;
use crate::patroni::{DEFAULTS, FASTEST, Patroni, Profile};
use crate::results::Results;
use crate::round;
use crate::subject::Subject as _;
use crate::throughput;

/// What ours is called.
pub(crate) const OURS: &str = "stanchion";

/// Measures the failovers, one subject after the other, then the throughput, all subjects in turns.
pub(crate) async fn run(args: &Args, results: &mut Results) -> Result<()> {
    if !args.cases.is_empty() {
        failovers(args, results).await?;
    }
    if args.measures_throughput() {
        throughput::run(args, results).await?;
    }
    Ok(())
}

async fn failovers(args: &Args, results: &mut Results) -> Result<()> {
    for peer in &args.peers {
        match peer {
            Peer::Patroni => patroni(args, &DEFAULTS, results).await?,
            Peer::PatroniFastest => patroni(args, &FASTEST, results).await?,
            Peer::Plain | Peer::PlainAlike | Peer::PlainEncrypted => {}
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

/// Makes a directory for one subject.
pub(crate) fn directory(args: &Args) -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("run").tempdir_in(&args.dir)?)
}
