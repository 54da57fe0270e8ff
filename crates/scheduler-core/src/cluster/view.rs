//! What decisions read, and the changes they make for a look only.

use std::sync::Arc;

use super::{CHANGES_PER_NODE, Cluster, Placed, Slot, Standing, TakenOut};
use crate::node::Node;
use crate::pod::Pod;
use crate::volume::{ClaimKey, VolumePlan};

impl Cluster {
    pub(crate) fn slot(&self, index: usize) -> &Slot {
        self.slots.get(index).expect("indexes are those of nodes that are there")
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter()
    }

    /// Returns one more than the largest index of a node.
    pub(crate) fn bound(&self) -> usize {
        self.slots.bound()
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn order(&self) -> &[usize] {
        self.order.nodes()
    }

    /// Brings what is derived up to date, before a decision.
    pub(crate) fn settle(&mut self) {
        self.order.settle();
        self.census.trim();
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns how many changes there were.
    pub(crate) fn now(&self) -> u64 {
        self.forgotten + self.changes.len() as u64
    }

    /// Returns the nodes that changed since [`Self::now`] was `then`, or none if that is not known any more.
    pub(crate) fn changed_since(&self, then: u64) -> Option<&[usize]> {
        let from = usize::try_from(then.checked_sub(self.forgotten)?).ok()?;
        self.changes.get(from..)
    }

    pub(super) fn note(&mut self, index: usize) {
        if self.changes.len() > CHANGES_PER_NODE * self.slots.bound().max(64) {
            let half = self.changes.len() / 2;
            self.changes.drain(..half);
            self.forgotten += half as u64;
        }
        self.changes.push(index);
    }

    pub(crate) fn topology_id(&mut self, key: &Arc<str>) -> usize {
        let nodes = self.slots.iter().map(|(index, slot)| (index, slot.node.as_ref()));
        self.topologies.id(key, self.slots.bound(), nodes)
    }

    /// Returns whether any placed Pod uses one of these claims.
    pub(crate) fn any_used(&self, claims: &[ClaimKey]) -> bool {
        claims.iter().any(|claim| self.claims.contains_key(claim))
    }

    /// Returns how many nodes have an image, and its size there.
    pub(crate) fn image(&self, name: &str) -> Option<(usize, i64)> {
        self.images.get(name).copied()
    }

    pub(super) fn count_images(&mut self, node: &Node, by: isize) {
        for image in &node.images {
            for name in &image.names {
                let (nodes, size) = self.images.entry(Arc::clone(name)).or_default();
                *nodes = nodes.saturating_add_signed(by);
                *size = image.size;
                if *nodes == 0 {
                    self.images.remove(name);
                }
            }
        }
    }

    /// Takes Pods out for a look at how things would be without them; [`Self::put_back`] undoes it.
    pub(crate) fn take_out(&mut self, uid: &str) -> Option<TakenOut> {
        let placed = self.pods.get(uid)?.clone();
        self.uncount(uid);
        self.pods.remove(uid);
        self.use_claims(&placed.pod, false);
        Some(TakenOut(placed))
    }

    /// Puts a Pod back that was taken out.
    pub(crate) fn put_back(&mut self, TakenOut(placed): TakenOut) {
        let Placed { pod, node, standing, counted: _ } = placed;
        self.place_pod(&pod, &node, standing);
    }

    /// Places a Pod for a look at how things would be with it; [`Self::take_out`] undoes it.
    pub(crate) fn put_for_a_look(&mut self, pod: &Arc<Pod>, node: &Arc<str>) {
        self.place_pod(pod, node, Standing::Assumed(VolumePlan::default()));
    }
}
