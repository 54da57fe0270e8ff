//! What nodes keep for themselves.

use std::collections::{BTreeMap, BTreeSet};

use stanchion_machinery::quantity::Quantity;

use super::subject;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::{Bytes, percent, share};

/// What a kubelet keeps back without being told: memory below which it evicts.
const DEFAULT: u64 = 100 << 20;
/// From this share on more is kept back than even the smallest machines need.
const MUCH: f64 = 0.4;
/// What is kept of a smaller machine is a large share of it by nature.
const SMALL: u64 = 8 << 30;

pub(crate) const CHECK: Check = Check {
    id: "nodes/reserved",
    group: Group::Nodes,
    severity: Severity::Warning,
    title: "nothing of a node, or very much, is kept for the system",
    meaning: "Pods may take all that is allocatable, and where that is the whole machine they starve the kubelet, the container \
              runtime and the kernel. What is kept beyond need is paid for and evicts Pods for nothing.",
    basis: &["https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/"],
    needs: &[Need::KubeNodes],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let (nodes, versions) = say_so(facts);
    for node in &facts.kube.nodes {
        let (Some(capacity), Some(allocatable)) =
            (node.status.capacity.memory, node.status.allocatable.memory)
        else {
            continue;
        };
        let (Ok(capacity), Ok(allocatable)) = (u64::try_from(capacity), u64::try_from(allocatable)) else {
            continue;
        };
        let kept = capacity.saturating_sub(allocatable);
        let source = source::of(facts, &subject(node));
        let evidence = vec![
            Evidence::new("memory", Bytes(capacity), &source),
            Evidence::new("allocatable", Bytes(allocatable), &source),
        ];
        let cause = Subject::new("nodes", format!("with {}", node.status.node_info.kubelet_version));
        if kept <= DEFAULT {
            let version = node.status.node_info.kubelet_version.as_str();
            let says_so = nodes.contains(node.meta.name.as_str()) || versions.contains(version);
            let severity = if says_so { Severity::Warning } else { Severity::Info };
            let summary = "no memory is kept for the kubelet, the container runtime and the system";
            let advice = "set systemReserved and kubeReserved in the kubelet's configuration from what they use \
                          (`systemd-cgtop` on the machine); an eighth of the memory of a small machine, less of a large one";
            findings.add_of(severity, &cause, subject(node), summary, advice, evidence);
        } else if capacity >= SMALL && share(kept, capacity) >= MUCH {
            let summary = format!("{} of its memory are kept back from Pods", percent(share(kept, capacity)));
            let advice = "compare systemReserved, kubeReserved and evictionHard of the kubelet with what the system uses; large \
                          pages that are set aside count, too";
            findings.add_of(Severity::Info, &cause, subject(node), summary, advice, evidence);
        }
    }
}

/// Returns the nodes whose kubelets say themselves that no memory is reserved, and the versions of which others are set alike: only
/// there somebody has to do something, as others may be limited otherwise.
fn say_so(facts: &Facts) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut nodes, mut versions) = (BTreeSet::new(), BTreeSet::new());
    for kubelet in &facts.kube.kubelets {
        if [&kubelet.system_reserved, &kubelet.kube_reserved].into_iter().any(keeps_memory) {
            continue;
        }
        nodes.insert(kubelet.node.as_str());
        let node = facts.kube.node(&kubelet.node).filter(|_| kubelet.others > 0);
        versions.extend(node.map(|node| node.status.node_info.kubelet_version.as_str()));
    }
    (nodes, versions)
}

/// Returns whether memory is among what is kept; an amount that cannot be read counts as some.
fn keeps_memory(kept: &BTreeMap<String, String>) -> bool {
    kept.get("memory").is_some_and(|amount| Quantity::parse(amount).map_or(true, |amount| !amount.is_zero()))
}
