//! Measures an API server of Kubernetes: this project's, or any other that a kubeconfig leads to.
//!
//! ```text
//! main ─ suite ─┬─ requests, lists, watches, churn ──▶ the server
//!               └─ subject: start-up, memory, processor time
//! ```
//!
//! One thread makes all of the load, because the server needs the other cores.

mod args;
mod churn;
mod cluster;
mod figures;
mod lists;
mod objects;
mod requests;
mod setting;
mod subject;
mod suite;
mod watches;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::{machine, output, program};

use crate::{args::Args, setting::Setting};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    program::run(Box::pin(run(&args))).await
}

async fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.dir).with_context(|| format!("cannot create {}", args.dir.display()))?;
    let dir = tempfile::Builder::new().prefix("run").tempdir_in(&args.dir)?;
    let setting = Setting {
        machine: machine::describe()?,
        load_average: machine::load_average()?,
        subject: args.subject_name(),
        runs: args.runs.get(),
        nodes: args.nodes,
        pods: args.pods,
    };
    let mut report = Report::default();
    let measured = suite::run(args, dir.path(), &mut report).await;
    // What was measured before an error is still worth printing.
    output::results(args.output, &setting.introduction(), &setting, &report.lines())?;
    measured
}
