//! What is known of a node, and what a Pod says about nodes: selectors, taints and tolerations.

use std::sync::Arc;

use crate::labels::{LabelSet, Selector};
use crate::resources::Resources;

/// The label that names a node's machine.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label that names a node's zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// The label that names a node's region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// The taint of a node that takes no new Pods.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// No new Pods.
    NoSchedule,
    /// Rather no new Pods.
    PreferNoSchedule,
    /// No Pods at all.
    NoExecute,
}

/// A taint of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taint {
    /// Its key.
    pub key: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
    /// What it does.
    pub effect: Effect,
}

/// Which values of a taint are tolerated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tolerated {
    /// Any.
    Exists,
    /// This one.
    Equal(Arc<str>),
}

/// A toleration of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The key, or none for all.
    pub key: Option<Arc<str>>,
    /// The values.
    pub values: Tolerated,
    /// The effect, or none for all.
    pub effect: Option<Effect>,
}

impl Toleration {
    /// Returns whether it covers a taint.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.as_ref().is_none_or(|key| *key == taint.key)
            && match &self.values {
                Tolerated::Exists => true,
                Tolerated::Equal(value) => *value == taint.value,
            }
    }
}

/// Returns whether a taint is tolerated.
pub(crate) fn is_tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| toleration.tolerates(taint))
}

/// An image that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// All of its names.
    pub names: Vec<Arc<str>>,
    /// Its bytes.
    pub size: i64,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: LabelSet,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// Whether it is cordoned.
    pub unschedulable: bool,
    /// What Pods may use.
    pub allocatable: Resources,
    /// How many Pods it takes.
    pub pods: i64,
    /// The images it has.
    pub images: Vec<Image>,
}

impl Node {
    /// Returns the first taint that keeps a Pod with these tolerations away.
    pub(crate) fn untolerated(&self, tolerations: &[Toleration]) -> Option<usize> {
        self.taints
            .iter()
            .position(|taint| taint.effect != Effect::PreferNoSchedule && !is_tolerated(tolerations, taint))
    }

    /// Counts the taints that would rather keep such a Pod away.
    pub(crate) fn disliked(&self, tolerations: &[Toleration]) -> usize {
        let counts = |toleration: &&Toleration| {
            toleration.effect.is_none_or(|effect| effect == Effect::PreferNoSchedule)
        };
        let disliked = |taint: &&Taint| {
            taint.effect == Effect::PreferNoSchedule
                && !tolerations.iter().filter(counts).any(|toleration| toleration.tolerates(taint))
        };
        self.taints.iter().filter(disliked).count()
    }

    /// Returns whether it is cordoned for a Pod with these tolerations.
    pub(crate) fn is_cordoned(&self, tolerations: &[Toleration]) -> bool {
        self.unschedulable && {
            let taint = Taint { key: UNSCHEDULABLE.into(), value: "".into(), effect: Effect::NoSchedule };
            !is_tolerated(tolerations, &taint)
        }
    }
}

/// A demand on a node's name, from `matchFields`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameRequirement {
    /// Whether it must be this one, rather than must not.
    pub is: bool,
    /// The name.
    pub name: Arc<str>,
}

/// One alternative of a selector of nodes; all of it must hold. An empty one holds for no node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeTerm {
    /// What the labels must be.
    pub labels: Selector,
    /// What the name must be.
    pub names: Vec<NameRequirement>,
}

impl NodeTerm {
    /// Returns whether it holds for a node.
    pub fn matches(&self, node: &Node) -> bool {
        let empty = self.labels.is_everything() && self.names.is_empty();
        !empty
            && self.names.iter().all(|required| (required.name == node.name) == required.is)
            && self.labels.matches(&node.labels)
    }

    /// Returns the one name it can hold for, if it says so.
    fn only_name(&self) -> Option<&Arc<str>> {
        self.names.iter().find(|required| required.is).map(|required| &required.name)
    }
}

/// Which nodes will do: `nodeSelector` and the required node affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeRequirement {
    /// Labels that must be there.
    pub labels: LabelPairs,
    /// Alternatives of which one must hold; none if any node will do.
    pub terms: Option<Vec<NodeTerm>>,
}

/// Labels and their values.
pub type LabelPairs = Vec<(Arc<str>, Arc<str>)>;

impl NodeRequirement {
    /// Returns whether a node will do.
    pub fn matches(&self, node: &Node) -> bool {
        self.labels.iter().all(|(key, value)| node.labels.value(key) == Some(value))
            && self.terms.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }

    /// Returns the names that it comes down to, if every alternative names a node.
    pub(crate) fn only_names(&self) -> Option<Vec<&Arc<str>>> {
        let terms = self.terms.as_ref()?;
        let names: Option<Vec<_>> = terms.iter().map(NodeTerm::only_name).collect();
        names.filter(|names| !names.is_empty())
    }
}

/// Nodes that are rather wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreferredNodes {
    /// What it is worth.
    pub weight: i32,
    /// Which nodes.
    pub term: NodeTerm,
}

#[cfg(test)]
mod tests;
