//! When kubelets evict.

use super::{of_version, share_of};
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::kube::kubelet::Kubelet;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "nodes/eviction",
    group: Group::Nodes,
    severity: Severity::Warning,
    title: "a kubelet does not evict before memory or disk is used up",
    meaning: "Whoever sets evictionHard replaces all of its defaults: what is left out is not watched any more. The node then fills \
              up until the kernel kills what it likes, or nobody on it can write.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds",
    ],
    needs: &[Need::KubeNodes, Need::KubeKubelets],
    fix: None,
    run,
};

/// What has to be watched, and what happens if it is not.
const SIGNALS: [(&str, &str); 2] = [("memory.available", "memory"), ("nodefs.available", "the disk")];

fn run(facts: &Facts, findings: &mut Findings) {
    for kubelet in &facts.kube.kubelets {
        let (cause, node, source) = of_version(facts, kubelet);
        for (signal, what) in SIGNALS {
            if is_watched(kubelet, signal) {
                continue;
            }
            let evidence = vec![Evidence::new("evictionHard", said(kubelet), &source)];
            let summary = format!("its kubelet does not evict when {what} is used up");
            let advice = format!("give {signal} in evictionHard, too, or set mergeDefaultEvictionSettings");
            findings.add_of(Severity::Warning, &cause, node.clone(), summary, advice, evidence);
        }
    }
}

/// A threshold of nothing is none. One that is not listed counts only if others are: then they have replaced the defaults.
fn is_watched(kubelet: &Kubelet, signal: &str) -> bool {
    match kubelet.eviction_hard.get(signal) {
        Some(threshold) if threshold.ends_with('%') => share_of(threshold).is_none_or(|share| share > 0.0),
        Some(threshold) => !threshold.trim_matches('0').is_empty(),
        None => kubelet.eviction_hard.is_empty(),
    }
}

fn said(kubelet: &Kubelet) -> String {
    let each = kubelet.eviction_hard.iter().map(|(signal, threshold)| format!("{signal}<{threshold}"));
    each.collect::<Vec<_>>().join(", ")
}
