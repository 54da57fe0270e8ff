//! How much databases matter.

use super::{Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::facts::Facts;
use crate::facts::kube::cluster::PriorityClass;
use crate::facts::kube::template::Template;
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// From here on priorities are those of the system.
const SYSTEM: i32 = 1_000_000_000;

pub(crate) const CHECK: Check = Check {
    id: "pods/database-priority",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "a database matters no more than anything else",
    meaning: "When a node is lost and there is not room for all, those of higher priority are placed, and push others out. A database \
              without a class of priority waits behind them, or has to go for them.",
    basis: &["https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/"],
    needs: &[Need::KubePods, Need::KubePolicies],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut highest: Option<Group<'_>> = None;
    for group in Group::all(facts).filter(|group| !databases::is_one(&group.of.template)) {
        let priority = priority(&group.of.template);
        if preempts(facts, &group.of.template)
            && (1..SYSTEM).contains(&priority)
            && highest.is_none_or(|other| self::priority(&other.of.template) < priority)
        {
            highest = Some(group);
        }
    }
    for group in Group::all(facts).filter(|group| databases::is_one(&group.of.template)) {
        let own = priority(&group.of.template);
        let has_class = group.of.template.priority_class_name.as_deref().is_some_and(|name| !name.is_empty());
        if own > 0 || has_class {
            continue;
        }
        let mut evidence = vec![group.evidence("priority", own)];
        let advice = "make a PriorityClass for databases and name it in priorityClassName".to_owned();
        let (severity, summary) = match highest {
            Some(other) => {
                let what = format!("priority of {}", other.of.cause);
                evidence.push(other.evidence(what, priority(&other.of.template)));
                (Severity::Warning, "it can be pushed out by what is no database".to_owned())
            }
            None => (Severity::Info, "it has no class of priority, as nothing has here".to_owned()),
        };
        group.tell(findings, &Told { severity, summary, advice, evidence });
    }
}

fn priority(template: &Template) -> i32 {
    template.priority.unwrap_or_default()
}

/// Returns whether Pods push others out; those of some classes only go first in the queue.
fn preempts(facts: &Facts, template: &Template) -> bool {
    let name = template.priority_class_name.as_deref().unwrap_or_default();
    let is_never = |class: &PriorityClass| {
        class.meta.name == name && class.preemption_policy.as_deref() == Some("Never")
    };
    !facts.kube.priority_classes.iter().any(is_never)
}
