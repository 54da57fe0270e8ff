//! Measures a diagnosis of a large cluster as people see it: from the start of `stanchion doctor` to its end, and the memory
//! it takes, beside `kubectl` that reads the same objects.
//!
//! ```text
//! main ─ suite ── objects: what the cluster is filled with
//!          └──── command: a program that is run to its end and looked at meanwhile
//! ```

mod args;
mod command;
mod objects;
mod setting;
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
        runs: args.runs.get(),
    };
    let mut report = Report::default();
    let measured = suite::run(args, dir.path(), &mut report).await;
    // What was measured before an error is still worth printing.
    output::results(args.output, &setting.introduction(), &setting, &report.lines())?;
    measured
}
