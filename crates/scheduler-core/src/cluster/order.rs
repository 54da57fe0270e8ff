//! The order in which nodes are tried: in turn from each zone, so that a search that stops early has seen all zones.

use std::sync::Arc;

use crate::node::{Node, REGION, ZONE};

/// Nodes by zone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    zones: Vec<(ZoneKey, Vec<usize>)>,
    flat: Vec<usize>,
    stale: bool,
}

type ZoneKey = (Option<Arc<str>>, Option<Arc<str>>);

fn zone_key(node: &Node) -> ZoneKey {
    (node.labels.value(REGION).cloned(), node.labels.value(ZONE).cloned())
}

impl Order {
    pub(crate) fn insert(&mut self, index: usize, node: &Node) {
        let key = zone_key(node);
        match self.zones.iter_mut().find(|(zone, _)| *zone == key) {
            Some((_, nodes)) => nodes.push(index),
            None => self.zones.push((key, vec![index])),
        }
        self.stale = true;
    }

    pub(crate) fn remove(&mut self, index: usize, node: &Node) {
        let key = zone_key(node);
        if let Some((_, nodes)) = self.zones.iter_mut().find(|(zone, _)| *zone == key) {
            nodes.retain(|have| *have != index);
        }
        self.zones.retain(|(_, nodes)| !nodes.is_empty());
        self.stale = true;
    }

    /// Moves a node if its zone has changed.
    pub(crate) fn update(&mut self, index: usize, old: &Node, new: &Node) {
        if zone_key(old) != zone_key(new) {
            self.remove(index, old);
            self.insert(index, new);
        }
    }

    /// Works the order out anew if nodes have come or gone.
    pub(crate) fn settle(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        self.flat.clear();
        let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
        for turn in 0..longest {
            self.flat.extend(self.zones.iter().filter_map(|(_, nodes)| nodes.get(turn)));
        }
    }

    /// Returns the nodes in order, as of the last [`Self::settle`].
    pub(crate) fn nodes(&self) -> &[usize] {
        &self.flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSet;

    #[test]
    fn zones_take_turns() {
        let node = |zone: &str| Node { labels: LabelSet::new([(ZONE, zone)]), ..Node::default() };
        let mut order = Order::default();
        for (index, zone) in ["a", "a", "a", "b", "b", "c"].into_iter().enumerate() {
            order.insert(index, &node(zone));
        }
        order.settle();
        assert_eq!(order.nodes(), [0, 3, 5, 1, 4, 2]);
        order.remove(5, &node("c"));
        order.update(0, &node("a"), &node("b"));
        order.settle();
        assert_eq!(order.nodes(), [1, 3, 2, 4, 0]);
    }
}
