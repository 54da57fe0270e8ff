//! Rollouts that do not get on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::meta::condition;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::Seconds;

/// As long as a Deployment waits that says nothing.
const PATIENCE: i64 = 600;

pub(crate) const CHECK: Check = Check {
    id: "workloads/stalled",
    group: Group::Workloads,
    severity: Severity::Warning,
    title: "a rollout does not get on",
    meaning: "Some Pods are of the new version and some of the old one, or nobody has acted on the change at all. It stays like that until \
              somebody mends the new version or goes back.",
    basis: &[
        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment",
        "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback",
    ],
    needs: &[Need::KubeWorkloads, Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut pods: BTreeMap<&Subject, Vec<&Pod>> = BTreeMap::new();
    for group in facts.kube.pods.groups().iter().filter(|group| group.cause.kind == "StatefulSet") {
        let live = facts.kube.pods.members(group).filter(|pod| pod.is_live());
        pods.entry(&group.cause).or_default().extend(live);
    }
    for workload in facts.kube.workloads.iter().filter(|workload| !workload.meta.is_going()) {
        let subject = workload.subject();
        let own = pods.get(&subject).map(Vec::as_slice).unwrap_or_default();
        unseen(facts, findings, workload);
        match workload.kind {
            WorkloadKind::Deployment => deployment(facts, findings, workload),
            WorkloadKind::StatefulSet => stateful_set(facts, findings, workload, own),
            WorkloadKind::DaemonSet => {}
        }
    }
}

/// Nobody looks after it at all.
fn unseen(facts: &Facts, findings: &mut Findings, workload: &Workload) {
    let age = workload.meta.created.map(|created| facts.now.saturating_sub(created));
    let Some(age) = age.filter(|age| workload.status.observed_generation == 0 && *age >= PATIENCE) else {
        return;
    };
    let subject = workload.subject();
    let source = source::of(facts, &subject);
    let evidence = vec![
        Evidence::new("made", format!("{} ago", Seconds(Duration::from_secs(age.unsigned_abs()))), &source),
        Evidence::new("observedGeneration", 0, &source),
    ];
    let advice = "see whether the controller of this kind runs";
    findings.add(Severity::Warning, subject, "no controller has looked at it", advice, evidence);
}

fn deployment(facts: &Facts, findings: &mut Findings, workload: &Workload) {
    let Some(progressing) = condition(&workload.status.conditions, "Progressing") else { return };
    if progressing.status != "False" || progressing.reason != "ProgressDeadlineExceeded" {
        return;
    }
    let subject = workload.subject();
    let source = source::of(facts, &subject);
    let status = &workload.status;
    let evidence = vec![
        Evidence::new("Progressing", &progressing.message, &source),
        Evidence::new("of the new version", status.updated_replicas, &source),
        Evidence::new(
            "available",
            format!("{} of {}", status.available_replicas, workload.desired()),
            &source,
        ),
    ];
    let advice = "see why the new Pods are not ready, or go back: `kubectl rollout undo`";
    let summary = "its rollout has not got on for longer than its progressDeadlineSeconds";
    findings.add(Severity::Warning, subject, summary, advice, evidence);
}

/// A StatefulSet replaces the next Pod only once the one before is ready, for ever.
fn stateful_set(facts: &Facts, findings: &mut Findings, workload: &Workload, pods: &[&Pod]) {
    let status = &workload.status;
    let is_under_way =
        !status.update_revision.is_empty() && status.current_revision != status.update_revision;
    if !is_under_way || workload.spec.update_strategy.kind == "OnDelete" {
        return;
    }
    let unready = pods.iter().filter(|pod| !pod.is_ready).filter_map(|pod| {
        let since = pod.ready_since.or(pod.created)?;
        Some((*pod, facts.now.saturating_sub(since))).filter(|(_, time)| *time >= PATIENCE)
    });
    let Some((pod, time)) = unready.max_by_key(|(_, time)| *time) else { return };
    let subject = workload.subject();
    let evidence = vec![
        Evidence::new(
            format!("Pod {} is not ready for", pod.name),
            Seconds(Duration::from_secs(time.unsigned_abs())),
            source::of(facts, &pod.subject()),
        ),
        Evidence::new(
            "of the new revision",
            format!("{} of {}", status.updated_replicas, workload.desired()),
            source::of(facts, &subject),
        ),
    ];
    let advice = "mend the Pod that is not ready; after going back to a version that works, delete that Pod by hand, since the \
                  StatefulSet waits for it";
    let summary = "its update waits for a Pod that does not become ready";
    findings.add(Severity::Warning, subject, summary, advice, evidence);
}
