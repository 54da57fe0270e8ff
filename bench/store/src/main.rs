//! Measures the store and etcd side by side.
//!
//! ```text
//! main ─ suite ─────┬─ load ── http2 ──▶ the server under load
//!      │            └─ watch ─ tonic ──▶
//!      ├ footprint ─── server, process: memory, disk, start-up
//!      └ report ── output
//! ```
//!
//! One thread does everything, because the servers need the other cores. `--only`, `--runs` and
//! `--seconds` shorten a run; the default takes about a quarter of an hour.

mod admin;
mod args;
mod footprint;
mod http2;
mod keys;
mod load;
mod machine;
mod operation;
mod output;
mod process;
mod report;
mod server;
mod stats;
mod suite;
mod watch;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{args::Args, load::ClientKind, output::Setting, report::Report, server::Program};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run_until_signalled(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// A signal drops the benchmark, and with it the servers and their directories.
async fn run_until_signalled(args: &Args) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = run(args) => result,
        _ = terminate.recv() => bail!("terminated"),
        _ = interrupt.recv() => bail!("interrupted"),
    }
}

async fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.dir).with_context(|| format!("cannot create {}", args.dir.display()))?;
    let dir = tempfile::Builder::new().prefix("run").tempdir_in(&args.dir)?;
    let programs = args.programs();
    let setting = setting(args, &programs, dir.path())?;

    let mut report = Report::default();
    let measured = measure(args, &programs, dir.path(), &mut report).await;
    // What was measured before an error is still worth printing.
    output::results(args.output, &setting, &report.lines())?;
    measured
}

async fn measure(
    args: &Args,
    programs: &[Program],
    dir: &std::path::Path,
    report: &mut Report,
) -> Result<()> {
    suite::run(args, programs, dir, report).await?;
    footprint::run(args, programs, dir, report).await
}

fn setting(args: &Args, programs: &[Program], dir: &std::path::Path) -> Result<Setting> {
    Ok(Setting {
        machine: machine::describe(dir)?,
        load_average: machine::load_average()?,
        sync_milliseconds: machine::sync_time(dir)?,
        versions: programs.iter().map(Program::version).collect::<Result<_>>()?,
        runs: args.runs.get(),
        seconds: args.seconds.as_secs_f64(),
        connections: match args.connections {
            None => "a connection per client".to_owned(),
            Some(most) => format!("at most {most} connections"),
        },
        client: match args.client {
            ClientKind::Lean => "lean HTTP/2",
            ClientKind::Tonic => "tonic",
        },
    })
}
