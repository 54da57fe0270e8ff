//! Liveness probes that ask a database.

use super::{Group, Told, patience};
use crate::check::{Check, Group as Of};
use crate::checks::databases::probes::{Asks, asks};
use crate::checks::databases::{self, Database};
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Probe, Template};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

const ADVICE: &str = "remove the liveness probe, or let it ask only whether who starts the database is there; let a readiness \
                      probe take a slow one out of its Services";

pub(crate) const CHECK: Check = Check {
    id: "pods/liveness-on-database",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "a liveness probe asks a database",
    meaning: "A database that is slow, recovers or has no connection left does not answer, and is killed for it: it comes back with \
              cold caches and more to recover, and is killed again. A restart is the fault here, not the cure.",
    basis: &[
        "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
        "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
    ],
    needs: &[Need::KubePods],
    fix: Some("takes the liveness probe off, and lets the readiness probe watch the start"),
    run,
};

/// Returns the containers whose liveness probe asks their database for certain.
pub(crate) fn asked(template: &Template) -> impl Iterator<Item = &Container> {
    databases::of(template).filter_map(|(container, database)| {
        let probe = container.liveness_probe.as_ref()?;
        matches!(asks(container, database, probe), Asks::Database(_)).then_some(container)
    })
}

fn run(facts: &Facts, findings: &mut Findings) {
    for group in Group::all(facts) {
        for (container, database) in databases::of(&group.of.template) {
            let Some(probe) = &container.liveness_probe else { continue };
            if let Some(told) = judge(group, container, database, probe) {
                group.tell(findings, &told);
            }
        }
    }
}

fn judge(group: Group<'_>, container: &Container, database: Database, probe: &Probe) -> Option<Told> {
    let (name, engine) = (&container.name, database.engine.name);
    let (severity, summary) = match asks(container, database, probe) {
        Asks::Others => return None,
        Asks::Database(how) => {
            (Severity::Warning, format!("the liveness probe of container {name} ({engine}) {how}"))
        }
        Asks::Script(script) => {
            let summary = format!(
                "the liveness probe of container {name} ({engine}) runs {script}, which may ask the database"
            );
            (Severity::Info, summary)
        }
    };
    let restarts =
        group.pods().flat_map(|pod| &pod.containers).filter(|state| *state.name == *container.name);
    let restarts: u64 = restarts.map(|state| u64::from(state.restarts)).sum();
    let evidence = vec![
        group.evidence("image", &container.image),
        group.evidence("without an answer it is killed after", format!("{} s", patience(probe))),
        group.evidence("an answer may take", format!("{} s", probe.timeout_seconds.unwrap_or(1))),
        group.evidence("restarts so far", restarts),
    ];
    Some(Told { severity, summary, advice: ADVICE.to_owned(), evidence })
}
