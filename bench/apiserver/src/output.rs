//! The only place that writes: results to stdout, progress and errors to stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::args::Format;
use crate::report::{self, Line};

/// What was measured, where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the first server was started.
    pub(crate) load_average: f64,
    pub(crate) subject: String,
    pub(crate) runs: usize,
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
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
    let Setting { machine, load_average, subject, runs, nodes, pods } = setting;
    format!(
        "{subject}. {machine}. Load average before the start: {load_average}. {runs} runs, {nodes} Nodes, {pods} Pods. \
         The reference is kube-apiserver 1.36 with etcd on another machine with 2 cores.\n"
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
