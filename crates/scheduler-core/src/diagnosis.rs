//! Why a Pod found no node, and how users are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::refusal::{Filter, Obstacle, Refusal};

/// What kept a Pod from all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There are no nodes.
    NoNodes,
    /// Something that no node could help.
    Obstacle(Obstacle),
    /// Each node for its own reason.
    Refusals(Vec<(Arc<str>, Refusal)>),
}

/// Why a Pod found no node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// How many nodes there are.
    pub nodes: usize,
    /// What kept it from them.
    pub cause: Cause,
}

impl Diagnosis {
    /// Returns the filters that refused, which tell what may help.
    pub fn filters(&self) -> Vec<Filter> {
        let mut filters = match &self.cause {
            Cause::NoNodes => Vec::new(),
            Cause::Obstacle(_) => vec![Filter::VolumeBinding],
            Cause::Refusals(refusals) => refusals.iter().map(|(_, refusal)| refusal.filter()).collect(),
        };
        filters.sort_unstable();
        filters.dedup();
        filters
    }

    /// Returns what the Event `FailedScheduling` and the condition `PodScheduled` say. `preemption` is what came of
    /// trying to make room.
    pub fn message(&self, preemption: Option<&str>) -> String {
        let mut text = match &self.cause {
            Cause::NoNodes => return "no nodes available to schedule pods".to_owned(),
            Cause::Obstacle(obstacle) => format!("0/{} nodes are available: {obstacle}.", self.nodes),
            Cause::Refusals(refusals) => {
                let reasons = refusals.iter().flat_map(|(_, refusal)| refusal.reasons());
                none_available(self.nodes, reasons)
            }
        };
        if let Some(preemption) = preemption {
            text += " preemption: ";
            text += preemption;
        }
        text
    }
}

/// Returns "0/3 nodes are available: 1 this, 2 that.", sorted as text.
pub(crate) fn none_available(nodes: usize, reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut parts: Vec<String> =
        counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    parts.sort_unstable();
    format!("0/{nodes} nodes are available: {}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Shortage;

    #[test]
    fn messages_read_as_users_know_them() {
        let cpu = Refusal::Resources { short: vec![Shortage::Resource("cpu".into())], ever: false };
        let both = Refusal::Resources {
            short: vec![Shortage::Pods, Shortage::Resource("memory".into())],
            ever: false,
        };
        let taint = Refusal::Taint { key: "key".into(), value: "value".into() };
        let refusals =
            |all: &[&Refusal]| Cause::Refusals(all.iter().map(|r| ("n".into(), (*r).clone())).collect());
        let table = [
            (Cause::NoNodes, None, "no nodes available to schedule pods"),
            (
                refusals(&[&cpu, &taint, &cpu]),
                Some(
                    "0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
                ),
                "0/3 nodes are available: 1 node(s) had untolerated taint {key: value}, 2 Insufficient cpu. preemption: \
                 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
            ),
            (
                refusals(&[&both, &cpu, &Refusal::Cordoned]),
                None,
                "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, 1 node(s) were unschedulable.",
            ),
            (
                Cause::Obstacle(Obstacle::NoClaim("data".into())),
                None,
                "0/3 nodes are available: persistentvolumeclaim \"data\" not found.",
            ),
        ];
        for (cause, preemption, expected) in table {
            assert_eq!(Diagnosis { nodes: 3, cause }.message(preemption), expected);
        }
    }

    #[test]
    fn the_filters_are_named_once() {
        let refusals = [Refusal::Spread, Refusal::Cordoned, Refusal::SpreadLabel];
        let cause = Cause::Refusals(refusals.into_iter().map(|refusal| ("n".into(), refusal)).collect());
        let filters = Diagnosis { nodes: 3, cause }.filters();
        assert_eq!(filters, [Filter::NodeUnschedulable, Filter::PodTopologySpread]);
    }
}
