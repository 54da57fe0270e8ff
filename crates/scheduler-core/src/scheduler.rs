//! One decision: which nodes will do, and which of them is best.
//!
//! Nodes are tried from where the last decision stopped, in turn from each zone, until enough will do. A node that is
//! kept free for a Pod is tried first by that Pod, and by others as if that Pod were there already.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bond::Bonds;
use crate::check;
use crate::cluster::Cluster;
use crate::diagnosis::{Cause, Diagnosis};
use crate::plan::{Plan, Plans};
use crate::pod::Pod;
use crate::refusal::{Obstacle, Refusal};
use crate::score;
use crate::volume::{PodClaims, VolumePlan};

/// With fewer nodes than this all are tried; no search stops with fewer than this that will do.
const MIN_FEASIBLE: usize = 100;
/// The adaptive share of nodes never falls below this many percent.
const MIN_PERCENTAGE: usize = 5;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The node.
    pub node: Arc<str>,
    /// What its claims need.
    pub volumes: VolumePlan,
    /// How many nodes were tried.
    pub evaluated: usize,
    /// How many of them would do.
    pub feasible: usize,
}

/// Decides where Pods run, on the state it owns.
#[derive(Clone, Debug, Default)]
pub struct Scheduler {
    /// The state.
    pub cluster: Cluster,
    plans: Plans,
    percentage: Option<u8>,
    next: usize,
}

/// A Pod with what was looked up for it.
pub(crate) struct Candidate<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) plan: &'a Plan,
    pub(crate) claims: &'a PodClaims,
}

impl Scheduler {
    /// Makes one. `percentage` of the nodes are searched for ones that will do; none or 0 adapts to their number.
    pub fn new(percentage: Option<u8>) -> Self {
        Self { percentage: percentage.filter(|percentage| *percentage > 0), ..Self::default() }
    }

    /// Chooses a node. Of equally good ones `seed` draws one; the state does not change.
    pub fn schedule(&mut self, pod: &Arc<Pod>, seed: u64) -> Result<Placement, Diagnosis> {
        self.cluster.settle();
        let nodes = self.cluster.nodes();
        if nodes == 0 {
            return Err(Diagnosis { nodes, cause: Cause::NoNodes });
        }
        let found = self.claims(pod).and_then(|claims| {
            let Self { cluster, plans, percentage, next } = self;
            let plan = plans.of(&pod.shape, cluster);
            let candidate = Candidate { pod, plan, claims: &claims };
            let feasible = feasible(cluster, &candidate, *percentage, next);
            let chosen = match feasible.nodes.as_slice() {
                [] => return Err(Cause::Refusals(refusals(cluster, &candidate))),
                [only] => *only,
                several => best(cluster, &candidate, several, seed),
            };
            Ok((chosen, claims, feasible))
        });
        let (chosen, claims, feasible) = found.map_err(|cause| Diagnosis { nodes, cause })?;
        let node = Arc::clone(&self.cluster.slot(chosen).node);
        let volumes = self.cluster.volumes.plan(&claims, &node).unwrap_or_default();
        let (evaluated, feasible) = (feasible.evaluated, feasible.nodes.len());
        Ok(Placement { node: Arc::clone(&node.name), volumes, evaluated, feasible })
    }

    pub(crate) fn claims(&self, pod: &Pod) -> Result<PodClaims, Cause> {
        self.cluster.volumes.of(pod).map_err(|obstacle: Obstacle| Cause::Obstacle(obstacle))
    }

    pub(crate) fn parts(&mut self) -> (&mut Cluster, &mut Plans) {
        (&mut self.cluster, &mut self.plans)
    }
}

/// Nodes that will do.
struct Feasible {
    nodes: Vec<usize>,
    evaluated: usize,
}

/// Returns how many nodes that will do are enough.
fn enough(nodes: usize, percentage: Option<u8>) -> usize {
    if nodes < MIN_FEASIBLE {
        return nodes;
    }
    let percentage = match percentage {
        Some(percentage) => usize::from(percentage.min(100)),
        None => 50_usize.saturating_sub(nodes / 125).max(MIN_PERCENTAGE),
    };
    (nodes * percentage / 100).max(MIN_FEASIBLE)
}

fn feasible(
    cluster: &mut Cluster,
    candidate: &Candidate<'_>,
    percentage: Option<u8>,
    next: &mut usize,
) -> Feasible {
    let pod = candidate.pod;
    let kept = kept(cluster, candidate);
    let search = Search::new(cluster, candidate, kept);
    let cluster = &*cluster;
    if let Some(index) = nominated(cluster, pod)
        && search.admits(cluster, candidate, index)
    {
        return Feasible { nodes: vec![index], evaluated: 1 };
    }
    if let Some(names) = pod.shape.nodes.only_names() {
        let mut nodes: Vec<usize> = names.iter().filter_map(|name| cluster.index(name)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let evaluated = nodes.len();
        nodes.retain(|index| search.admits(cluster, candidate, *index));
        return Feasible { nodes, evaluated };
    }
    let order = cluster.order();
    let enough = enough(order.len(), percentage);
    let start = *next % order.len();
    let mut nodes = Vec::with_capacity(enough);
    let mut evaluated = 0;
    for index in order[start..].iter().chain(&order[..start]) {
        evaluated += 1;
        if search.admits(cluster, candidate, *index) {
            nodes.push(*index);
            if nodes.len() == enough {
                break;
            }
        }
    }
    *next = (start + evaluated) % order.len();
    Feasible { nodes, evaluated }
}

/// Returns the node that is kept free for a Pod.
pub(crate) fn nominated(cluster: &Cluster, pod: &Pod) -> Option<usize> {
    let mut kept = cluster.nominations();
    let kept = kept.find(|(_, pods)| pods.iter().any(|have| have.uid == pod.uid)).map(|(node, _)| node);
    cluster.index(kept.or(pod.nominated.as_ref())?)
}

/// What a walk over the nodes needs.
struct Search {
    bonds: Bonds,
    /// Whether a claim of the Pod is in use elsewhere.
    in_use: bool,
    /// What was found out about nodes that are kept free for others.
    kept: HashMap<usize, bool>,
    /// Whether the plan says it all.
    plain: bool,
}

impl Search {
    fn new(cluster: &mut Cluster, candidate: &Candidate<'_>, kept: HashMap<usize, bool>) -> Self {
        let bonds = Bonds::new(cluster, candidate.plan, candidate.pod);
        let in_use = cluster.any_used(&candidate.claims.exclusive);
        let plain = bonds.are_none() && candidate.claims.are_indifferent() && kept.is_empty() && !in_use;
        Self { bonds, in_use, kept, plain }
    }

    fn admits(&self, cluster: &Cluster, candidate: &Candidate<'_>, index: usize) -> bool {
        if !candidate.plan.cell(index).fits {
            return false;
        }
        self.plain
            || (!self.in_use
                && self.kept.get(&index).copied().unwrap_or(true)
                && cluster.volumes.plan(candidate.claims, &cluster.slot(index).node).is_ok()
                && self.bonds.refusal(cluster, index).is_none())
    }
}

/// Tries the nodes that are kept free for Pods that are no less important, as if these were there.
fn kept(cluster: &mut Cluster, candidate: &Candidate<'_>) -> HashMap<usize, bool> {
    let pod = candidate.pod;
    let nodes: Vec<usize> = cluster.nominations().filter_map(|(node, _)| cluster.index(node)).collect();
    let mut kept = HashMap::new();
    for index in nodes {
        if !guests(cluster, pod, index).is_empty() {
            kept.insert(index, refusal_with_guests(cluster, candidate, index).is_none());
        }
    }
    kept
}

/// Returns the Pods that a node is kept free for and that are no less important.
fn guests(cluster: &Cluster, pod: &Pod, index: usize) -> Vec<Arc<Pod>> {
    let name = &cluster.slot(index).node.name;
    let counts = |guest: &&Arc<Pod>| guest.uid != pod.uid && guest.priority >= pod.priority;
    let all = cluster.nominations().filter(|(node, _)| *node == name).flat_map(|(_, pods)| pods);
    all.filter(counts).cloned().collect()
}

fn refusal_with_guests(cluster: &mut Cluster, candidate: &Candidate<'_>, index: usize) -> Option<Refusal> {
    let guests = guests(cluster, candidate.pod, index);
    let name = Arc::clone(&cluster.slot(index).node.name);
    for guest in &guests {
        cluster.put_for_a_look(guest, &name);
    }
    let refusal = refusal_as_is(cluster, candidate, index);
    for guest in &guests {
        cluster.take_out(&guest.uid);
    }
    refusal
}

/// Returns why a node is refused, with the Pods that it is kept free for and without them.
pub(crate) fn refusal(cluster: &mut Cluster, candidate: &Candidate<'_>, index: usize) -> Option<Refusal> {
    if !guests(cluster, candidate.pod, index).is_empty()
        && let Some(refusal) = refusal_with_guests(cluster, candidate, index)
    {
        return Some(refusal);
    }
    refusal_as_is(cluster, candidate, index)
}

fn refusal_as_is(cluster: &mut Cluster, candidate: &Candidate<'_>, index: usize) -> Option<Refusal> {
    let bonds = Bonds::new(cluster, candidate.plan, candidate.pod);
    refusal_under(cluster, candidate, &bonds, index)
}

fn refusal_under(
    cluster: &Cluster,
    candidate: &Candidate<'_>,
    bonds: &Bonds,
    index: usize,
) -> Option<Refusal> {
    let Candidate { pod, plan: _, claims } = candidate;
    let slot = cluster.slot(index);
    if let Some(refusal) = check::refusal(&pod.shape, slot) {
        return Some(refusal);
    }
    if cluster.any_used(&claims.exclusive) {
        return Some(Refusal::ClaimInUse);
    }
    if let Err(refusal) = cluster.volumes.plan(claims, &slot.node) {
        return Some(refusal);
    }
    bonds.refusal(cluster, index)
}

/// Returns why each node is refused that is.
pub(crate) fn refusals(cluster: &mut Cluster, candidate: &Candidate<'_>) -> Vec<(Arc<str>, Refusal)> {
    let only: Option<Vec<Arc<str>>> =
        candidate.pod.shape.nodes.only_names().map(|names| names.into_iter().cloned().collect());
    let bonds = Bonds::new(cluster, candidate.plan, candidate.pod);
    let mut all = Vec::new();
    for index in cluster.order().to_vec() {
        let name = Arc::clone(&cluster.slot(index).node.name);
        let refusal = if only.as_ref().is_some_and(|only| !only.contains(&name)) {
            Some(Refusal::NotNamed)
        } else if guests(cluster, candidate.pod, index).is_empty() {
            refusal_under(cluster, candidate, &bonds, index)
        } else {
            refusal(cluster, candidate, index)
        };
        all.extend(refusal.map(|refusal| (name, refusal)));
    }
    all
}

/// Returns the node with the highest score; of several the one that the seed draws.
fn best(cluster: &mut Cluster, candidate: &Candidate<'_>, nodes: &[usize], seed: u64) -> usize {
    let totals = score::totals(cluster, candidate.plan, candidate.pod, nodes);
    let most = totals.iter().copied().max().unwrap_or(0);
    let ties = totals.iter().filter(|total| **total == most).count().max(1);
    let drawn = usize::try_from(mix(seed) % ties as u64).unwrap_or(0);
    let mut winners = nodes.iter().zip(&totals).filter(|(_, total)| **total == most);
    *winners.nth(drawn).map_or(&nodes[0], |(index, _)| index)
}

/// Spreads a seed over all bits (the finaliser of splitmix64), so that seeds that count up draw evenly.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
