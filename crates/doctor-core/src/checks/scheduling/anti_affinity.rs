//! Pods that must keep away from each other.

use std::collections::BTreeSet;

use super::HOSTNAME;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::pods::PodGroup;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// In a smaller cluster the comparison takes no time that anybody notices.
const LARGE: usize = 300;
/// So many Pods with such a term, together, make every Pod wait.
const MANY: usize = 1_000;
/// Fewer Pods of one cause are not what makes them many.
const SHARE: usize = 50;

pub(crate) const CHECK: Check = Check {
    id: "scheduling/anti-affinity",
    group: Group::Scheduling,
    severity: Severity::Warning,
    title: "required anti-affinity of very many Pods in a large cluster",
    meaning: "For every Pod that is placed the scheduler compares the terms of all Pods that are there, so the time grows with the \
              square of their number. With thousands of Pods on a thousand nodes each placement has taken seconds.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity",
        "https://github.com/kubernetes/kubernetes/issues/64908",
    ],
    needs: &[Need::KubeNodes, Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let nodes = facts.kube.nodes.len();
    if nodes < LARGE {
        return;
    }
    let groups = facts.kube.pods.groups().iter().filter(|group| !keys(group).is_empty());
    let groups: Vec<_> = groups.map(|group| (group, live(facts, group))).collect();
    let total: usize = groups.iter().map(|(_, count)| count).sum();
    if total < MANY {
        return;
    }
    for (group, count) in groups.into_iter().filter(|(_, count)| *count >= SHARE) {
        let keys = keys(group);
        let evidence = vec![
            Evidence::new("Pods with such a term", count, source::of(facts, &group.cause)),
            Evidence::new("such Pods in the cluster", total, &facts.kube.server),
            Evidence::new(
                "topology keys",
                keys.iter().copied().collect::<Vec<_>>().join(", "),
                source::of(facts, &group.cause),
            ),
            Evidence::new("nodes", nodes, &facts.kube.server),
        ];
        let advice = "spread them with topologySpreadConstraints, or prefer the anti-affinity instead of requiring it; over \
                      kubernetes.io/hostname it is cheaper than over any other key";
        let (severity, summary) = if keys.iter().all(|key| *key == HOSTNAME) {
            (Severity::Info, "very many Pods require to be on nodes of their own")
        } else {
            (Severity::Warning, "very many Pods require to be apart over a key other than the node")
        };
        findings.add(severity, group.cause.clone(), summary, advice, evidence);
    }
}

/// Returns over which labels of nodes Pods must keep away from others.
fn keys(group: &PodGroup) -> BTreeSet<&str> {
    let terms = &group.template.affinity.pod_anti_affinity.required;
    terms.iter().map(|term| term.topology_key.as_str()).collect()
}

fn live(facts: &Facts, group: &PodGroup) -> usize {
    facts.kube.pods.members(group).filter(|pod| pod.is_live()).count()
}
