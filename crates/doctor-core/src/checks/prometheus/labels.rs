//! Labels whose values have no bound.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// More values than these are not a set that somebody chose.
const MANY: u64 = 10_000;
/// Labels whose values are as many as there are objects: large in a large cluster, and bounded by it.
const OF_OBJECTS: [&str; 14] = [
    "__name__",
    "container_id",
    "id",
    "image_id",
    "instance",
    "name",
    "node",
    "pod",
    "pod_ip",
    "pod_uid",
    "replicaset",
    "secret",
    "uid",
    "configmap",
];

pub(crate) const CHECK: Check = Check {
    id: "prometheus/labels",
    group: Group::Prometheus,
    severity: Severity::Warning,
    title: "a label has values without bound",
    meaning: "A label that holds an identity of a user, an address or a path makes a new series for each of them, and never uses the \
              old ones again. The values then fill memory and index, and no query that goes over them ends in time.",
    basis: &["https://prometheus.io/docs/practices/instrumentation/#do-not-overuse-labels"],
    needs: &[Need::Prometheus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let source = format!("{}/api/v1/status/tsdb", facts.prometheus.server);
    for (label, count) in facts.prometheus.by_label.iter().filter(|(_, count)| *count >= MANY) {
        let severity = if OF_OBJECTS.contains(&label.as_str()) { Severity::Info } else { Severity::Warning };
        let evidence = vec![Evidence::new(format!("values of {label}"), count, &source)];
        let summary = format!("the label {label} has very many values: {count}");
        let advice = "see which metric has it (`count by (__name__) ({LABEL!=\"\"})`), and have its program count by something that has a \
                      bound; until then drop that metric where it is scraped";
        findings.add(severity, subject(facts), summary, advice, evidence);
    }
}
