//! Domains: nodes with the same value of a label.

use std::collections::HashMap;
use std::sync::Arc;

use crate::node::Node;

/// The domain of a node that lacks the label.
pub(crate) const NOWHERE: usize = usize::MAX;

/// The domains of one label.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    names: HashMap<Arc<str>, usize>,
    /// By node.
    domains: Vec<usize>,
}

impl Topology {
    /// Returns the domain of each node, [`NOWHERE`] where there is none.
    pub(crate) fn domains(&self) -> &[usize] {
        &self.domains
    }

    /// Returns one more than the largest domain.
    pub(crate) fn bound(&self) -> usize {
        self.names.len()
    }

    fn set(&mut self, node: usize, value: Option<&Arc<str>>) {
        if self.domains.len() <= node {
            self.domains.resize(node + 1, NOWHERE);
        }
        let next = self.names.len();
        self.domains[node] =
            value.map_or(NOWHERE, |value| *self.names.entry(Arc::clone(value)).or_insert(next));
    }
}

/// The domains of every label that anything asked for. Labels are few, and so they are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topologies {
    ids: HashMap<Arc<str>, usize>,
    all: Vec<Topology>,
}

impl Topologies {
    /// Returns the number of a label, whose domains are looked up if it is new.
    pub(crate) fn id<'a>(
        &mut self,
        key: &Arc<str>,
        bound: usize,
        nodes: impl Iterator<Item = (usize, &'a Node)>,
    ) -> usize {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let mut topology = Topology { names: HashMap::new(), domains: vec![NOWHERE; bound] };
        for (index, node) in nodes {
            topology.set(index, node.labels.value(key));
        }
        self.all.push(topology);
        self.ids.insert(Arc::clone(key), self.all.len() - 1);
        self.all.len() - 1
    }

    pub(crate) fn get(&self, id: usize) -> &Topology {
        &self.all[id]
    }

    /// Takes over the labels of a node that is new or has changed; none if it has gone.
    pub(crate) fn set_node(&mut self, index: usize, node: Option<&Node>) {
        for (key, id) in &self.ids {
            self.all[*id].set(index, node.and_then(|node| node.labels.value(key)));
        }
    }
}
