//! Budgets that no drain gets past.

use super::subject;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::cluster::Budget;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "budgets/blocking",
    group: Group::Budgets,
    severity: Severity::Warning,
    title: "a budget allows no disruption",
    meaning: "A budget that needs all of its Pods lets none be evicted, so that a drain of their nodes never ends. Upgrades hang on it, \
              until somebody deletes the Pod or the budget in a hurry.",
    basis: &["https://kubernetes.io/docs/tasks/run-application/configure-pdb/"],
    needs: &[Need::KubeBudgets],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for budget in facts.kube.budgets.iter().filter(|budget| !budget.meta.is_going()) {
        let status = &budget.status;
        // What the controller has not yet looked at, or has no Pods for, says nothing.
        if status.expected_pods <= 0 || status.observed_generation < budget.meta.generation {
            continue;
        }
        let Some(needed) = needed(budget).filter(|_| !is_of_role(budget)) else { continue };
        let source = source::of(facts, &subject(budget));
        let mut evidence = asked(budget, &source);
        evidence.push(Evidence::new("Pods", status.expected_pods, &source));
        evidence.push(Evidence::new("of which are well", status.current_healthy, &source));
        let (severity, summary, advice) = if needed >= status.expected_pods {
            let advice = if status.expected_pods == 1 {
                "one Pod cannot be moved without being away: remove the budget, or run more than one"
            } else {
                "set `maxUnavailable: 1`, which always allows one to be moved"
            };
            // An operator may move what its Pod does elsewhere first.
            let is_operated = budget.meta.controller().is_some();
            let severity = if is_operated { Severity::Info } else { Severity::Warning };
            (severity, "it needs all of its Pods, so that none can ever be evicted", advice)
        } else if status.disruptions_allowed == 0 && status.current_healthy < status.expected_pods {
            let advice = "see to the Pods that are not well before nodes are drained";
            (Severity::Info, "it allows no disruption now, since Pods of it are not well", advice)
        } else {
            continue;
        };
        findings.add(severity, subject(budget), summary, advice, evidence);
    }
}

/// Returns whether a budget is about who has a role, as the one that writes: it can be evicted once another one has it, which
/// is what operators of databases do when a node is drained.
fn is_of_role(budget: &Budget) -> bool {
    let selector = budget.spec.selector.as_ref();
    selector.is_some_and(|selector| {
        let keys = selector.match_labels.keys().chain(selector.match_expressions.iter().map(|one| &one.key));
        keys.into_iter().any(|key| key.to_ascii_lowercase().ends_with("role"))
    })
}

/// Returns how many Pods have to stay when all are well.
fn needed(budget: &Budget) -> Option<i64> {
    let (spec, all) = (&budget.spec, budget.status.expected_pods);
    match (&spec.min_available, &spec.max_unavailable) {
        (Some(least), _) => least.of(all),
        (None, Some(most)) => Some(all - most.of(all)?),
        (None, None) => None,
    }
}

fn asked(budget: &Budget, source: &str) -> Vec<Evidence> {
    let both =
        [("minAvailable", &budget.spec.min_available), ("maxUnavailable", &budget.spec.max_unavailable)];
    let asked = both.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    asked.map(|(name, value)| Evidence::new(name, value.shown(), source)).collect()
}
