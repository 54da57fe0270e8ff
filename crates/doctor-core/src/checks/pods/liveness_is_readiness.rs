//! Liveness probes that ask the same as readiness probes, and give up as soon.

use super::{ByNamespace, Group, Told, patience};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Probe};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "pods/liveness-is-readiness",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "a liveness probe asks what the readiness probe asks, and is not more patient",
    meaning: "What cannot answer for a moment should be left alone by taking it out of its Services. Here it is killed at the same \
              time, and under load that happens to all replicas at once.",
    basis: &["https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut ordinary = ByNamespace::default();
    for group in Group::all(facts) {
        for container in group.of.template.running() {
            let (Some(live), Some(ready)) = (&container.liveness_probe, &container.readiness_probe) else {
                continue;
            };
            if !is_same(live, ready) || patience(live) > patience(ready) {
                continue;
            }
            let evidence = vec![
                group.evidence("taken out of Services after", format!("{} s", patience(ready))),
                group.evidence("killed after", format!("{} s", patience(live))),
            ];
            if databases::recognise(container).is_some() {
                group.tell(findings, &of_database(container, evidence));
            } else {
                let summary = "liveness probes ask what readiness probes ask, and give up as soon".to_owned();
                let advice =
                    "give liveness a question of its own that needs nobody else, or many more failures";
                let told = Told { severity: Severity::Info, summary, advice: advice.to_owned(), evidence };
                ordinary.tell(findings, group, told);
            }
        }
    }
}

fn of_database(container: &Container, evidence: Vec<crate::Evidence>) -> Told {
    let summary =
        format!("container {} is killed as soon as it is taken out of its Services", container.name);
    let advice = "remove the liveness probe of the database, and keep the readiness probe".to_owned();
    Told { severity: Severity::Warning, summary, advice, evidence }
}

fn is_same(one: &Probe, other: &Probe) -> bool {
    let handler = |probe: &Probe| {
        (probe.http_get.clone(), probe.exec.clone(), probe.tcp_socket.clone(), probe.grpc.clone())
    };
    handler(one) == handler(other)
}
