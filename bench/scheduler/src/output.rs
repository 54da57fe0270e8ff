//! The only place that writes: results to stdout, progress and errors to stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};

use crate::args::Format;
use crate::report::Report;

pub(crate) fn results(format: Format, report: &Report) -> Result<()> {
    let text = match format {
        Format::Table => report.markdown(),
        Format::Json => serde_json::to_string_pretty(report)? + "\n",
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write the results")
}

#[expect(clippy::print_stderr, reason = "progress; stdout carries the results")]
pub(crate) fn progress(message: &str) {
    eprintln!("{message}");
}

#[expect(clippy::print_stderr, reason = "errors; stdout carries the results")]
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
