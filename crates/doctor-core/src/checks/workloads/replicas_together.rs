//! Instances of one database that go down together.

mod clusters;
mod nodes;

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::node::Node;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use clusters::{Cluster, Instance, clusters};
use nodes::Nodes;

const ZONE: &str = "topology.kubernetes.io/zone";

pub(crate) const CHECK: Check = Check {
    id: "workloads/replicas-together",
    group: Group::Workloads,
    severity: Severity::Warning,
    title: "instances of one database are on the same node, or all in one zone",
    meaning: "What is lost with one node is then not one copy but several, perhaps all. Seen from where the Pods are: what was asked for \
              when they were placed may have been only a wish.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity",
        "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    ],
    needs: &[Need::KubePods, Need::KubeNodes],
    fix: Some("prefers different nodes for the Pods"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let nodes = Nodes::new(&facts.kube.nodes);
    for cluster in clusters(facts).filter(|cluster| cluster.instances.len() > 1) {
        let taken: BTreeSet<&str> = cluster.instances.iter().map(|instance| instance.node).collect();
        if taken.len() < cluster.instances.len() {
            on_one_node(facts, findings, &cluster, nodes.usable(&cluster, &taken).len());
        } else if let Some(zone) = only_zone(&cluster, &nodes) {
            in_one_zone(facts, findings, &cluster, zone, &nodes.usable(&cluster, &taken));
        }
    }
}

fn on_one_node(facts: &Facts, findings: &mut Findings, cluster: &Cluster<'_>, usable: usize) {
    let mut on: BTreeMap<&str, Vec<&Instance<'_>>> = BTreeMap::new();
    cluster.instances.iter().for_each(|instance| on.entry(instance.node).or_default().push(instance));
    let all = cluster.instances.len();
    let most = on.values().map(Vec::len).max().unwrap_or_default();
    // So many have to share a node, whoever places them.
    let unavoidable = all.div_ceil(usable.max(1));
    let (severity, advice) = if usable <= 1 {
        (Severity::Info, "there is no other node that they may be on: add one")
    } else if most <= unavoidable {
        (Severity::Info, "there are fewer nodes than instances: add nodes")
    } else {
        let advice = "require podAntiAffinity over kubernetes.io/hostname, then move the instances one by one, the one that \
                      writes last";
        (Severity::Warning, advice)
    };
    let engine = cluster.engine;
    let summary = if on.len() == 1 {
        format!("all {all} instances of {engine} are on one node")
    } else {
        format!("{most} of {all} instances of {engine} are on one node")
    };
    for (node, there) in on.iter().filter(|(_, there)| there.len() > 1) {
        for instance in there {
            let pod = instance.pod.subject();
            let evidence = vec![
                Evidence::new("node", node, source::of(facts, &pod)),
                Evidence::new("instances there", there.len(), &facts.kube.server),
                Evidence::new("nodes that they may be on", usable, &facts.kube.server),
            ];
            findings.add_of(severity, &cluster.cause, pod, &summary, advice, evidence);
        }
    }
}

/// Returns the zone that all instances are in; none if one of them says none.
fn only_zone<'a>(cluster: &Cluster<'_>, nodes: &Nodes<'a>) -> Option<&'a str> {
    let mut zones = cluster.instances.iter().map(|instance| nodes.get(instance.node)?.zone());
    let first = zones.next()??;
    zones.all(|zone| zone == Some(first)).then_some(first)
}

fn in_one_zone(facts: &Facts, findings: &mut Findings, cluster: &Cluster<'_>, zone: &str, usable: &[&Node]) {
    let others: BTreeSet<&str> = usable.iter().filter_map(|node| node.zone()).collect();
    if others.len() < 2 {
        return;
    }
    // Whoever wrote that they are to be spread over zones meant it; others may have one zone on purpose.
    let severity = if asks_for_zones(cluster) { Severity::Warning } else { Severity::Info };
    let summary = format!("all instances of {} are in one zone", cluster.engine);
    let advice = "spread them with topologySpreadConstraints over topology.kubernetes.io/zone, if the time between zones allows it";
    for instance in &cluster.instances {
        let pod = instance.pod.subject();
        let evidence = vec![
            Evidence::new("zone", zone, source::of(facts, &pod)),
            Evidence::new("zones that they may be in", others.len(), &facts.kube.server),
        ];
        findings.add_of(severity, &cluster.cause, pod, &summary, advice, evidence);
    }
}

fn asks_for_zones(cluster: &Cluster<'_>) -> bool {
    cluster.instances.iter().any(|instance| {
        let template = &instance.pod.template;
        let anti = &template.affinity.pod_anti_affinity;
        let mut liked = anti.preferred.iter().map(|weighted| &weighted.pod_affinity_term);
        template.topology_spread_constraints.iter().any(|spread| spread.topology_key == ZONE)
            || anti.required.iter().any(|term| term.topology_key == ZONE)
            || liked.any(|term| term.topology_key == ZONE)
    })
}
