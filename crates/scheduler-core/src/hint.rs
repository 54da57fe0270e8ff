//! What helps whom: which Pods that found no node are worth another try after something happened.
//!
//! Saying yes too often costs a decision; saying no wrongly leaves a Pod for five minutes. Where it is not plain the
//! answer is yes.

use std::sync::Arc;

use crate::node::Node;
use crate::pod::Pod;
use crate::refusal::Filter;
use crate::relation::{Others, Unsatisfiable};

/// What can help a Pod that found no node.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// A node is new.
    NodeAdded(&'a Node),
    /// A node is not what it was.
    NodeChanged {
        /// What it was.
        old: &'a Node,
        /// What it is.
        new: &'a Node,
    },
    /// A node is gone, and with it a domain.
    NodeRemoved(&'a Node),
    /// A Pod has a node.
    PodPlaced(&'a Pod),
    /// A Pod with a node asks for less, or has other labels.
    PodChanged {
        /// What it was.
        old: &'a Pod,
        /// What it is.
        new: &'a Pod,
    },
    /// A Pod with a node has gone or ended, or what was kept for it is free again.
    PodGone(&'a Pod),
    /// Something about claims, volumes or storage classes.
    Storage,
    /// The labels of a namespace.
    Namespace,
}

/// Returns whether a Pod that these filters refused is worth another try. Without any filter it always is.
pub(crate) fn helps(happening: &Happening<'_>, filters: &[Filter], pod: &Pod) -> bool {
    filters.is_empty() || filters.iter().any(|filter| helps_with(happening, *filter, pod))
}

fn helps_with(happening: &Happening<'_>, filter: Filter, pod: &Pod) -> bool {
    match filter {
        Filter::SchedulingGates => false,
        Filter::NodeUnschedulable | Filter::NodeName | Filter::TaintToleration | Filter::NodeAffinity => {
            match happening {
                Happening::NodeAdded(node) => node_helps(filter, pod, node),
                Happening::NodeChanged { old, new } => {
                    node_helps(filter, pod, new) && !node_helps(filter, pod, old)
                }
                Happening::NodeRemoved(_)
                | Happening::PodPlaced(_)
                | Happening::PodChanged { .. }
                | Happening::PodGone(_)
                | Happening::Storage
                | Happening::Namespace => false,
            }
        }
        Filter::NodePorts => match happening {
            Happening::NodeAdded(_) => true,
            Happening::PodGone(gone) => ports_helped(pod, gone),
            Happening::NodeChanged { .. }
            | Happening::NodeRemoved(_)
            | Happening::PodPlaced(_)
            | Happening::PodChanged { .. }
            | Happening::Storage
            | Happening::Namespace => false,
        },
        Filter::NodeResourcesFit => room_helped(happening, pod),
        Filter::VolumeRestrictions => match happening {
            Happening::PodGone(gone) => {
                gone.kin.namespace == pod.kin.namespace
                    && gone.claims.iter().any(|claim| pod.claims.contains(claim))
            }
            Happening::Storage => true,
            Happening::NodeAdded(_)
            | Happening::NodeChanged { .. }
            | Happening::NodeRemoved(_)
            | Happening::PodPlaced(_)
            | Happening::PodChanged { .. }
            | Happening::Namespace => false,
        },
        Filter::VolumeBinding => match happening {
            Happening::Storage | Happening::NodeAdded(_) => true,
            Happening::NodeChanged { old, new } => old.labels != new.labels,
            // What was reserved for it may be free again.
            Happening::PodGone(gone) => !gone.claims.is_empty(),
            Happening::NodeRemoved(_)
            | Happening::PodPlaced(_)
            | Happening::PodChanged { .. }
            | Happening::Namespace => false,
        },
        Filter::PodTopologySpread => spread_helped(happening, pod),
        Filter::InterPodAffinity => affinity_helped(happening, pod),
    }
}

fn node_helps(filter: Filter, pod: &Pod, node: &Node) -> bool {
    let shape = &pod.shape;
    match filter {
        Filter::NodeUnschedulable => !node.is_cordoned(&shape.tolerations),
        Filter::NodeName => shape.node_name.as_ref().is_none_or(|name| *name == node.name),
        Filter::TaintToleration => node.untolerated(&shape.tolerations).is_none(),
        Filter::NodeAffinity => shape.nodes.matches(node),
        Filter::SchedulingGates
        | Filter::NodePorts
        | Filter::NodeResourcesFit
        | Filter::VolumeRestrictions
        | Filter::VolumeBinding
        | Filter::PodTopologySpread
        | Filter::InterPodAffinity => true,
    }
}

fn ports_helped(pod: &Pod, gone: &Pod) -> bool {
    let taken = |port: &crate::pod::HostPort| gone.shape.ports.iter().any(|had| had.conflicts(port));
    pod.shape.ports.iter().any(taken)
}

fn room_helped(happening: &Happening<'_>, pod: &Pod) -> bool {
    let large_enough = |node: &Node| {
        let (asked, all) = (&pod.shape.request.exact, &node.allocatable);
        asked.milli_cpu <= all.milli_cpu
            && asked.memory <= all.memory
            && asked.ephemeral <= all.ephemeral
            && asked.extended.iter().all(|(name, amount)| *amount <= all.extended(name))
    };
    match happening {
        Happening::NodeAdded(node) => large_enough(node),
        Happening::NodeChanged { old, new } => {
            (old.allocatable != new.allocatable || old.pods != new.pods) && large_enough(new)
        }
        // Each takes at least one of the places of its node.
        Happening::PodGone(_) => true,
        Happening::PodChanged { old, new } => old.shape.request != new.shape.request,
        Happening::NodeRemoved(_) | Happening::PodPlaced(_) | Happening::Storage | Happening::Namespace => {
            false
        }
    }
}

fn spread_helped(happening: &Happening<'_>, pod: &Pod) -> bool {
    let counts = |other: &Pod| {
        other.kin.namespace == pod.kin.namespace
            && pod
                .spread
                .that(Unsatisfiable::DoNotSchedule)
                .any(|constraint| constraint.selector.matches(&other.kin.labels))
    };
    match happening {
        Happening::NodeAdded(_) | Happening::NodeRemoved(_) => true,
        Happening::NodeChanged { old, new } => old.labels != new.labels || old.taints != new.taints,
        Happening::PodPlaced(other) | Happening::PodGone(other) => counts(other),
        Happening::PodChanged { old, new } => old.kin != new.kin && (counts(old) || counts(new)),
        Happening::Storage | Happening::Namespace => false,
    }
}

fn affinity_helped(happening: &Happening<'_>, pod: &Pod) -> bool {
    // Which namespaces a selector means is not known here, so it means all.
    let concerns = |others: &Others, other: &Pod| {
        others.selector.matches(&other.kin.labels)
            && (others.namespaces.selector.is_some()
                || others.namespaces.names.contains(&other.kin.namespace))
    };
    let wanted = |other: &Pod| pod.affinity.required.iter().any(|term| concerns(&term.others, other));
    let unwanted = |other: &Pod| {
        pod.affinity.anti_required.iter().any(|term| concerns(&term.others, other))
            || other.affinity.anti_required.iter().any(|term| concerns(&term.others, pod))
    };
    match happening {
        Happening::NodeAdded(_) | Happening::Namespace => true,
        Happening::NodeChanged { old, new } => old.labels != new.labels,
        Happening::PodPlaced(other) => wanted(other),
        Happening::PodGone(other) => unwanted(other),
        Happening::PodChanged { old, new } => old.kin != new.kin && (wanted(new) || unwanted(old)),
        Happening::NodeRemoved(_) | Happening::Storage => false,
    }
}

/// Returns whether a change of a Pod itself may let it find a node.
pub(crate) fn update_helps(filters: &[Filter], old: &Arc<Pod>, new: &Arc<Pod>) -> bool {
    filters.is_empty()
        || old.shape != new.shape
        || old.spread != new.spread
        || old.affinity != new.affinity
        || old.kin != new.kin
        || old.claims != new.claims
        || old.priority != new.priority
}
