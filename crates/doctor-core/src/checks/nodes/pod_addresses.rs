//! Whether nodes have addresses left for Pods.

use std::collections::BTreeMap;

use super::subject;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::event::Event;
use crate::facts::kube::node::Node;
use crate::facts::kube::pod::Pod;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::{percent, share};

/// From this share on there is little left for a rollout or for Pods of a node that fails.
const FULL: f64 = 0.9;
/// Of a block the network's own address, the gateway's and the last one are not for Pods.
const TAKEN: u64 = 3;
/// How plugins of the network say that they have none left.
const SAYINGS: [&str; 4] = [
    "no IP addresses available",
    "no available IP",
    "failed to allocate for range",
    "InsufficientFreeAddresses",
];

pub(crate) const CHECK: Check = Check {
    id: "nodes/pod-addresses",
    group: Group::Nodes,
    severity: Severity::Critical,
    title: "a node has no addresses left for Pods, or fewer than Pods that may be placed on it",
    meaning: "The scheduler counts Pods, not addresses: it places Pods on a node that has none left, where they hang in \
              ContainerCreating. Addresses can also leak, when containers end while their network plugin is not asked.",
    basis: &[
        "https://kubernetes.io/docs/concepts/cluster-administration/networking/",
        "https://www.cni.dev/plugins/current/ipam/host-local/",
    ],
    needs: &[Need::KubeNodes, Need::KubePods, Need::KubeEvents],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut used: BTreeMap<&str, u64> = BTreeMap::new();
    for pod in facts.kube.pods.all().iter().filter(|pod| !pod.is_over() && !pod.template.host_network) {
        if let Some(node) = &pod.node {
            *used.entry(node).or_default() += 1;
        }
    }
    for node in &facts.kube.nodes {
        block(facts, node, used.get(node.meta.name.as_str()).copied().unwrap_or_default(), findings);
    }
    refused(facts, findings);
}

fn block(facts: &Facts, node: &Node, used: u64, findings: &mut Findings) {
    let Some(addresses) = node.spec.pod_cidrs.iter().filter_map(|block| size(block)).min() else { return };
    let source = source::of(facts, &subject(node));
    let evidence = vec![
        Evidence::new("podCIDRs", node.spec.pod_cidrs.join(", "), &source),
        Evidence::new("Pods with an address there", used, &facts.kube.server),
        Evidence::new("Pods it takes", node.status.capacity.pods.unwrap_or_default(), &source),
    ];
    let part = share(used, addresses);
    if used >= addresses || part >= FULL {
        let (severity, summary) = if used >= addresses {
            (Severity::Critical, "all of its addresses for Pods are in use".to_owned())
        } else {
            (Severity::Warning, format!("{} of its addresses for Pods are in use", percent(part)))
        };
        let advice = "cordon it, and move Pods away; a node keeps its block, so a larger one comes only with a new node";
        findings.add(severity, subject(node), summary, advice, evidence);
        return;
    }
    let takes = node.status.capacity.pods.and_then(|pods| u64::try_from(pods).ok()).unwrap_or_default();
    if takes > addresses {
        let cause = Subject::new("nodes", "with small blocks");
        let summary = "more Pods may be placed on it than it has addresses for";
        let advice = "set the kubelet's maxPods below the number of addresses, or give nodes larger blocks \
                      (the controller manager's --node-cidr-mask-size)";
        findings.add_of(Severity::Warning, &cause, subject(node), summary, advice, evidence);
    }
}

/// Returns how many addresses for Pods a block has; none for what is none.
fn size(block: &str) -> Option<u64> {
    let (address, prefix) = block.split_once('/')?;
    let bits = if address.contains(':') { 128 } else { 32_u32 };
    let free = bits.checked_sub(prefix.parse().ok()?)?;
    Some(1_u64.checked_shl(free).unwrap_or(u64::MAX).saturating_sub(TAKEN))
}

/// Says on which nodes plugins had none left, by what they told of Pods that still wait.
fn refused(facts: &Facts, findings: &mut Findings) {
    let says_so = |event: &&Event| SAYINGS.iter().any(|saying| event.message.contains(saying));
    let mut events = facts.kube.events.iter().filter(says_so).peekable();
    if events.peek().is_none() {
        return;
    }
    let waiting: BTreeMap<(&str, &str), &str> = facts.kube.pods.all().iter().filter_map(waits).collect();
    for event in events {
        let about = event.about();
        let Some(node) = about.namespace.as_deref().and_then(|space| waiting.get(&(space, &about.name)))
        else {
            continue;
        };
        let source = format!("{}, Event of {about}", facts.kube.server);
        let evidence = vec![Evidence::new(&event.reason, &event.message, source)];
        let advice = "compare the addresses that the plugin keeps (for host-local in /var/lib/cni/networks) with the containers that \
                      run, and give back those of containers that are gone; else move Pods to other nodes";
        let cause = Subject::new("Node", *node);
        let summary = "its network plugin has no address left, and Pods wait for one";
        findings.add_of(Severity::Critical, &cause, about, summary, advice, evidence);
    }
}

/// Returns namespace, name and node of a Pod of which nothing runs yet.
fn waits(pod: &Pod) -> Option<((&str, &str), &str)> {
    let has_begun = pod.is_ready || pod.containers.iter().any(|one| one.running_since.is_some());
    let node = pod.node.as_deref().filter(|_| pod.is_live() && !has_begun)?;
    Some(((&pod.namespace, &pod.name), node))
}
