//! Measures how many decisions the scheduler makes in a second on one core, without any API.
//!
//! ```text
//! main ─▶ cases: clusters and Pods ─▶ measure: decide, assume, next ─▶ report ─▶ output
//! ```

mod args;
mod cases;
mod measure;
mod output;
mod report;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use stanchion_bench_kit::machine;

use crate::args::Args;
use crate::report::Report;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let mut report = Report { machine: machine::describe()?, runs: args.runs.get(), lines: Vec::new() };
    for size in &args.sizes {
        for kind in &args.cases {
            output::progress(&format!("{} on {} nodes, {} Pods", kind.name(), size.nodes, size.pods));
            report.lines.push(measure::measure(*kind, *size, args.runs.get()));
        }
    }
    output::results(args.output, &report)
}
