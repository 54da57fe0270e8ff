//! From the start of the process to a Ready Pod.

use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;
use stanchion_bench_kit::child::POLL;
use stanchion_bench_kit::client::{Call, Connection};
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::stats::milliseconds;
use tokio::time::{Instant, sleep};

use crate::args::Args;
use crate::figures::{ANSWERS, POD_READY};
use crate::objects;

const GROUP: &str = "Start";
const PODS: &str = "/api/v1/namespaces/default/pods";

pub(crate) async fn run(args: &Args, dir: &Path, report: &mut Report) -> Result<()> {
    let cluster = args.cluster(dir, 0).await?;
    let mut connection = cluster.connect().await?;
    let deadline = Instant::now() + args.deadline;
    // The namespace and its service account come from the cluster's own parts.
    while connection.send(Call::new(Method::POST, PODS, objects::pod())).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "no Pod can be created");
        sleep(POLL).await;
    }
    while !is_ready(&mut connection).await? {
        anyhow::ensure!(Instant::now() < deadline, "the Pod does not become Ready");
        sleep(POLL).await;
    }
    let (answers, ready) = cluster.times().context("it was not started here")?;
    report.add(GROUP, "a new cluster", ANSWERS, milliseconds(answers));
    report.add(GROUP, "a new cluster", POD_READY, milliseconds(ready));
    cluster.stop().await
}

async fn is_ready(connection: &mut Connection) -> Result<bool> {
    let pod = connection.fetch(Call::get(format!("{PODS}/first"))).await?;
    let pod: Value = serde_json::from_slice(&pod)?;
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    Ok(conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True"))
}
