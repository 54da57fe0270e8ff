//! What is done about volumes that a node holds while a Pod waits for them elsewhere.
//!
//! A volume is taken off a node only if that one is proved gone by two facts, and nothing speaks against it; off a node that
//! is there nothing is taken: the Pod goes to it, where that is one Pod.

use super::Refusal;
use super::objects::{Edit, HOSTNAME, Target};
use super::workloads::workload;
use crate::checks::volumes::proof::Proof;
use crate::checks::volumes::stuck::{Held, held, waiting};
use crate::facts::Facts;
use crate::facts::kube::node::Node;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::workload::WorkloadKind;
use crate::finding::Finding;

/// The taint after which volumes are taken off a node.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

type Edits = Result<Vec<(Target, Edit)>, Refusal>;

/// Has a Pod placed where its volume is, or the volume taken off a node that is proved gone.
pub(crate) fn stuck(facts: &Facts, finding: &Finding) -> Edits {
    let kube = &facts.kube;
    let groups = kube.pods.groups().iter().filter(|group| group.cause == finding.subject);
    let pods = groups.flat_map(|group| kube.pods.members(group));
    let mut all: Vec<(&Pod, Held<'_>)> = pods
        .filter(|pod| waiting(facts, pod).is_some())
        .flat_map(|pod| held(facts, pod).into_iter().map(move |held| (pod, held)))
        .collect();
    all.sort_by_key(|(pod, held)| (&*pod.name, held.node().to_owned()));
    let Some((_, held)) = all.first() else {
        return Err(Refusal::new("no other node holds its volume: see what the Event of its Pod says"));
    };
    if all.iter().any(|(_, other)| other.node() != held.node()) {
        return Err(Refusal::new("several nodes hold its volumes: there is no one node that is in the way"));
    }
    let proof = held.proof(facts);
    match kube.node(held.node()) {
        _ if proof.is_complete() => Ok(off(facts, held, &proof)),
        Some(node) if !proof.contradicts.is_empty() && node.is_ready() => {
            let waiting = all.iter().map(|(pod, _)| *pod);
            pin(facts, finding, node, held, waiting)
        }
        _ => {
            let why = proof.contradicts.iter().map(|one| format!("{}: {}", one.what, one.value));
            let why: Vec<_> = why.chain(proof.lacks.iter().cloned()).collect();
            let why = format!("node {} holds it and is not proved gone: {}", held.node(), why.join("; "));
            Err(Refusal::new(why))
        }
    }
}

/// Takes a volume off a node that is gone: by the taint, which is for all its volumes; or, where it has that and holds the
/// volume still, by its attachment.
fn off(facts: &Facts, held: &Held<'_>, proof: &Proof) -> Vec<(Target, Edit)> {
    let proof =
        proof.says.iter().map(|one| format!("{}: {} ({})", one.what, one.value, one.source)).collect();
    let node = held.node().to_owned();
    match facts.kube.node(&node) {
        Some(of) if !of.is_tainted(OUT_OF_SERVICE) => {
            vec![(Target::node(&node), Edit::OutOfService { proof })]
        }
        _ => Target::of(&held.attachment.meta.subject("VolumeAttachment"))
            .map(|target| (target, Edit::Detach { node, proof }))
            .into_iter()
            .collect(),
    }
}

/// Has the one Pod of a workload placed on the node that holds its volume.
fn pin<'a>(
    facts: &Facts,
    finding: &Finding,
    node: &Node,
    held: &Held<'_>,
    waiting: impl Iterator<Item = &'a Pod>,
) -> Edits {
    let (workload, target) = workload(facts, &finding.subject)?;
    let name = &node.meta.name;
    if workload.kind == WorkloadKind::DaemonSet || workload.desired() != 1 {
        let why = format!(
            "node {name} holds its volume and is there, and {target} has several Pods: they cannot all be kept to it"
        );
        return Err(Refusal::new(why));
    }
    let ill = |key: &str| {
        key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
    };
    if let Some(taint) = node.spec.taints.iter().find(|taint| ill(&taint.key)) {
        let why = format!(
            "node {name} holds its volume and is there, but has the taint {}: see to that first",
            taint.key
        );
        return Err(Refusal::new(why));
    }
    if node.spec.unschedulable {
        return Err(Refusal::new(format!(
            "node {name} holds its volume and is there, but takes no Pods: uncordon it"
        )));
    }
    let Some(hostname) = node.label(HOSTNAME) else {
        return Err(Refusal::new(format!("node {name} has no label {HOSTNAME} to keep a Pod to it by")));
    };
    let volume = format!("volume {}", held.volume.meta.name);
    let is_stateful = workload.kind == WorkloadKind::StatefulSet;
    let mut edits = vec![(target, Edit::Pin { node: name.clone(), hostname: hostname.to_owned(), volume })];
    // It does not replace by itself a Pod that has not begun.
    if is_stateful {
        edits.extend(waiting.filter_map(|pod| Target::of(&pod.subject())).map(|pod| (pod, Edit::MakeAnew)));
    }
    Ok(edits)
}

#[cfg(test)]
mod tests;
