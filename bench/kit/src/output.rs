//! The only place that writes: results to stdout, progress and errors to stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

use crate::report::{self, Line};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables in markdown.
    Table,
    /// One document.
    Json,
}

#[derive(Serialize)]
struct Document<'a, S> {
    setting: &'a S,
    lines: &'a [Line],
}

/// Prints the results: a paragraph and tables, or the setting and all lines as one document.
pub fn results(format: Format, introduction: &str, setting: &impl Serialize, lines: &[Line]) -> Result<()> {
    let text = match format {
        Format::Table => format!("{introduction}\n{}", report::markdown(lines)),
        Format::Json => serde_json::to_string_pretty(&Document { setting, lines })? + "\n",
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write the results")
}

/// Says what is being done.
#[expect(clippy::print_stderr, reason = "progress; stdout carries the results")]
pub fn progress(message: &str) {
    eprintln!("{message}");
}

/// Says why there are no results.
#[expect(clippy::print_stderr, reason = "errors; stdout carries the results")]
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
