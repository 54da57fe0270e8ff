//! What a Pod says about other Pods: affinity, anti-affinity and spreading.

use std::sync::Arc;

use crate::labels::{LabelSet, Selector};
use crate::node::{HOSTNAME, ZONE};
use crate::pod::Kin;

/// Which namespaces a term looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespaces {
    /// These; sorted.
    pub names: Vec<Arc<str>>,
    /// And those with such labels.
    pub selector: Option<Selector>,
}

impl Namespaces {
    /// Looks at one namespace.
    pub fn only(name: &Arc<str>) -> Self {
        Self { names: vec![Arc::clone(name)], selector: None }
    }

    /// Returns whether a namespace with these labels is among them.
    pub(crate) fn contain(&self, name: &Arc<str>, labels: Option<&LabelSet>) -> bool {
        self.names.contains(name)
            || self.selector.as_ref().is_some_and(|selector| {
                // A namespace that is not known yet has no labels.
                labels
                    .map_or_else(|| selector.matches(&LabelSet::default()), |labels| selector.matches(labels))
            })
    }
}

/// Which Pods are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Others {
    /// Their namespaces.
    pub namespaces: Namespaces,
    /// Their labels.
    pub selector: Selector,
}

impl Others {
    /// Returns whether a Pod is meant, given the labels of its namespace.
    pub fn include(&self, kin: &Kin, namespace_labels: Option<&LabelSet>) -> bool {
        self.selector.matches(&kin.labels) && self.namespaces.contain(&kin.namespace, namespace_labels)
    }
}

/// Near which Pods, and how near: on nodes with the same value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The Pods.
    pub others: Others,
    /// The label.
    pub topology_key: Arc<str>,
}

/// A term that is rather wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Weighted {
    /// What it is worth.
    pub weight: i32,
    /// The term.
    pub term: Term,
}

/// Near which Pods a Pod wants to be, and near which not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Affinity {
    /// Must be near.
    pub required: Vec<Term>,
    /// Should be near.
    pub preferred: Vec<Weighted>,
    /// Must not be near.
    pub anti_required: Vec<Term>,
    /// Should not be near.
    pub anti_preferred: Vec<Weighted>,
}

/// What happens where a constraint cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsatisfiable {
    /// The node is refused.
    DoNotSchedule,
    /// The node is liked less.
    ScheduleAnyway,
}

/// Whether nodes that a Pod cannot use count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inclusion {
    /// They do not.
    Honor,
    /// They do.
    Ignore,
}

/// How far the numbers of Pods in the domains of a label may be apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpreadConstraint {
    /// This far.
    pub max_skew: i32,
    /// The label.
    pub topology_key: Arc<str>,
    /// Else what.
    pub unsatisfiable: Unsatisfiable,
    /// Which Pods of the same namespace count.
    pub selector: Selector,
    /// With fewer domains than this the smallest number is taken for 0.
    pub min_domains: usize,
    /// Whether nodes outside of the node affinity count.
    pub node_affinity: Inclusion,
    /// Whether nodes with taints count.
    pub node_taints: Inclusion,
}

/// How a Pod wants to be spread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spread {
    /// All of these.
    pub constraints: Vec<SpreadConstraint>,
    /// Whether the constraints are the system's, because the Pod has none.
    pub by_default: bool,
}

impl Spread {
    /// Makes the constraints of a Pod that has none but is one of many, which the selector selects: at most 3 apart
    /// on nodes, 5 in zones, rather than strictly.
    pub fn by_default(selector: &Selector) -> Self {
        let constraint = |key: &str, max_skew| SpreadConstraint {
            max_skew,
            topology_key: key.into(),
            unsatisfiable: Unsatisfiable::ScheduleAnyway,
            selector: selector.clone(),
            min_domains: 1,
            node_affinity: Inclusion::Honor,
            node_taints: Inclusion::Ignore,
        };
        Self { constraints: vec![constraint(HOSTNAME, 3), constraint(ZONE, 5)], by_default: true }
    }

    /// Returns the constraints with one of the two consequences.
    pub(crate) fn that(&self, unsatisfiable: Unsatisfiable) -> impl Iterator<Item = &SpreadConstraint> {
        self.constraints.iter().filter(move |constraint| constraint.unsatisfiable == unsatisfiable)
    }
}
