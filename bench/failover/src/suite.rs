//! The order of measurements: one subject at a time, each in directories of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use stanchion_bench_kit::output::progress;
use stanchion_rehearse::Sysbench;

use crate::args::{Args, Peer};
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
const PREPARE_LIMIT: Duration = Duration::from_mins(2);
/// Tables that have just been filled are written to for a moment before they are measured.
const WARM_UP: Duration = Duration::from_secs(3);

pub(crate) async fn run(args: &Args, results: &mut Results) -> Result<()> {
    for peer in &args.peers {
        match peer {
            Peer::Patroni => patroni(args, &DEFAULTS, results).await?,
            Peer::PatroniFastest => patroni(args, &FASTEST, results).await?,
            Peer::Plain => plain(args, results).await?,
        }
    }
    let Some(program) = &args.stanchion else { return Ok(()) };
    let dir = directory(args)?;
    progress(&format!("{OURS}: start"));
    let mut ours = Box::pin(Ours::start(program, dir.path(), args.spec.as_ref())).await?;
    rounds(&mut ours, OURS, args, args.rounds.get(), results).await?;
    if args.peers.contains(&Peer::Plain) {
        ours.healthy(HEALTHY_LIMIT).await?;
        let direct = ours.direct().await?;
        measure(Sysbench::new(ours.driver(), &direct, args.size())?, OURS, args, results).await?;
        measure(Sysbench::new(ours.driver(), ours.access(), args.size())?, OURS_SERVICE, args, results)
            .await?;
    }
    ours.stop().await
}

async fn patroni(args: &Args, profile: &'static Profile, results: &mut Results) -> Result<()> {
    let dir = directory(args)?;
    progress(&format!("{}: start", profile.name));
    let mut subject = Box::pin(Patroni::start(profile, dir.path())).await?;
    rounds(&mut subject, profile.name, args, args.peer_rounds(), results).await?;
    subject.stop().await
}

async fn plain(args: &Args, results: &mut Results) -> Result<()> {
    let dir = directory(args)?;
    progress(&format!("{PLAIN}: start"));
    let plain = Box::pin(Plain::start(dir.path())).await?;
    measure(plain.load(args.size())?, PLAIN, args, results).await?;
    plain.stop().await
}

async fn rounds<S: Subject>(
    subject: &mut S,
    name: &'static str,
    args: &Args,
    count: usize,
    results: &mut Results,
) -> Result<()> {
    for case in &args.cases {
        for load in &args.load {
            for number in 1..=count {
                let what = format!("{name}: {}, {}, {number} of {count}", case.name(), load.name());
                progress(&what);
                let summary = Box::pin(round::run(subject, *case, *load, args)).await.context(what)?;
                results.add(name, *case, *load, summary);
            }
        }
    }
    Ok(())
}

async fn measure(sysbench: Sysbench, name: &'static str, args: &Args, results: &mut Results) -> Result<()> {
    sysbench.cleanup(PREPARE_LIMIT).await?;
    sysbench.prepare(PREPARE_LIMIT).await?;
    sysbench.measure(WARM_UP).await?;
    for number in 1..=args.rounds.get() {
        progress(&format!("{name}: throughput, {number} of {}", args.rounds));
        results.add_throughput(name, sysbench.measure(args.seconds).await?);
    }
    sysbench.cleanup(PREPARE_LIMIT).await?;
    Ok(())
}

fn directory(args: &Args) -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("run").tempdir_in(&args.dir)?)
}
