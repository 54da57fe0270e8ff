//! What the doctor said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::support::command::{Outcome, run, stanchion};

/// Runs the doctor with words, and returns how it ended with what it reported.
pub(crate) async fn doctor(words: &[&str]) -> (Outcome, Value) {
    report_of(stanchion(), words).await
}

/// As [`doctor`], with a clock that is so many hours ahead. Of everybody else the clock is right.
pub(crate) async fn doctor_in(hours: u32, words: &[&str]) -> (Outcome, Value) {
    let mut command = stanchion();
    command.env("LD_PRELOAD", faketime()).env("FAKETIME", format!("+{hours}h"));
    command.env("DONT_FAKE_MONOTONIC", "1");
    report_of(command, words).await
}

async fn report_of(mut command: Command, words: &[&str]) -> (Outcome, Value) {
    let outcome = run(command.args(["--output", "json", "doctor"]).args(words)).await;
    let report = serde_json::from_str(&outcome.stdout);
    (outcome.clone(), report.unwrap_or_else(|error| panic!("no report: {error}: {outcome:?}")))
}

/// Returns the library that moves clocks: that of the tests' set-up, or that of the machine.
fn faketime() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_stanchion")).ancestors().nth(2).expect("a target folder");
    let below =
        |root: PathBuf| std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = below(target.join("peers/usr/lib")).chain(below("/usr/lib".into()));
    let found = folders
        .find_map(|folder| Some(folder.join("faketime/libfaketime.so.1")).filter(|library| library.exists()));
    found.expect("libfaketime is missing; `./test` provides it")
}

/// Returns a line for each finding, that says what was found of what.
pub(crate) fn all_told(report: &Value) -> BTreeSet<String> {
    report["findings"].as_array().expect("there is a list").iter().map(told).collect()
}

/// Returns a line that says what was found of what.
pub(crate) fn told(finding: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let subject = &finding["subject"];
    let namespace = subject["namespace"].as_str().map(|name| format!("{name}/")).unwrap_or_default();
    let [severity, check] = ["severity", "check"].map(|field| text(&finding[field]));
    format!("{severity} {check} {} {namespace}{}", text(&subject["kind"]), text(&subject["name"]))
}

/// Returns the checks that found something of a severity.
pub(crate) fn found(report: &Value, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("there is a list");
    let of = findings.iter().filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["check"].as_str().expect("an id").to_owned()).collect()
}
