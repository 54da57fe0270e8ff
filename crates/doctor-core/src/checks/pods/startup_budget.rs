//! How long something may take to start before it is killed.

use super::{ByNamespace, Group, Told, budget};
use crate::check::{Check, Group as Of};
use crate::checks::databases::probes::{Asks, asks};
use crate::checks::databases::{self, Database};
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Probe};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// A database that recovers after a crash reads its log for minutes. kubeadm gives etcd a little more than this.
const OF_DATABASES: i64 = 240;
/// What a liveness probe gives of which nothing is said. With more, somebody has thought of it.
const USUAL: i64 = 30;

pub(crate) const CHECK: Check = Check {
    id: "pods/startup-budget",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "little time to start before a liveness probe kills",
    meaning: "Without a startup probe the liveness probe counts from the start, and what takes longer than it allows is killed \
              before it ever serves, again and again. A database that recovers after a crash takes minutes.",
    basis: &[
        "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#define-startup-probes",
    ],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut ordinary = ByNamespace::default();
    for group in Group::all(facts) {
        for container in group.of.template.running() {
            match databases::recognise(container) {
                Some(database) => {
                    if let Some(told) = of_database(group, container, database) {
                        group.tell(findings, &told);
                    }
                }
                None => {
                    if let Some(told) = of_others(group, container) {
                        ordinary.tell(findings, group, told);
                    }
                }
            }
        }
    }
}

/// Only probes that ask the database are held against it: who manages one starts at once.
fn of_database(group: Group<'_>, container: &Container, database: Database) -> Option<Told> {
    let is_asked =
        |probe: &&Probe| matches!(asks(container, database, probe), Asks::Database(_) | Asks::Script(_));
    let startup = container.startup_probe.as_ref();
    let (what, probe) = match startup {
        Some(startup) => ("startup", startup),
        None => ("liveness", container.liveness_probe.as_ref()?),
    };
    let seconds = budget(probe);
    if !is_asked(&probe) || seconds >= OF_DATABASES {
        return None;
    }
    let (name, engine) = (&container.name, database.engine.name);
    Some(Told {
        severity: Severity::Warning,
        summary: format!(
            "container {name} ({engine}) is killed by its {what} probe if it needs more than {seconds} s to start"
        ),
        advice: format!(
            "give it a startup probe with failureThreshold × periodSeconds of at least {OF_DATABASES}, better of what its \
             longest recovery took"
        ),
        evidence: vec![
            group.evidence("time to start", format!("{seconds} s")),
            group.evidence("image", &container.image),
        ],
    })
}

fn of_others(group: Group<'_>, container: &Container) -> Option<Told> {
    let liveness = container.liveness_probe.as_ref().filter(|_| container.startup_probe.is_none())?;
    let seconds = budget(liveness);
    (seconds < USUAL).then(|| Told {
        severity: Severity::Info,
        summary: format!("containers are killed if they need more than {USUAL} s to start"),
        advice: "give them a startup probe; a liveness probe can then stay strict".to_owned(),
        evidence: vec![
            group.evidence(format!("time to start of {}", container.name), format!("{seconds} s")),
        ],
    })
}
