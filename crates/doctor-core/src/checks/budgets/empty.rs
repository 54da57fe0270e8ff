//! Budgets of nothing.

use super::{selecting, subject};
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "budgets/empty",
    group: Group::Budgets,
    severity: Severity::Info,
    title: "a budget selects no Pods",
    meaning: "No Pod has the labels that the budget asks for, and no workload of its namespace makes such Pods. What it was to protect \
              is called otherwise, or is gone.",
    basis: &["https://kubernetes.io/docs/tasks/run-application/configure-pdb/"],
    needs: &[Need::KubeBudgets, Need::KubePods, Need::KubeWorkloads],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (budget, selector) in selecting(facts) {
        // Whoever makes budgets for what is not there yet knows about it.
        let Some(selector) = selector.filter(|_| budget.meta.owner_references.is_empty()) else { continue };
        let namespace = budget.meta.namespace();
        let has_pods = facts.kube.pods.selected(namespace, &selector).next().is_some();
        let mut workloads =
            facts.kube.workloads.iter().filter(|workload| workload.meta.namespace() == namespace);
        if has_pods || workloads.any(|workload| selector.matches(workload.pod_labels())) {
            continue;
        }
        let labels = budget.spec.selector.iter().flat_map(|selector| &selector.match_labels);
        let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
        let evidence = vec![Evidence::new("selector", labels.join(","), source::of(facts, &subject(budget)))];
        let advice = "compare its selector with the labels of the Pods it is for, or remove it";
        findings.add(Severity::Info, subject(budget), "it selects no Pod", advice, evidence);
    }
}
