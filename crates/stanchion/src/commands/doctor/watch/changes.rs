//! What changes from one look to the next, a line each.

use anyhow::anyhow;
use serde::Serialize;
use stanchion_doctor_core::{Finding, Known, Report};
use stanchion_doctor_report::printable;
use stanchion_machinery::time::format_seconds;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Output};

/// How changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// A JSON document in each line.
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: &'a str,
    change: &'static str,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<&'a Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'a Known>,
}

impl Form {
    /// Returns how changes are written in a format; not every one can.
    pub(super) fn of(output: Output) -> Result<Self, Failure> {
        match output {
            Output::Table => Ok(Self::Text),
            Output::Json => Ok(Self::Json),
            Output::Yaml
            | Output::Sarif
            | Output::Junit
            | Output::Markdown
            | Output::Html
            | Output::Prometheus => {
                Err(Failure::new(Exit::Usage, anyhow!("--watch prints changes as table or json")))
            }
        }
    }

    /// Writes what is new in a report that was compared, and what is gone.
    pub(super) fn write(self, report: &Report, at: i64) -> Result<String, Failure> {
        let time = format_seconds(at);
        let gone = report.since.iter().flat_map(|since| &since.gone);
        let mut text = String::new();
        for finding in &report.findings {
            match self {
                Self::Text => {
                    let Finding { check, severity, subject, summary, .. } = finding;
                    let said = format!("{time}  new   {severity:8}  {check}  {subject}: {summary}");
                    output::line(&mut text, format_args!("{}", printable(&said)));
                }
                Self::Json => {
                    let fingerprint = finding.fingerprint();
                    let line =
                        Line { time: &time, change: "new", fingerprint, finding: Some(finding), known: None };
                    output::line(&mut text, format_args!("{}", json(&line)?));
                }
            }
        }
        for known in gone {
            match self {
                Self::Text => {
                    let Known { check, severity, subject, summary, .. } = known;
                    let said = format!("{time}  gone  {severity:8}  {check}  {subject}: {summary}");
                    output::line(&mut text, format_args!("{}", printable(&said)));
                }
                Self::Json => {
                    let fingerprint = known.fingerprint.clone();
                    let line =
                        Line { time: &time, change: "gone", fingerprint, finding: None, known: Some(known) };
                    output::line(&mut text, format_args!("{}", json(&line)?));
                }
            }
        }
        Ok(text)
    }
}

fn json(line: &Line<'_>) -> Result<String, Failure> {
    serde_json::to_string(line).map_err(|error| Failure::new(Exit::Failure, error))
}
