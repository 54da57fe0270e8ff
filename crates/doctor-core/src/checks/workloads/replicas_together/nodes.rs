//! On which nodes instances could be.

use std::collections::{BTreeMap, BTreeSet};

use super::clusters::Cluster;
use crate::facts::kube::labels::LabelSelector;
use crate::facts::kube::node::{Node, Taint};
use crate::facts::kube::template::Template;
use crate::facts::kube::volume::NodeTerm;

/// The nodes of a cluster.
pub(super) struct Nodes<'a> {
    by_name: BTreeMap<&'a str, &'a Node>,
    /// Those that are ready and take Pods.
    open: Vec<&'a Node>,
}

impl<'a> Nodes<'a> {
    /// Takes all nodes.
    pub(super) fn new(all: &'a [Node]) -> Self {
        let by_name = all.iter().map(|node| (node.meta.name.as_str(), node)).collect();
        let open = all.iter().filter(|node| node.is_ready() && !node.spec.unschedulable).collect();
        Self { by_name, open }
    }

    /// Returns the node of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.by_name.get(name).copied()
    }

    /// Returns the nodes that instances are on or could be placed on, as far as that is known for certain.
    pub(super) fn usable(&self, cluster: &Cluster<'_>, taken: &BTreeSet<&str>) -> Vec<&'a Node> {
        let mut templates: Vec<&Template> = cluster.instances.iter().map(|one| &*one.pod.template).collect();
        templates.dedup_by_key(|template| std::ptr::from_ref(*template));
        let mut all: Vec<&'a Node> = taken.iter().filter_map(|name| self.get(name)).collect();
        // What they tolerate is seen from where they are.
        let taints = all.iter().flat_map(|node| &node.spec.taints);
        let tolerated: BTreeSet<&str> = taints.map(|taint| taint.key.as_str()).collect();
        let keeps_away =
            |taint: &Taint| taint.effect != "PreferNoSchedule" && !tolerated.contains(taint.key.as_str());
        let could = |node: &&&Node| {
            !taken.contains(node.meta.name.as_str())
                && !node.spec.taints.iter().any(keeps_away)
                && templates.iter().all(|template| allows(template, node))
        };
        all.extend(self.open.iter().filter(could));
        all
    }
}

/// Returns whether a Pod may be on a node by its labels; what cannot be understood counts as no.
fn allows(template: &Template, node: &Node) -> bool {
    let labels = &node.meta.labels;
    let selected = template.node_selector.iter().all(|(name, value)| labels.get(name) == Some(value));
    let terms = &template.affinity.node_affinity.required.node_selector_terms;
    let holds = |term: &NodeTerm| {
        let selector =
            LabelSelector { match_expressions: term.match_expressions.clone(), ..LabelSelector::default() };
        !selector.is_everything() && selector.compile().is_some_and(|selector| selector.matches(labels))
    };
    selected && (terms.is_empty() || terms.iter().any(holds))
}
