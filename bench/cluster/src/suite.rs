//! The order of measurements: each in a cluster of its own, unless it runs already.

use std::path::Path;

use anyhow::{Result, ensure};
use stanchion_bench_kit::output::progress;
use stanchion_bench_kit::report::Report;
use tokio::time::{Instant, sleep};

use crate::args::{Args, Case};
use crate::figures::{REST_MEMORY, REST_MEMORY_OTHERWISE, REST_SHARE};
use crate::{bound, started};

pub(crate) async fn run(args: &Args, dir: &Path, report: &mut Report) -> Result<()> {
    let is_own = args.kubeconfig.is_none();
    ensure!(
        is_own || args.wants(Case::Bound),
        "a cluster that runs already can only be measured with --only bound"
    );
    ensure!(
        is_own || args.runs.get() * args.sizes.len() * args.ask.len() == 1,
        "one run, one size, one ask there"
    );
    for run in 1..=args.runs.get() {
        progress(&format!("run {run} of {}", args.runs));
        if is_own && args.wants(Case::Started) {
            progress("start");
            started::run(args, dir, report).await?;
        }
        if is_own && args.wants(Case::Rest) {
            progress("at rest");
            rest(args, dir, 0, report).await?;
        }
        if !args.wants(Case::Bound) {
            continue;
        }
        for size in &args.sizes {
            for ask in &args.ask {
                progress(&format!("{} Nodes, {} Pods, {}", size.nodes, size.pods, ask.name()));
                bound::run(args, dir, *ask, *size, report).await?;
            }
            if is_own && args.wants(Case::Rest) {
                progress(&format!("{} Nodes at rest", size.nodes));
                rest(args, dir, size.nodes, report).await?;
            }
        }
    }
    Ok(())
}

/// Looks at a cluster in which nothing happens.
async fn rest(args: &Args, dir: &Path, nodes: usize, report: &mut Report) -> Result<()> {
    let cluster = args.cluster(dir, nodes).await?;
    sleep(args.settle).await;
    let process = cluster.process();
    let (before, started) = (process.cpu()?, Instant::now());
    sleep(args.seconds).await;
    let (after, took) = (process.cpu()?, started.elapsed());
    let share = before
        .zip(after)
        .map(|(before, after)| 100.0 * after.saturating_sub(before).as_secs_f64() / took.as_secs_f64());
    let (case, memory) = match nodes {
        0 => ("this machine as the only Node".to_owned(), REST_MEMORY),
        nodes => (format!("{nodes} simulated Nodes besides"), REST_MEMORY_OTHERWISE),
    };
    report.add_known("At rest", &case, REST_SHARE, share);
    report.add_known("At rest", &case, memory, process.memory()?);
    cluster.stop().await
}
