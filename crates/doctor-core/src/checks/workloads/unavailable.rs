//! Pods that run, and serve nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::{Check, Group};
use crate::checks::{databases, source};
use crate::facts::Facts;
use crate::facts::kube::pod::{Phase, Pod};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::Seconds;

/// A start, or a short illness, is over by then.
const PATIENCE: i64 = 600;

pub(crate) const CHECK: Check = Check {
    id: "workloads/unavailable",
    group: Group::Workloads,
    severity: Severity::Critical,
    title: "Pods run and are not ready",
    meaning: "Their containers run and do not crash, and still say that they cannot serve. An instance of a database that is not ready \
              copies nothing, or nobody may read from it: the next failure finds one fewer than there seem to be.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions"],
    needs: &[Need::KubePods, Need::KubeNodes],
    fix: None,
    run,
};

/// The Pods of one cause.
#[derive(Default)]
struct Kept<'a> {
    all: usize,
    is_database: bool,
    /// Those that are not ready, and for how many seconds.
    unready: Vec<(&'a Pod, i64)>,
}

fn run(facts: &Facts, findings: &mut Findings) {
    let ready = facts.kube.nodes.iter().map(|node| (node.meta.name.as_str(), node.is_ready()));
    let ready: BTreeMap<&str, bool> = ready.collect();
    let mut kept: BTreeMap<&Subject, Kept<'_>> = BTreeMap::new();
    for group in facts.kube.pods.groups() {
        if !matches!(group.template.restart_policy.as_str(), "Always" | "") {
            continue;
        }
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            let own = kept.entry(&group.cause).or_default();
            own.all += 1;
            let is_on_ready_node = pod.node.as_deref().is_some_and(|node| ready.get(node) == Some(&true));
            if let Some(time) = unready_for(facts, pod).filter(|_| is_on_ready_node) {
                own.is_database |= databases::is_one(&group.template);
                own.unready.push((pod, time));
            }
        }
    }
    for (cause, own) in kept.into_iter().filter(|(_, own)| !own.unready.is_empty()) {
        tell(facts, findings, cause, &own);
    }
}

fn tell(facts: &Facts, findings: &mut Findings, cause: &Subject, own: &Kept<'_>) {
    // Of what is no database some may stand by on purpose.
    let (severity, summary) = match (own.unready.len() == own.all, own.is_database) {
        (true, true) => (Severity::Critical, "all of its instances run and none is ready"),
        (true, false) => (Severity::Warning, "all of its Pods run and none is ready"),
        (false, true) => (Severity::Warning, "instances of it run and are not ready"),
        (false, false) => (Severity::Info, "Pods of it run and are not ready"),
    };
    for (pod, time) in &own.unready {
        let source = source::of(facts, &pod.subject());
        let evidence = vec![
            Evidence::new("not ready for", Seconds(Duration::from_secs(time.unsigned_abs())), &source),
            Evidence::new("not ready", format!("{} of {}", own.unready.len(), own.all), &source),
        ];
        let advice = "see what its readiness probe says in its Events, and what the program says in its log";
        findings.add_of(severity, cause, pod.subject(), summary, advice, evidence);
    }
}

/// Returns for how many seconds a Pod has not been ready, if that is long and its containers run nevertheless.
fn unready_for(facts: &Facts, pod: &Pod) -> Option<i64> {
    let ordinary = || pod.containers.iter().filter(|container| !container.is_init);
    // One that runs for a shorter time has begun again: it crashes.
    let runs = |since: i64| facts.now.saturating_sub(since) >= PATIENCE;
    let is_steady = ordinary().all(|container| container.running_since.is_some_and(runs));
    let time = facts.now.saturating_sub(pod.ready_since.or(pod.created)?);
    let is_found = pod.phase == Phase::Running && !pod.is_ready && is_steady && ordinary().next().is_some();
    (is_found && time >= PATIENCE).then_some(time)
}
