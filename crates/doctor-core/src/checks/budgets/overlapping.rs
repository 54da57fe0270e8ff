//! Pods with more than one budget.

use std::collections::BTreeMap;

use super::{selecting, subject};
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::cluster::Budget;
use crate::facts::kube::pods::PodGroup;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "budgets/overlapping",
    group: Group::Budgets,
    severity: Severity::Warning,
    title: "Pods have more than one budget",
    meaning: "The API evicts no Pod that two budgets select, whatever they allow: it answers with an error. A drain of its node never ends.",
    basis: &["https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/"],
    needs: &[Need::KubeBudgets, Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut of_group: BTreeMap<*const PodGroup, (&PodGroup, Vec<&Budget>)> = BTreeMap::new();
    let selecting: Vec<_> = selecting(facts).collect();
    for (budget, selector) in &selecting {
        let Some(selector) = selector else { continue };
        for group in facts.kube.pods.selected(budget.meta.namespace(), selector) {
            of_group.entry(std::ptr::from_ref(group)).or_insert((group, Vec::new())).1.push(budget);
        }
    }
    for (group, budgets) in of_group.into_values().filter(|(_, budgets)| budgets.len() > 1) {
        let names: Vec<&str> = budgets.iter().map(|budget| budget.meta.name.as_str()).collect();
        let summary =
            format!("its Pods cannot be evicted, since the budgets {} select them", names.join(", "));
        let advice = "leave one of them, or make their selectors disjoint";
        let one = |budget: &&Budget| {
            Evidence::new("budget", &budget.meta.name, source::of(facts, &subject(budget)))
        };
        let evidence: Vec<Evidence> = budgets.iter().map(one).collect();
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            let evidence = evidence.clone();
            findings.add_of(Severity::Warning, &group.cause, pod.subject(), &summary, advice, evidence);
        }
    }
}
