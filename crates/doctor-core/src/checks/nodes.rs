//! Nodes.

pub(super) mod eviction;
pub(super) mod image_gc;
pub(super) mod pod_addresses;
pub(super) mod pressure;
pub(super) mod ready;
pub(super) mod reserved;

use crate::facts::Facts;
use crate::facts::kube::kubelet::Kubelet;
use crate::facts::kube::node::Node;
use crate::subject::Subject;

/// Names a node.
fn subject(node: &Node) -> Subject {
    node.meta.subject("Node")
}

/// Names what kubelets of one version are together, the node of this one, and from where its settings were read.
pub(super) fn of_version(facts: &Facts, kubelet: &Kubelet) -> (Subject, Subject, String) {
    let node = facts.kube.node(&kubelet.node);
    let version = node.map(|node| node.status.node_info.kubelet_version.as_str()).unwrap_or_default();
    let source = format!("{}/api/v1/nodes/{}/proxy/configz", facts.kube.server, kubelet.node);
    let cause = Subject::new("kubelets", if version.is_empty() { "of no version" } else { version });
    (cause, Subject::new("Node", &kubelet.node), source)
}

/// Reads the part of an amount that is a threshold: `10%` as 0.1.
fn share_of(threshold: &str) -> Option<f64> {
    let percent: f64 = threshold.strip_suffix('%')?.trim().parse().ok()?;
    Some(percent / 100.0)
}

#[cfg(test)]
mod tests;
