//! What was found out about every node for one shape of Pods, kept while nodes do not change.
//!
//! Pods of one template have the same [`Shape`], so what one decision found out serves the next, except on the node
//! that took the Pod. A plan follows the cluster's log of changes; it is only ever a memory of what [`crate::check`]
//! and the formulas below say, so decisions are those that would be made without it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::check;
use crate::cluster::{Cluster, Slot};
use crate::node::Node;
use crate::number::{count, cut, float, whole};
use crate::pod::Shape;
use crate::resources::Resources;

/// Shapes that are remembered; of more the ones used longest ago go. With 5,000 nodes that is 40 MB.
const MAX_PLANS: usize = 256;

/// Images below this are not worth a thought: 23 MiB.
const MIN_IMAGE: i64 = 23 << 20;
/// A container's images count up to this: 1000 MiB.
const MAX_IMAGE: i64 = 1000 << 20;

/// What is known of a node for a shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Whether no filter of the node alone refuses it.
    pub(crate) fits: bool,
    /// Whether its labels and name will do.
    pub(crate) wanted: bool,
    /// Whether its taints are borne.
    pub(crate) borne: bool,
    /// How much is left, of 100.
    pub(crate) room: u8,
    /// How evenly it would be used, of 100.
    pub(crate) balance: u8,
    /// How much of the images is there, of 100.
    pub(crate) images: u8,
    /// How many taints would rather keep the Pod away.
    pub(crate) disliked: u16,
    /// What its labels are worth to the Pod.
    pub(crate) preferred: i32,
}

impl Cell {
    /// Returns the sum of the scores that come as they are, each of which weighs 1.
    pub(crate) fn fixed(self) -> i64 {
        i64::from(self.room) + i64::from(self.balance) + i64::from(self.images)
    }
}

/// What is known of all nodes for a shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    cells: Vec<Cell>,
    seen: u64,
    epoch: Option<u64>,
    used: u64,
}

impl Plan {
    /// Returns what is known of a node.
    pub(crate) fn cell(&self, index: usize) -> &Cell {
        &self.cells[index]
    }

    /// Returns what is known of all nodes, by index.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    fn refresh(&mut self, shape: &Shape, cluster: &Cluster) {
        let changed = cluster.changed_since(self.seen);
        match changed {
            Some(changed) if self.epoch == Some(cluster.epoch()) && changed.len() < cluster.bound() => {
                for index in changed {
                    self.cells[*index] = cell(shape, cluster, cluster.slot(*index));
                }
            }
            Some(_) | None => {
                self.cells.clear();
                self.cells.resize(cluster.bound(), Cell::default());
                for (index, slot) in cluster.slots() {
                    self.cells[index] = cell(shape, cluster, slot);
                }
            }
        }
        self.seen = cluster.now();
        self.epoch = Some(cluster.epoch());
    }
}

/// The plans by shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    by_shape: HashMap<Arc<Shape>, Plan>,
    asked: u64,
}

impl Plans {
    /// Returns the plan for a shape, up to date.
    pub(crate) fn of(&mut self, shape: &Arc<Shape>, cluster: &Cluster) -> &Plan {
        self.asked += 1;
        if self.by_shape.len() >= MAX_PLANS && !self.by_shape.contains_key(shape) {
            let mut ages: Vec<u64> = self.by_shape.values().map(|plan| plan.used).collect();
            ages.sort_unstable();
            let middle = ages[ages.len() / 2];
            self.by_shape.retain(|_, plan| plan.used > middle);
        }
        let plan = self.by_shape.entry(Arc::clone(shape)).or_default();
        plan.used = self.asked;
        plan.refresh(shape, cluster);
        plan
    }
}

fn cell(shape: &Shape, cluster: &Cluster, slot: &Slot) -> Cell {
    let node = &slot.node;
    let preferred = shape.preferred.iter().filter(|wish| wish.term.matches(node)).map(|wish| wish.weight);
    Cell {
        fits: check::refusal(shape, slot).is_none(),
        wanted: shape.nodes.matches(node),
        borne: node.untolerated(&shape.tolerations).is_none(),
        room: percent(room(shape, slot)),
        balance: percent(balance(&shape.request.exact, slot)),
        images: percent(images(shape, cluster, node)),
        disliked: u16::try_from(node.disliked(&shape.tolerations)).unwrap_or(u16::MAX),
        preferred: preferred.sum(),
    }
}

fn percent(score: i64) -> u8 {
    u8::try_from(score.clamp(0, 100)).unwrap_or(100)
}

/// What is left of processors and memory once the Pod is there, each as a percentage, on the average.
fn room(shape: &Shape, slot: &Slot) -> i64 {
    let allocatable = &slot.node.allocatable;
    let sides = [
        (allocatable.milli_cpu, slot.scored_cpu + shape.request.scored_cpu),
        (allocatable.memory, slot.scored_memory + shape.request.scored_memory),
    ];
    let left = |(all, used): (i64, i64)| if used > all { 0 } else { (all - used) * 100 / all };
    let known = sides.into_iter().filter(|(all, _)| *all != 0);
    let (sum, sides) = known.fold((0, 0), |(sum, sides), side| (sum + left(side), sides + 1));
    if sides == 0 { 0 } else { sum / sides }
}

/// 75 if the Pod leaves the node as evenly used as it is, more if more evenly.
fn balance(exact: &Resources, slot: &Slot) -> i64 {
    if exact.milli_cpu == 0 && exact.memory == 0 {
        return 0;
    }
    let allocatable = &slot.node.allocatable;
    let evenness = |cpu: i64, memory: i64| {
        let share = |used: i64, all: i64| (all != 0).then(|| (float(used) / float(all)).min(1.0));
        match (share(cpu, allocatable.milli_cpu), share(memory, allocatable.memory)) {
            (Some(cpu), Some(memory)) => cut((1.0 - ((cpu - memory) / 2.0).abs()) * 100.0),
            (Some(_) | None, None) | (None, Some(_)) => 100,
        }
    };
    let used = &slot.used;
    let before = evenness(used.milli_cpu, used.memory);
    let after = evenness(used.milli_cpu + exact.milli_cpu, used.memory + exact.memory);
    50 + (50 + after - before) / 2
}

/// How many bytes of the images are there, each counted by how many nodes have it, so that Pods do not all go where
/// the first one went.
fn images(shape: &Shape, cluster: &Cluster, node: &Node) -> i64 {
    let here = |name: &Arc<str>| node.images.iter().any(|image| image.names.contains(name));
    let worth = |name: &Arc<str>| {
        let (nodes, size) = cluster.image(name)?;
        here(name).then(|| cut(float(size) * (count(nodes) / count(cluster.nodes()))))
    };
    let sum: i64 = shape.images.iter().filter_map(worth).sum();
    let most = MAX_IMAGE * whole(shape.images.len());
    if most <= MIN_IMAGE {
        return 0;
    }
    100 * (sum.clamp(MIN_IMAGE, most) - MIN_IMAGE) / (most - MIN_IMAGE)
}

#[cfg(test)]
mod tests;
