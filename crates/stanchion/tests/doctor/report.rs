//! What the doctor said.

use serde_json::Value;

use crate::support::command::{Outcome, run, stanchion};

/// Runs the doctor with words, and returns how it ended with what it reported.
pub(crate) async fn doctor(words: &[&str]) -> (Outcome, Value) {
    let outcome = run(stanchion().args(["--output", "json", "doctor"]).args(words)).await;
    let report = serde_json::from_str(&outcome.stdout);
    (outcome.clone(), report.unwrap_or_else(|error| panic!("no report: {error}: {outcome:?}")))
}

/// Returns the checks that found something of a severity.
pub(crate) fn found(report: &Value, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("there is a list");
    let of = findings.iter().filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["check"].as_str().expect("an id").to_owned()).collect()
}
