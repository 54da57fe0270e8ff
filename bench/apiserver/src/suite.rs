//! The order of measurements.
//!
//! ```text
//! start ─ empty ─ make the cluster ─ memory ─ gets, updates ─ lists ─ restart ─ watches ─ deletes     (every run)
//! start ─ make the cluster ─ settle ─ churn ─ settle                                                 (once)
//! ```

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time;

use crate::args::{Args, Case};
use crate::figures::{EMPTY_MEMORY, LOADED_MEMORY, MEMORY, PEAK, READY, READY_FULL};
use crate::subject::{Home, Server};
use crate::{churn, cluster, lists, requests, watches};
use stanchion_bench_kit::output::progress;
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::stats;

/// What a server does right after work, it may finish before its memory is measured.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args, dir: &Path, report: &mut Report) -> Result<()> {
    if let Some(kubeconfig) = &args.kubeconfig {
        let server = Server::find(kubeconfig, args.pid).await?;
        let server = fill(args, server, report).await?;
        return load(args, &server, report).await;
    }
    let wanted = [Case::Startup, Case::Memory, Case::Requests, Case::List, Case::Watch];
    if wanted.into_iter().any(|case| args.wants(case)) {
        for run in 1..=args.runs.get() {
            progress(&format!("run {run} of {}", args.runs));
            once(args, dir, report).await?;
        }
    }
    if args.wants(Case::Churn) {
        progress("churn");
        let home = Home::new(args, dir).await?;
        let server = home.start(&churn::ARGUMENTS).await?;
        let (connections, measured) = (args.connections.get(), server.measured);
        cluster::make(&server.client, measured, connections, args.nodes, args.pods).await?;
        churn::run(&server.client, measured, args, report).await?;
        server.stop().await?;
    }
    Ok(())
}

async fn once(args: &Args, dir: &Path, report: &mut Report) -> Result<()> {
    let home = Home::new(args, dir).await?;
    let server = home.start(&[]).await?;
    started(args, &server, "a new cluster", report);
    let server = fill(args, server, report).await?;
    server.stop().await?;
    let server = home.start(&[]).await?;
    started(args, &server, "all Nodes and Pods", report);
    if args.wants(Case::Memory) {
        time::sleep(SETTLE).await;
        report.add_known("Memory", "all Nodes and Pods, after a restart", MEMORY, server.measured.memory()?);
    }
    load(args, &server, report).await?;
    server.stop().await
}

fn started(args: &Args, server: &Server, case: &str, report: &mut Report) {
    if !args.wants(Case::Startup) {
        return;
    }
    let Some(time) = server.ready_after else { return };
    let figure = if case == "a new cluster" { READY } else { READY_FULL };
    report.add("Start-up", case, figure, stats::milliseconds(time));
}

/// Makes the cluster and measures what that shows.
async fn fill(args: &Args, server: Server, report: &mut Report) -> Result<Server> {
    let (client, measured) = (&server.client, server.measured);
    if args.wants(Case::Memory) {
        time::sleep(SETTLE).await;
        if let Some(memory) = measured.memory()? {
            report.add("Memory", "a new cluster", EMPTY_MEMORY, memory);
        }
    }
    progress("making the cluster");
    let made = cluster::make(client, measured, args.connections.get(), args.nodes, args.pods).await?;
    if args.wants(Case::Requests) {
        requests::report_made(&made, report);
    }
    if args.wants(Case::Memory) {
        time::sleep(SETTLE).await;
        if let Some(memory) = measured.memory()? {
            report.add("Memory", "all Nodes and Pods", LOADED_MEMORY, memory);
        }
        report.add_known("Memory", "all Nodes and Pods", PEAK, measured.peak()?);
    }
    Ok(server)
}

async fn load(args: &Args, server: &Server, report: &mut Report) -> Result<()> {
    let (client, measured, connections) = (&server.client, server.measured, args.connections.get());
    if args.wants(Case::Requests) {
        progress("requests");
        requests::run(client, measured, connections, args.pods, report).await?;
    }
    if args.wants(Case::List) {
        progress("lists");
        lists::run(client, measured, args.lists.get(), report).await?;
    }
    if args.wants(Case::Watch) {
        progress("watches");
        watches::run(client, measured, args, report).await?;
    }
    if args.wants(Case::Requests) {
        progress("deletes");
        requests::delete(client, measured, connections, args.pods, report).await?;
    }
    Ok(())
}
