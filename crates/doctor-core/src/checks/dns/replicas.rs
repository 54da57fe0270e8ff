//! How many answer for names.

use std::collections::BTreeSet;

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::labels::Selector;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// For so many processors one replica, as the proportional autoscaler has it by default.
const CORES: u64 = 256;
/// For so many nodes one replica.
const NODES: u64 = 16;

pub(crate) const CHECK: Check = Check {
    id: "dns/replicas",
    group: Group::Dns,
    severity: Severity::Critical,
    title: "too few Pods answer for names, or all of them on one node",
    meaning: "Whatever starts asks for names first, so many programs that start at once overrun too few servers, and then each other \
              with retries. Their number should follow the size of the cluster: a replica for 16 nodes or 256 processors.",
    basis: &["https://kubernetes.io/docs/tasks/administer-cluster/dns-horizontal-autoscaling/"],
    needs: &[Need::KubeNodes, Need::KubePods, Need::KubeWorkloads],
    fix: Some("scales it to the formula, and prefers different nodes"),
    run,
};

/// Returns how many replicas a cluster of this size should have.
pub(crate) fn wanted(cores: u64, nodes: u64) -> u64 {
    let least = if nodes > 1 { 2 } else { 1 };
    cores.div_ceil(CORES).max(nodes.div_ceil(NODES)).max(least)
}

/// Returns how many replicas this cluster should have, by the nodes on which they could be.
pub(crate) fn wanted_of(facts: &Facts) -> u64 {
    let nodes: Vec<_> = facts.kube.nodes.iter().filter(|node| !node.spec.unschedulable).collect();
    let millis: i64 = nodes.iter().filter_map(|node| node.status.capacity.cpu).sum();
    wanted(u64::try_from(millis).unwrap_or_default().div_ceil(1000), nodes.len() as u64)
}

/// Returns the Deployment that answers for names, where there is one.
pub(crate) fn server(facts: &Facts) -> Option<&Workload> {
    facts.kube.workloads.iter().find(|workload| {
        workload.kind == WorkloadKind::Deployment
            && workload.meta.namespace() == "kube-system"
            && workload.meta.labels.get("k8s-app").is_some_and(|app| app == "kube-dns")
    })
}

fn run(facts: &Facts, findings: &mut Findings) {
    let Some(workload) = server(facts) else { return };
    let subject = workload.subject();
    let source = source::of(facts, &subject);
    let has = u64::try_from(workload.desired()).unwrap_or_default();
    let (wanted, nodes) = (wanted_of(facts), facts.kube.nodes.len());
    let evidence = || {
        vec![
            Evidence::new("replicas", workload.desired(), &source),
            Evidence::new("ready", workload.status.ready_replicas, &source),
            Evidence::new("nodes", nodes, &facts.kube.server),
            Evidence::new(
                "replicas by the size of the cluster",
                wanted,
                "a replica for 16 nodes or 256 processors",
            ),
        ]
    };
    if workload.status.ready_replicas == 0 {
        let advice = "`kubectl -n kube-system describe pods -l k8s-app=kube-dns` says why";
        findings.add(
            Severity::Critical,
            subject,
            "nobody answers for names: none of its Pods is ready",
            advice,
            evidence(),
        );
        return;
    }
    if has < wanted {
        let summary = format!("it has {has} replicas where {wanted} would fit the size of the cluster");
        let advice = "scale it, or let the cluster-proportional-autoscaler do so";
        findings.add(Severity::Warning, subject.clone(), summary, advice, evidence());
    }
    let Some(selector) = workload.spec.selector.compile() else { return };
    let places = places(facts, &selector);
    if let (1, Some(node), true) = (places.len(), places.first(), has > 1 && nodes > 1) {
        let mut evidence = evidence();
        evidence.push(Evidence::new("all on", *node, &facts.kube.server));
        let advice = "spread them over nodes: topologySpreadConstraints or preferred anti-affinity, then `kubectl -n kube-system \
                      rollout restart` of the Deployment";
        findings.add(Severity::Warning, subject, "all of its Pods are on one node", advice, evidence);
    }
}

/// Returns the nodes of its Pods that are ready.
fn places<'a>(facts: &'a Facts, selector: &'a Selector) -> BTreeSet<&'a str> {
    let pods = &facts.kube.pods;
    let ready = pods.selected("kube-system", selector).flat_map(|group| pods.members(group));
    ready.filter(|pod| pod.is_ready).filter_map(|pod| pod.node.as_deref()).collect()
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn the_number_follows_the_larger_of_both() {
        let of = [
            (4, 1),
            (8, 2),
            (256, 16),
            (257, 16),
            (272, 17),
            (16_000, 1_000),
            (32_000, 1_000),
            (160_000, 5_000),
        ];
        assert_eq!(of.map(|(cores, nodes)| wanted(cores, nodes)), [1, 2, 2, 2, 2, 63, 125, 625]);
    }
}
