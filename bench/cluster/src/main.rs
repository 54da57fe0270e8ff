//! Measures a whole cluster of Kubernetes as its users see it: this project's, or any other that a kubeconfig leads to.
//!
//! ```text
//! main ─ suite ─┬─ bound:   a Deployment is applied, until all of its Pods are bound, and Ready
//!               ├─ rest:    processor time and memory while nothing happens
//!               └─ started: from the start of the process to a Ready Pod
//!                  └─ `stanchion up`, or a cluster that runs already
//! ```

mod args;
mod bound;
mod figures;
mod objects;
mod setting;
mod started;
mod suite;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::{machine, output, program};

use crate::args::Args;
use crate::setting::Setting;

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
    };
    let mut report = Report::default();
    let measured = suite::run(args, dir.path(), &mut report).await;
    // What was measured before an error is still worth printing.
    output::results(args.output, &setting.introduction(), &setting, &report.lines())?;
    measured
}
