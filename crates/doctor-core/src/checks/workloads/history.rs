//! Old revisions that are kept.

use std::collections::BTreeMap;

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// What is kept if nothing is said.
const USUAL: i64 = 10;
/// So many old ReplicaSets of one Deployment are seen in every list.
const MANY: usize = 30;

pub(crate) const CHECK: Check = Check {
    id: "workloads/history",
    group: Group::Workloads,
    severity: Severity::Warning,
    title: "many old revisions of a workload are kept, or none",
    meaning: "Each old revision is an object in etcd and in every list, and nobody goes back by more than a few. Without any a rollout \
              that went wrong cannot be taken back.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy"],
    needs: &[Need::KubeWorkloads],
    fix: Some("limits it to 10"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut old: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for set in &facts.kube.replica_sets {
        let owner = set.meta.controller().filter(|owner| owner.kind == "Deployment");
        let is_old = set.spec.replicas == Some(0) && set.status.replicas.unwrap_or_default() == 0;
        if let Some(owner) = owner.filter(|_| is_old) {
            *old.entry((set.meta.namespace(), &owner.name)).or_default() += 1;
        }
    }
    for workload in &facts.kube.workloads {
        let key = (workload.meta.namespace(), workload.meta.name.as_str());
        let kept = old.get(&key).copied().filter(|_| workload.kind == WorkloadKind::Deployment);
        judge(facts, findings, workload, kept.unwrap_or_default());
    }
}

fn judge(facts: &Facts, findings: &mut Findings, workload: &Workload, kept: usize) {
    let limit = workload.spec.revision_history_limit.unwrap_or(USUAL);
    let subject = workload.subject();
    let source = source::of(facts, &subject);
    let mut evidence = vec![Evidence::new("revisionHistoryLimit", limit, &source)];
    if workload.kind == WorkloadKind::Deployment {
        evidence.push(Evidence::new("old ReplicaSets", kept, &source));
    }
    let (severity, summary, advice) = if kept > MANY {
        (Severity::Warning, "it keeps many old ReplicaSets", "set revisionHistoryLimit to 10 or less")
    } else if limit > USUAL {
        (Severity::Info, "it may keep many old revisions", "set revisionHistoryLimit to 10 or less")
    } else if limit == 0 && workload.kind == WorkloadKind::Deployment {
        let summary = "it keeps no old revision, and cannot be rolled back";
        (Severity::Info, summary, "set revisionHistoryLimit to 2 or more")
    } else {
        return;
    };
    findings.add(severity, subject, summary, advice, evidence);
}
