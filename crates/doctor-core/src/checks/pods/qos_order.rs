//! Who is killed first when a node runs out of memory.
//!
//! The kernel kills the process with the most memory, which the kubelet corrects by a score for each container: −997 for
//! those that are guaranteed all they may take, 1000 for those that ask for nothing, and in between the less memory is asked
//! for the higher. So of two that both take more than they ask for, the one with the higher score dies first.

use std::collections::BTreeMap;

use super::source;
use crate::check::{Check, Group};
use crate::checks::databases;
use crate::facts::Facts;
use crate::facts::kube::pod::{Pod, Qos};
use crate::facts::kube::pods::PodGroup;
use crate::facts::kube::template::{Container, Template};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::Bytes;

/// From here on priorities are those of the system.
const SYSTEM: i32 = 2_000_000_000;
const NODE_CRITICAL: &str = "system-node-critical";
const GUARANTEED: i64 = -997;
const BEST_EFFORT: i64 = 1000;

pub(crate) const CHECK: Check = Check {
    id: "pods/qos-order",
    group: Group::Pods,
    severity: Severity::Warning,
    title: "a database is killed before others when its node runs out of memory",
    meaning: "The kernel first kills what asked for nothing, then what took more than it asked for, and the kubelet evicts in the same \
              order. A database that is first pays for what its neighbours take.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior",
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/",
    ],
    needs: &[Need::KubePods, Need::KubeNodes],
    fix: None,
    run,
};

/// A Pod that does not hold a database, beside one.
struct Neighbour<'a> {
    pod: &'a Pod,
    /// The worst score of its containers.
    score: i64,
}

fn run(facts: &Facts, findings: &mut Findings) {
    let memory = facts.kube.nodes.iter().filter_map(|node| {
        let memory = node.status.capacity.memory.filter(|memory| *memory > 0)?;
        Some((node.meta.name.as_str(), memory))
    });
    let memory: BTreeMap<&str, i64> = memory.collect();
    let databases: Vec<&PodGroup> =
        facts.kube.pods.groups().iter().filter(|group| databases::is_one(&group.template)).collect();
    let mut neighbours: BTreeMap<&str, Vec<Neighbour<'_>>> = BTreeMap::new();
    for group in &databases {
        let nodes = facts.kube.pods.members(group).filter(|pod| pod.is_live());
        nodes.filter_map(|pod| pod.node.as_deref()).for_each(|node| {
            neighbours.entry(node).or_default();
        });
    }
    for group in facts.kube.pods.groups().iter().filter(|group| !databases::is_one(&group.template)) {
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            let Some(node) = pod.node.as_deref() else { continue };
            let (Some(beside), Some(memory)) = (neighbours.get_mut(node), memory.get(node)) else { continue };
            if group.template.priority.unwrap_or_default() < SYSTEM {
                let score = worst(&group.template, pod.qos, *memory);
                beside.push(Neighbour { pod, score });
            }
        }
    }
    for group in databases {
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            let Some(node) = pod.node.as_deref() else { continue };
            let (Some(beside), Some(memory)) = (neighbours.get(node), memory.get(node)) else { continue };
            judge(facts, group, pod, beside, (node, *memory), findings);
        }
    }
}

fn judge(
    facts: &Facts,
    group: &PodGroup,
    pod: &Pod,
    beside: &[Neighbour<'_>],
    (node, memory): (&str, i64),
    findings: &mut Findings,
) {
    for (container, database) in databases::of(&group.template) {
        let (own, priority) = (score(&group.template, container, pod.qos, memory), group.template.priority);
        // Where the Pod as a whole is bounded, what its containers may take is another question.
        let is_bounded = group.template.resources.limits.memory.is_some() || !may_exceed(container);
        if pod.qos == Qos::Guaranteed || (pod.qos == Qos::Burstable && is_bounded) {
            continue;
        }
        // Whoever matters more is meant to outlive it.
        let outlives = |other: &&Neighbour<'_>| {
            other.score < own
                && other.pod.template.priority.unwrap_or_default() <= priority.unwrap_or_default()
        };
        let Some(first) = beside.iter().filter(outlives).min_by_key(|other| other.score) else { continue };
        let survivors = beside.iter().filter(outlives).count();
        let engine = database.engine.name;
        let (summary, advice) = if pod.qos == Qos::BestEffort {
            let summary =
                format!("{engine} in container {} asks for nothing, and is killed first", container.name);
            (summary, "set requests and limits of memory and processor that are the same")
        } else {
            let summary = format!(
                "{engine} in container {} may take more memory than it asks for, and then dies before others on its node",
                container.name
            );
            (summary, "make its memory limit the same as its request, and both what it needs")
        };
        let source = source::of(facts, &pod.subject());
        let requested = container.resources.requests.memory.unwrap_or_default();
        let evidence = vec![
            Evidence::new("oom_score_adj", own, &source),
            Evidence::new("memory request", Bytes(requested.unsigned_abs()), &source),
            Evidence::new(
                format!("oom_score_adj of Pod {}/{}, beside it", first.pod.namespace, first.pod.name),
                first.score,
                source::of(facts, &first.pod.subject()),
            ),
            Evidence::new(format!("Pods that outlive it on {node}"), survivors, &facts.kube.server),
        ];
        findings.add_of(Severity::Warning, &group.cause, pod.subject(), summary, advice, evidence);
    }
}

/// Returns whether a container may take more memory than it asks for.
fn may_exceed(container: &Container) -> bool {
    let (limit, request) = (container.resources.limits.memory, container.resources.requests.memory);
    limit.is_none_or(|limit| request.is_some_and(|request| request < limit))
}

/// Returns the score of the container of a Pod that is killed first.
fn worst(template: &Template, qos: Qos, memory: i64) -> i64 {
    template.running().map(|container| score(template, container, qos, memory)).max().unwrap_or_default()
}

/// Returns the `oom_score_adj` that the kubelet gives a container.
fn score(template: &Template, container: &Container, qos: Qos, memory: i64) -> i64 {
    if template.priority_class_name.as_deref() == Some(NODE_CRITICAL) || qos == Qos::Guaranteed {
        return GUARANTEED;
    }
    if qos == Qos::BestEffort {
        return BEST_EFFORT;
    }
    let of = |container: &Container| {
        let request = container.resources.requests.memory.unwrap_or_default();
        let share = i128::from(request) * 1000 / i128::from(memory.max(1));
        // Never as safe as what is guaranteed, never as bad as what asks for nothing.
        i64::try_from(1000 - share).unwrap_or_default().clamp(1000 + GUARANTEED, BEST_EFFORT - 1)
    };
    if container.restart_policy.as_deref() == Some("Always") {
        // A sidecar is no sooner killed than what it serves.
        let least = template.containers.iter().map(of).min();
        return least.map_or(of(container), |least| least.min(of(container)));
    }
    of(container)
}
