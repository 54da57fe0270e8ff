//! Results as a table.

use std::fmt::Write;

use serde::Serialize;

/// What was measured, where.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) runs: usize,
    pub(crate) lines: Vec<Line>,
}

/// One kind on one size.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) case: &'static str,
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
    /// Decisions in a second, the median; none if it failed.
    pub(crate) rate: Option<f64>,
    pub(crate) error: Option<String>,
}

impl Report {
    /// Returns it as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}. Medians of {} runs, one core.\n\n", self.machine, self.runs);
        text += "| Pods ask for | nodes | Pods | decisions/s | us each |\n|---|---:|---:|---:|---:|\n";
        for Line { case, nodes, pods, rate, error } in &self.lines {
            let figures = match (rate, error) {
                (Some(rate), _) => format!("{rate:.0} | {:.1}", 1e6 / rate),
                (None, error) => format!("{} | ", error.as_deref().unwrap_or("failed")),
            };
            writeln!(text, "| {case} | {nodes} | {pods} | {figures} |").expect("a String takes everything");
        }
        text
    }
}
