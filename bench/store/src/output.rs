//! The only place that writes: results to stdout, progress and errors to stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    args::Format,
    machine::SyncTime,
    report::{self, Line},
};

/// What was compared, where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the first server was started.
    pub(crate) load_average: f64,
    pub(crate) sync_milliseconds: SyncTime,
    pub(crate) versions: Vec<String>,
    pub(crate) runs: usize,
    pub(crate) seconds: f64,
    pub(crate) connections: String,
    pub(crate) client: &'static str,
}

#[derive(Serialize)]
struct Document<'a> {
    setting: &'a Setting,
    lines: &'a [Line],
}

pub(crate) fn results(format: Format, setting: &Setting, lines: &[Line]) -> Result<()> {
    let text = match format {
        Format::Table => introduction(setting) + &report::markdown(lines),
        Format::Json => serde_json::to_string_pretty(&Document { setting, lines })? + "\n",
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write the results")
}

fn introduction(setting: &Setting) -> String {
    let Setting { machine, load_average, sync_milliseconds, versions, runs, seconds, connections, client } =
        setting;
    format!(
        "{machine}. Load average before the start: {load_average}. \
         Writing 512 bytes and fdatasync: {:.3} ms at least, {:.3} ms median. {}.\n\n\
         Medians (lowest–highest), {runs} alternating runs, {seconds} s per measurement, {connections}, \
         {client} client. While one server is measured, the other idles. \
         More is better only for throughput.\n",
        sync_milliseconds.least,
        sync_milliseconds.median,
        versions.join("; ")
    )
}

#[expect(clippy::print_stderr, reason = "progress; stdout carries the results")]
pub(crate) fn progress(message: &str) {
    eprintln!("{message}");
}

#[expect(clippy::print_stderr, reason = "errors; stdout carries the results")]
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
