//! Metrics for Prometheus: as a file that the textfile collector of `node_exporter` takes, and as what `--watch` serves.
//!
//! Labels are ids of checks, severities and outcomes: there are as many series as there are checks, whatever is found.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use stanchion_doctor_core::{Report, Severity};

use crate::document::Document;

type Number = Gauge<i64>;
type Real = Gauge<f64, AtomicU64>;

/// Why a check was run or not.
const STATES: [&str; 3] = ["run", "failed", "unasked"];

/// How looks went so far, of what looks again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// How many came to an end with a report.
    pub done: u64,
    /// How many came to none.
    pub failed: u64,
    /// How many lasted longer than the time between two.
    pub late: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    check: &'static str,
    severity: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    check: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: String,
}

/// Writes metrics: of the newest report if there is one, and of the looks so far if there are several.
pub fn metrics(version: &str, document: Option<&Document<'_>>, looks: Option<Looks>) -> String {
    let mut registry = Registry::with_prefix("stanchion_doctor");
    let build = Family::<BuildLabels, Number>::default();
    build.get_or_create(&BuildLabels { version: version.to_owned() }).set(1);
    registry.register("build_info", "1, with the version of what made this", build);
    if let Some(document) = document {
        of_look(&mut registry, document);
        of_findings(&mut registry, document.report);
    }
    if let Some(looks) = looks {
        of_looks(&mut registry, looks);
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes all that is written");
    text
}

fn of_look(registry: &mut Registry, document: &Document<'_>) {
    let at = Number::default();
    at.set(document.at);
    registry.register("look_timestamp_seconds", "When the newest report was made, since the Unix epoch", at);
    let took = Real::default();
    took.set(document.took.as_secs_f64());
    registry.register("look_duration_seconds", "How long the newest report took", took);
    let complete = Number::default();
    complete.set(i64::from(!document.report.is_incomplete()));
    registry.register("look_complete", "Whether all was read for it that was asked for", complete);
}

fn of_findings(registry: &mut Registry, report: &Report) {
    let findings = Family::<FindingLabels, Number>::default();
    for check in &report.run {
        for severity in Severity::ALL {
            findings.get_or_create(&FindingLabels { check, severity: severity.name() }).set(0);
        }
    }
    for finding in &report.findings {
        let labels = FindingLabels { check: finding.check, severity: finding.severity.name() };
        findings.get_or_create(&labels).inc();
    }
    registry.register(
        "findings",
        "Findings, by check and severity; of a check that was not run there are none",
        findings,
    );
    let exempted = Family::<CheckLabels, Number>::default();
    for one in &report.exempted {
        exempted.get_or_create(&CheckLabels { check: one.check }).inc_by(amount(one.count));
    }
    registry.register("exempted", "What was found and is exempt, by check", exempted);
    let checks = Family::<StateLabels, Number>::default();
    for state in STATES {
        checks.get_or_create(&StateLabels { state }).set(0);
    }
    checks.get_or_create(&StateLabels { state: STATES[0] }).set(amount(report.run.len()));
    for check in &report.not_run {
        checks.get_or_create(&StateLabels { state: STATES[if check.unasked { 2 } else { 1 }] }).inc();
    }
    registry.register(
        "checks",
        "Checks, by whether they were run, could not be, or were not asked for",
        checks,
    );
    let gaps = Number::default();
    gaps.set(amount(report.gaps.len()));
    registry.register("gaps", "What could be read only in part", gaps);
}

fn of_looks(registry: &mut Registry, looks: Looks) {
    let Looks { done, failed, late } = looks;
    let all = Family::<OutcomeLabels, Counter>::default();
    for (outcome, count) in [("done", done), ("failed", failed)] {
        all.get_or_create(&OutcomeLabels { outcome }).inc_by(count);
    }
    registry.register("looks", "Looks, by whether there was a report in the end", all);
    let lates = Counter::<u64>::default();
    lates.inc_by(late);
    registry.register("looks_late", "Looks that lasted longer than the time between two", lates);
}

fn amount(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use prometheus_parse::{Scrape, Value};

    use super::*;
    use crate::sample::{document, report};

    /// Returns the values of all series of a metric, by the values of their labels.
    fn read(text: &str, name: &str) -> Vec<(Vec<String>, f64)> {
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).expect("it is in the exposition format");
        let of_name = scrape.samples.into_iter().filter(|sample| sample.metric == name);
        let mut values: Vec<_> = of_name
            .map(|sample| {
                let mut labels: Vec<_> = sample.labels.values().cloned().collect();
                labels.sort();
                let (Value::Gauge(value) | Value::Counter(value) | Value::Untyped(value)) = sample.value
                else {
                    panic!("{name} is no number");
                };
                (labels, value)
            })
            .collect();
        values.sort_by(|one, other| one.0.cmp(&other.0));
        values
    }

    fn labels(of: &[&str]) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_report_is_counted_by_check_and_severity() {
        let report = report();
        let text = metrics("0.1.0", Some(&document(&report)), None);
        let findings = read(&text, "stanchion_doctor_findings");
        assert_eq!(findings.len(), 9, "each check that was run, in each severity: {text}");
        assert_eq!(findings[0], (labels(&["critical", "etcd/alarm"]), 1.0));
        assert_eq!(findings.iter().filter(|(_, count)| *count > 0.0).count(), 3);
        let checks = read(&text, "stanchion_doctor_checks");
        assert_eq!(
            checks,
            [(labels(&["failed"]), 1.0), (labels(&["run"]), 3.0), (labels(&["unasked"]), 1.0)]
        );
        for (name, value) in [
            ("exempted", 2.0),
            ("gaps", 1.0),
            ("look_complete", 0.0),
            ("look_timestamp_seconds", 1_800_000_000.0),
            ("look_duration_seconds", 1.5),
            ("build_info", 1.0),
        ] {
            let values = read(&text, &format!("stanchion_doctor_{name}"));
            assert_eq!(values.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [value], "{name}: {text}");
        }
        assert!(!text.contains("script") && !text.contains("looks"), "no names, no looks: {text}");
    }

    #[test]
    fn looks_are_counted_also_before_the_first_report() {
        let text = metrics("0.1.0", None, Some(Looks { done: 3, failed: 2, late: 1 }));
        let looks = read(&text, "stanchion_doctor_looks_total");
        assert_eq!(looks, [(labels(&["done"]), 3.0), (labels(&["failed"]), 2.0)]);
        assert_eq!(read(&text, "stanchion_doctor_looks_late_total"), [(Vec::new(), 1.0)]);
        assert!(
            read(&text, "stanchion_doctor_findings").is_empty(),
            "nothing is said of what was not looked at"
        );
    }
}
