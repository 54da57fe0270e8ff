//! The state that decisions are made on: nodes, the Pods on each, volumes, budgets.
//!
//! Owned by one task, changed by what the API reports and by what was decided but is not yet to be seen there
//! (assumed). Every change of a node or of its Pods is written to a log of changes, so that what was found out about
//! other nodes stays good. Pods on nodes that are not known wait for them.

mod census;
mod order;
mod slab;
mod slot;
mod topology;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use crate::labels::{LabelSet, Selector};
use crate::node::Node;
use crate::pod::Pod;
use crate::relation::{Namespaces, Others, SpreadConstraint};
use crate::volume::{ClaimKey, VolumePlan, Volumes};

use self::census::Membership;
pub(crate) use self::census::{Census, Grip, Query};
use self::order::Order;
use self::slab::Slab;
pub(crate) use self::slot::Slot;
pub(crate) use self::topology::{NOWHERE, Topologies};

/// Changes of nodes that are remembered, per node; a plan that has missed more looks at all nodes again.
const CHANGES_PER_NODE: usize = 4;

/// How sure it is that a Pod is on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// The API says so.
    Confirmed,
    /// It was decided, and this was reserved for it.
    Assumed(VolumePlan),
}

#[derive(Clone, Debug)]
struct Placed {
    pod: Arc<Pod>,
    node: Arc<str>,
    standing: Standing,
    /// Where it is counted, if the node is known.
    counted: Option<(usize, Membership)>,
}

/// How many Pods may be taken away at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Whose Pods; an empty selector is about none here.
    pub selector: Selector,
    /// How many may go now.
    pub allowed: i32,
    /// Pods that are going already and count no more, by name.
    pub disrupted: Vec<Arc<str>>,
}

/// The state that decisions are made on.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    slots: Slab<Slot>,
    by_name: HashMap<Arc<str>, usize>,
    pods: HashMap<Arc<str>, Placed>,
    /// Pods, by uid, on nodes that are not known.
    waiting: HashMap<Arc<str>, Vec<Arc<str>>>,
    nominated: HashMap<Arc<str>, Vec<Arc<Pod>>>,
    /// How many placed Pods use a claim.
    claims: HashMap<ClaimKey, u32>,
    /// How many nodes have an image, and its size there, by name.
    images: HashMap<Arc<str>, (usize, i64)>,
    budgets: HashMap<ClaimKey, Budget>,
    /// Claims, volumes and classes.
    pub volumes: Volumes,
    pub(crate) census: Census,
    pub(crate) topologies: Topologies,
    order: Order,
    changes: Vec<usize>,
    /// How many changes were forgotten.
    forgotten: u64,
    /// Counts up when something concerns all nodes.
    epoch: u64,
}

impl Cluster {
    /// Returns how many nodes there are.
    pub fn nodes(&self) -> usize {
        self.slots.len()
    }

    /// Returns how many Pods are placed.
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    /// Returns a node by name.
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        Some(&self.slot(*self.by_name.get(name)?).node)
    }

    /// Returns where a Pod is or is assumed to be.
    pub fn place(&self, uid: &str) -> Option<&Arc<str>> {
        Some(&self.pods.get(uid)?.node)
    }

    /// Returns whether a Pod was placed by [`Self::assume`] and not confirmed since.
    pub fn is_assumed(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|placed| placed.standing != Standing::Confirmed)
    }

    /// Takes over a node that is new or has changed.
    pub fn set_node(&mut self, node: Node) {
        let node = Arc::new(node);
        if let Some(index) = self.by_name.get(&node.name).copied() {
            let old = Arc::clone(&self.slot(index).node);
            if old == node {
                return;
            }
            self.order.update(index, &old, &node);
            if old.labels != node.labels {
                self.topologies.set_node(index, Some(&node));
            }
            if old.images != node.images {
                self.count_images(&old, -1);
                self.count_images(&node, 1);
                self.epoch += 1;
            }
            if let Some(slot) = self.slots.get_mut(index) {
                slot.node = node;
            }
            self.note(index);
            return;
        }
        let index = self.slots.insert(Slot::new(Arc::clone(&node)));
        self.by_name.insert(Arc::clone(&node.name), index);
        self.census.grow(self.slots.bound());
        self.topologies.set_node(index, Some(&node));
        self.order.insert(index, &node);
        self.count_images(&node, 1);
        self.epoch += 1;
        for uid in self.waiting.remove(&node.name).unwrap_or_default() {
            self.count(&uid, index);
        }
    }

    /// Forgets a node. Its Pods wait for it to come back, or for their own end.
    pub fn remove_node(&mut self, name: &str) {
        let Some(index) = self.by_name.remove(name) else { return };
        let uids: Vec<Arc<str>> = self.slot(index).pods.iter().map(|pod| Arc::clone(&pod.uid)).collect();
        for uid in &uids {
            self.uncount(uid);
        }
        if let Some(slot) = self.slots.remove(index) {
            self.order.remove(index, &slot.node);
            self.topologies.set_node(index, None);
            self.count_images(&slot.node, -1);
            self.waiting.insert(Arc::clone(&slot.node.name), uids);
        }
        self.epoch += 1;
    }

    /// Takes over a Pod that is bound to a node: new, changed, or assumed until now. One that has ended is to be
    /// removed instead.
    pub fn set_pod(&mut self, pod: &Arc<Pod>) {
        let Some(node) = &pod.node else { return };
        self.clear_nomination(&pod.uid);
        if let Some(placed) = self.pods.get_mut(&pod.uid) {
            if placed.node == *node && same_footprint(&placed.pod, pod) {
                placed.pod = Arc::clone(pod);
                placed.standing = Standing::Confirmed;
                if let Some((index, _)) = placed.counted
                    && let Some(slot) = self.slots.get_mut(index)
                    && let Some(have) = slot.pods.iter_mut().find(|have| have.uid == pod.uid)
                {
                    *have = Arc::clone(pod);
                }
                return;
            }
            self.remove_pod(&pod.uid);
        }
        self.place_pod(pod, node, Standing::Confirmed);
    }

    /// Forgets a Pod, whether confirmed or assumed.
    pub fn remove_pod(&mut self, uid: &str) {
        self.clear_nomination(uid);
        self.uncount(uid);
        let Some(placed) = self.pods.remove(uid) else { return };
        if let Some(uids) = self.waiting.get_mut(&placed.node) {
            uids.retain(|have| have.as_ref() != uid);
            if uids.is_empty() {
                self.waiting.remove(&placed.node);
            }
        }
        self.use_claims(&placed.pod, false);
        if let Standing::Assumed(plan) = &placed.standing {
            self.volumes.release(plan);
        }
    }

    /// Places a Pod as decided, until the API confirms it or it is forgotten.
    pub fn assume(&mut self, pod: &Arc<Pod>, node: &Arc<str>, plan: VolumePlan) {
        self.remove_pod(&pod.uid);
        self.volumes.reserve(&plan, node);
        self.place_pod(pod, node, Standing::Assumed(plan));
    }

    /// Takes an assumption back, if it still is one.
    pub fn forget(&mut self, uid: &str) {
        if self.is_assumed(uid) {
            self.remove_pod(uid);
        }
    }

    fn place_pod(&mut self, pod: &Arc<Pod>, node: &Arc<str>, standing: Standing) {
        let placed = Placed { pod: Arc::clone(pod), node: Arc::clone(node), standing, counted: None };
        self.pods.insert(Arc::clone(&pod.uid), placed);
        self.use_claims(pod, true);
        match self.by_name.get(node).copied() {
            Some(index) => self.count(&pod.uid, index),
            None => self.waiting.entry(Arc::clone(node)).or_default().push(Arc::clone(&pod.uid)),
        }
    }

    fn count(&mut self, uid: &str, index: usize) {
        let (Some(placed), Some(slot)) = (self.pods.get_mut(uid), self.slots.get_mut(index)) else { return };
        slot.add(Arc::clone(&placed.pod));
        placed.counted = Some((index, self.census.add(&placed.pod, index)));
        self.note(index);
    }

    fn uncount(&mut self, uid: &str) {
        let Some((index, membership)) = self.pods.get_mut(uid).and_then(|placed| placed.counted.take())
        else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.remove(uid);
        }
        self.census.remove(&membership, index);
        self.note(index);
    }

    fn use_claims(&mut self, pod: &Pod, placed: bool) {
        for name in &pod.claims {
            let key = (Arc::clone(&pod.kin.namespace), Arc::clone(name));
            let uses = self.claims.entry(key.clone()).or_default();
            if placed {
                *uses += 1;
            } else {
                *uses = uses.saturating_sub(1);
                if *uses == 0 {
                    self.claims.remove(&key);
                }
            }
        }
    }

    /// Keeps room on a node for a Pod that waits for others to go.
    pub fn nominate(&mut self, pod: &Arc<Pod>, node: &Arc<str>) {
        self.clear_nomination(&pod.uid);
        self.nominated.entry(Arc::clone(node)).or_default().push(Arc::clone(pod));
    }

    /// Keeps no room for a Pod any longer.
    pub fn clear_nomination(&mut self, uid: &str) {
        if self.nominated.is_empty() {
            return;
        }
        self.nominated.retain(|_, pods| {
            pods.retain(|pod| pod.uid.as_ref() != uid);
            !pods.is_empty()
        });
    }

    /// Returns the Pods that room is kept for, by node.
    pub fn nominations(&self) -> impl Iterator<Item = (&Arc<str>, &[Arc<Pod>])> {
        self.nominated.iter().map(|(node, pods)| (node, pods.as_slice()))
    }

    /// Takes over the labels of a namespace.
    pub fn set_namespace(&mut self, name: &Arc<str>, labels: LabelSet) {
        self.census.set_namespace(name, Some(labels));
    }

    /// Forgets a namespace.
    pub fn remove_namespace(&mut self, name: &Arc<str>) {
        self.census.set_namespace(name, None);
    }

    /// Takes over a budget that is new or has changed.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budgets.insert((Arc::clone(&budget.namespace), Arc::clone(&budget.name)), budget);
    }

    /// Forgets a budget.
    pub fn remove_budget(&mut self, key: &ClaimKey) {
        self.budgets.remove(key);
    }

    pub(crate) fn budgets(&self) -> impl Iterator<Item = &Budget> {
        self.budgets.values()
    }
}

/// A Pod that was taken out for a look.
#[derive(Debug)]
pub(crate) struct TakenOut(Placed);

/// Returns the query for the Pods that a constraint counts, for a Pod of this namespace.
pub(crate) fn spread_query(constraint: &SpreadConstraint, namespace: &Arc<str>) -> Query {
    let namespaces = Namespaces::only(namespace);
    let others = Others { namespaces, selector: constraint.selector.clone() };
    Query { all: vec![others], terminating: false }
}

/// Returns whether two versions of a Pod count alike everywhere.
fn same_footprint(old: &Pod, new: &Pod) -> bool {
    old.kin == new.kin
        && old.shape.request == new.shape.request
        && old.shape.ports == new.shape.ports
        && old.claims == new.claims
        && old.affinity == new.affinity
}

#[cfg(test)]
mod tests;
