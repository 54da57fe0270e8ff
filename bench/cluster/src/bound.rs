//! From apply until all Pods are bound, and until all are Ready.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use http::Method;
use stanchion_bench_kit::client::Call;
use stanchion_bench_kit::progress;
use stanchion_bench_kit::report::{Figure, Report};
use stanchion_bench_kit::stats::as_f64;
use tokio::time::sleep;

use crate::args::{Args, Ask};
use crate::figures::{ALL_BOUND, ALL_BOUND_OTHERWISE, ALL_READY, BOUND_CPU, BOUND_RATE, NODES_READY, PEAK};
use crate::objects::{self, NAMESPACE};
use stanchion_bench_kit::size::Size;

/// What the reference was measured with.
const REFERENCE: (Size, Ask) = (Size { nodes: 1000, pods: 5000 }, Ask::Plain);
/// What a cluster does right after its start, it may finish before it is measured.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args, dir: &Path, ask: Ask, size: Size, report: &mut Report) -> Result<()> {
    let Size { nodes, pods } = size;
    let group = format!("{nodes} Nodes, {pods} Pods");
    let case = ask.name();
    let cluster = args.cluster(dir, nodes).await?;
    let mut connection = cluster.connect().await?;
    progress::nodes(&mut connection, nodes, args.deadline).await?;
    if let Some((_, age)) = cluster.times() {
        report.add(&group, "all cases", NODES_READY, age.as_secs_f64());
    }
    sleep(SETTLE).await;
    connection.ensure("/api/v1/namespaces", objects::namespace()).await?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let bodies = objects::deployments(ask, size);
    let before = cluster.process().cpu()?;
    let started = Instant::now();
    let deployments = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments");
    for body in bodies {
        connection.send(Call::new(Method::POST, deployments.as_str(), body)).await?;
    }
    progress::bound(&mut connection, &path, pods, args.deadline).await?;
    let took = started.elapsed().as_secs_f64();
    let after = cluster.process().cpu()?;
    let figure: Figure = if (size, ask) == REFERENCE { ALL_BOUND } else { ALL_BOUND_OTHERWISE };
    report.add(&group, case, figure, took);
    report.add(&group, case, BOUND_RATE, as_f64(pods) / took);
    let spent = before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64());
    report.add_known(&group, case, BOUND_CPU, spent);
    progress::ready(&mut connection, &deployments, pods, args.deadline).await?;
    report.add(&group, case, ALL_READY, started.elapsed().as_secs_f64());
    report.add_known(&group, case, PEAK, cluster.process().peak()?);
    cluster.stop().await
}
