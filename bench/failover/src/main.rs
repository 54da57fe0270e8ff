//! Measures what clients see while a database changes its primary: this project's, and peers on the same machine.
//!
//! ```text
//! main ─ suite ─┬─ round: a writer is steady, a fault happens, the writer is steady again, all rows are read back
//!               │    └─ subject: ours (`stanchion up` and a DatabaseCluster)
//!               │                patroni (PostgreSQL, etcd and `HAProxy`, at its defaults and at its fastest)
//!               └─ throughput: sysbench against ours, and against plain, MariaDB set up by hand
//! ```
//!
//! All processes of all subjects run on this machine on addresses of 127.0.0.0/8, so that a figure is to be read beside those
//! of the same run and not alone. One subject at a time is failed over; all run at once while one after the other is loaded.

mod args;
mod case;
mod http;
mod ours;
mod patroni;
mod place;
mod plain;
mod postgres;
mod results;
mod round;
mod setting;
mod subject;
mod suite;
mod throughput;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use stanchion_bench_kit::program;

use crate::args::Args;
use crate::results::Results;
use crate::setting::Setting;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    program::run(Box::pin(run(&args))).await
}

async fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.dir).with_context(|| format!("cannot create {}", args.dir.display()))?;
    let setting = Setting::look(args)?;
    let mut results = Results::default();
    let measured = suite::run(args, &mut results).await;
    // What was measured before an error is still worth printing.
    results.print(args.output, &setting)?;
    measured
}
