//! Replicas that a drain may take all at once.

use std::collections::{BTreeMap, BTreeSet};

use super::selecting;
use crate::check::{Check, Group};
use crate::checks::{databases, source};
use crate::facts::Facts;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::pods::PodGroup;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) const CHECK: Check = Check {
    id: "budgets/missing",
    group: Group::Budgets,
    severity: Severity::Warning,
    title: "replicas have no budget",
    meaning: "Whoever drains several nodes may evict all replicas at once, since nothing says how many have to stay. For a database that \
              is an outage, or the loss of those who may acknowledge.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-budgets"],
    needs: &[Need::KubeBudgets, Need::KubePods, Need::KubeWorkloads],
    fix: Some("makes a PodDisruptionBudget with maxUnavailable 1 for a database"),
    run,
};

/// What makes several Pods.
struct Maker<'a> {
    first: &'a Pod,
    pods: i64,
    is_database: bool,
    has_budget: bool,
}

fn run(facts: &Facts, findings: &mut Findings) {
    let selecting: Vec<_> = selecting(facts).collect();
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    let mut covered: BTreeSet<*const PodGroup> = BTreeSet::new();
    for (budget, selector) in &selecting {
        match selector {
            Some(selector) => {
                let groups = facts.kube.pods.selected(budget.meta.namespace(), selector);
                covered.extend(groups.map(std::ptr::from_ref));
            }
            None => {
                unknown.insert(budget.meta.namespace());
            }
        }
    }
    let mut makers: BTreeMap<&Subject, Maker<'_>> = BTreeMap::new();
    for group in facts.kube.pods.groups() {
        let is_kept = !matches!(group.cause.kind.as_str(), "Pod" | "Job" | "CronJob" | "DaemonSet");
        if !is_kept || unknown.contains(&*group.namespace) {
            continue;
        }
        let live = || facts.kube.pods.members(group).filter(|pod| pod.is_live());
        let Some(first) = live().next() else { continue };
        let new = || Maker { first, pods: 0, is_database: false, has_budget: false };
        let maker = makers.entry(&group.cause).or_insert_with(new);
        maker.pods += i64::try_from(live().count()).unwrap_or(i64::MAX);
        maker.is_database |= databases::is_one(&group.template);
        maker.has_budget |= covered.contains(&std::ptr::from_ref(group));
    }
    // While a new version is rolled out there may be more Pods than are meant to be.
    let wanted = facts.kube.workloads.iter().map(|workload| (workload.subject(), workload.desired()));
    let wanted: BTreeMap<Subject, i64> = wanted.collect();
    for (cause, maker) in makers.into_iter().filter(|(_, maker)| !maker.has_budget) {
        if wanted.get(cause).copied().unwrap_or(maker.pods) >= 2 {
            tell(facts, findings, cause, &maker);
        }
    }
}

fn tell(facts: &Facts, findings: &mut Findings, cause: &Subject, maker: &Maker<'_>) {
    let namespace = &maker.first.namespace;
    let budgets = format!("{}/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", facts.kube.server);
    let evidence = vec![
        Evidence::new("Pods", maker.pods, source::of(facts, cause)),
        Evidence::new("budgets for them", "none", budgets),
    ];
    if maker.is_database {
        let summary = "its Pods may all be evicted at once: no PodDisruptionBudget selects them";
        let advice = "make a PodDisruptionBudget with `maxUnavailable: 1` for them";
        findings.add(Severity::Warning, cause.clone(), summary, advice, evidence);
    } else {
        let namespace = Subject::new("Namespace", &**namespace);
        let summary = "workloads of several replicas have no PodDisruptionBudget";
        let advice = "make PodDisruptionBudgets for those that have to serve while nodes are drained";
        findings.add_of(Severity::Info, &namespace, cause.clone(), summary, advice, evidence);
    }
}
