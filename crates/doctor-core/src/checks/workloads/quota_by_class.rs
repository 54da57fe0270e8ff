//! Classes of priority that anybody may use.

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::cluster::{PriorityClass, Quota, Scope};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// From here on classes are those of the system.
const SYSTEM: i32 = 2_000_000_000;

pub(crate) const CHECK: Check = Check {
    id: "workloads/quota-by-class",
    group: Group::Workloads,
    severity: Severity::Info,
    title: "a class of priority may be used by anybody",
    meaning: "Whoever may make Pods in any namespace may give them this class, and push out what has a lower one. A ResourceQuota that is \
              scoped to the class, in each namespace, says how much of it may be used there.",
    basis: &[
        "https://kubernetes.io/docs/concepts/policy/resource-quotas/#resource-quota-per-priorityclass",
        "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/",
    ],
    needs: &[Need::KubePolicies],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let pushes = |class: &&PriorityClass| {
        (1..SYSTEM).contains(&class.value)
            && !class.global_default
            && class.preemption_policy.as_deref() != Some("Never")
    };
    for class in facts.kube.priority_classes.iter().filter(pushes) {
        if facts.kube.quotas.iter().any(|quota| names(quota, &class.meta.name)) {
            continue;
        }
        let subject = class.meta.subject("PriorityClass");
        let source = source::of(facts, &subject);
        let evidence = vec![
            Evidence::new("value", class.value, &source),
            Evidence::new(
                "quotas of this class",
                "none",
                format!("{}/api/v1/resourcequotas", facts.kube.server),
            ),
        ];
        let summary = "no ResourceQuota says who may use it, or how much";
        let advice = "give namespaces a ResourceQuota scoped to it, of nothing where it is not to be used";
        findings.add(Severity::Info, subject, summary, advice, evidence);
    }
}

/// Returns whether a quota is about a class.
fn names(quota: &Quota, class: &str) -> bool {
    let is_about = |scope: &Scope| {
        scope.name == "PriorityClass"
            && match scope.operator.as_str() {
                "In" => scope.values.iter().any(|value| value == class),
                "NotIn" => !scope.values.iter().any(|value| value == class),
                _ => true,
            }
    };
    quota.spec.scope_selector.match_expressions.iter().any(is_about)
        || quota.spec.scopes.iter().any(|scope| scope == "PriorityClass")
}
