//! How much the nodes that passed are worth, by the formulas and weights of the default profile.
//!
//! A score counts from 0 to 100 before it is weighed. Two of them come as they are, the others are stretched over the
//! nodes at hand, so they only mean something among these.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bond::{ByDomain, Counted, has_all_labels};
use crate::cluster::{Cluster, Grip, NOWHERE, Query};
use crate::node::HOSTNAME;
use crate::number::{count, cut, float};
use crate::plan::{Cell, Plan};
use crate::pod::Pod;
use crate::relation::{Unsatisfiable, Weighted};

/// What a node is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scorer {
    /// Few taints that would rather keep the Pod away.
    TaintToleration,
    /// Labels that are rather wanted.
    NodeAffinity,
    /// Much left.
    NodeResourcesFit,
    /// Evenly used.
    NodeResourcesBalancedAllocation,
    /// Few Pods of the kind.
    PodTopologySpread,
    /// The right Pods near.
    InterPodAffinity,
    /// Images that are there already.
    ImageLocality,
}

impl Scorer {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::TaintToleration,
        Self::NodeAffinity,
        Self::NodeResourcesFit,
        Self::NodeResourcesBalancedAllocation,
        Self::PodTopologySpread,
        Self::InterPodAffinity,
        Self::ImageLocality,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaintToleration => "TaintToleration",
            Self::NodeAffinity => "NodeAffinity",
            Self::NodeResourcesFit => "NodeResourcesFit",
            Self::NodeResourcesBalancedAllocation => "NodeResourcesBalancedAllocation",
            Self::PodTopologySpread => "PodTopologySpread",
            Self::InterPodAffinity => "InterPodAffinity",
            Self::ImageLocality => "ImageLocality",
        }
    }

    /// Returns what its score is multiplied by.
    pub fn weight(self) -> i64 {
        match self {
            Self::TaintToleration => 3,
            Self::NodeAffinity | Self::PodTopologySpread | Self::InterPodAffinity => 2,
            Self::NodeResourcesFit | Self::NodeResourcesBalancedAllocation | Self::ImageLocality => 1,
        }
    }
}

/// The scores of one scorer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The same for all nodes.
    Same(i64),
    /// One for each.
    Each(Vec<i64>),
}

impl Column {
    pub(crate) fn at(&self, row: usize) -> i64 {
        match self {
            Self::Same(score) => *score,
            Self::Each(scores) => scores[row],
        }
    }
}

/// Scores the nodes that passed, one column for each of [`Scorer::ALL`].
pub(crate) fn columns(cluster: &mut Cluster, plan: &Plan, pod: &Pod, nodes: &[usize]) -> [Column; 7] {
    let spread = spread(cluster, plan, pod, nodes);
    let near = near(cluster, pod, nodes);
    let cells = |value: fn(&Cell) -> i64| nodes.iter().map(move |index| value(plan.cell(*index)));
    let disliked = cells(|cell| i64::from(cell.disliked));
    let preferred = cells(|cell| i64::from(cell.preferred));
    [
        inverse(disliked),
        if pod.shape.preferred.is_empty() { Column::Same(0) } else { proportional(preferred) },
        Column::Each(cells(|cell| i64::from(cell.room)).collect()),
        Column::Each(cells(|cell| i64::from(cell.balance)).collect()),
        spread,
        near,
        Column::Each(cells(|cell| i64::from(cell.images)).collect()),
    ]
}

/// Adds the columns up, each by its weight.
pub(crate) fn totals(columns: &[Column; 7], rows: usize) -> Vec<i64> {
    let mut totals = vec![0; rows];
    for (scorer, column) in Scorer::ALL.into_iter().zip(columns) {
        let weight = scorer.weight();
        match column {
            Column::Same(score) => totals.iter_mut().for_each(|total| *total += score * weight),
            Column::Each(scores) => {
                for (total, score) in totals.iter_mut().zip(scores) {
                    *total += score * weight;
                }
            }
        }
    }
    totals
}

/// 100 for the most.
fn proportional(values: impl Iterator<Item = i64> + Clone) -> Column {
    match values.clone().max() {
        None | Some(0) => Column::Same(0),
        Some(most) => Column::Each(values.map(|value| value * 100 / most).collect()),
    }
}

/// 100 for none.
fn inverse(values: impl Iterator<Item = i64> + Clone) -> Column {
    match values.clone().max() {
        None | Some(0) => Column::Same(100),
        Some(most) => Column::Each(values.map(|value| 100 - value * 100 / most).collect()),
    }
}

/// What the Pods near a node are worth, by the Pod's wishes and by theirs.
fn near(cluster: &mut Cluster, pod: &Pod, nodes: &[usize]) -> Column {
    let worth = worth(cluster, pod);
    if worth.is_empty() {
        return Column::Same(0);
    }
    let mut sums = vec![0; nodes.len()];
    for (topology, by_domain) in &worth {
        let domains = cluster.topologies.get(*topology).domains();
        for (sum, index) in sums.iter_mut().zip(nodes) {
            if domains[*index] != NOWHERE {
                *sum += by_domain[domains[*index]];
            }
        }
    }
    let (least, most) =
        sums.iter().fold((i64::MAX, i64::MIN), |(least, most), sum| (least.min(*sum), most.max(*sum)));
    if most <= least {
        return Column::Same(0);
    }
    let stretch = |sum: i64| cut(100.0 * (float(sum - least) / float(most - least)));
    Column::Each(sums.into_iter().map(stretch).collect())
}

/// Returns what each domain is worth, by topology.
fn worth(cluster: &mut Cluster, pod: &Pod) -> BTreeMap<usize, Vec<i64>> {
    let mut worth = BTreeMap::new();
    let affinity = &pod.affinity;
    let wishes = |all: &'_ [Weighted], sign: i32| -> Vec<(Weighted, i64)> {
        all.iter().map(|wish| (wish.clone(), i64::from(wish.weight * sign))).collect()
    };
    let wishes = wishes(&affinity.preferred, 1).into_iter().chain(wishes(&affinity.anti_preferred, -1));
    for (wish, weight) in wishes {
        let topology = cluster.topology_id(&wish.term.topology_key);
        let query = Query { all: vec![wish.term.others], terminating: true };
        let tally = cluster.census.tally_id(&query);
        add_worth(&mut worth, cluster, topology, cluster.census.tally(tally), weight);
    }
    for id in cluster.census.holds_about(&pod.kin) {
        let (key, weight) = match cluster.census.hold(id).map(|hold| (hold, hold.grip)) {
            Some((hold, Grip::Attracts(weight))) => (Arc::clone(&hold.term.topology_key), weight),
            Some((_, Grip::Repels)) | None => continue,
        };
        let topology = cluster.topology_id(&key);
        if let Some(hold) = cluster.census.hold(id) {
            add_worth(&mut worth, cluster, topology, &hold.by_node, weight.into());
        }
    }
    worth
}

fn add_worth(
    worth: &mut BTreeMap<usize, Vec<i64>>,
    cluster: &Cluster,
    topology: usize,
    by_node: &[u32],
    weight: i64,
) {
    let topology_of = cluster.topologies.get(topology);
    let sums = worth.entry(topology).or_insert_with(|| vec![0; topology_of.bound()]);
    for (domain, pods) in topology_of.domains().iter().zip(by_node) {
        if *domain != NOWHERE {
            sums[*domain] += weight * i64::from(*pods);
        }
    }
}

/// How few Pods of the kind there are near a node.
fn spread(cluster: &mut Cluster, plan: &Plan, pod: &Pod, nodes: &[usize]) -> Column {
    let counted = Counted::all(cluster, pod, Unsatisfiable::ScheduleAnyway);
    if counted.is_empty() {
        return Column::Same(0);
    }
    let cluster = &*cluster;
    // The system's own constraints are also for nodes that lack the label of the zone.
    let strict = !pod.spread.by_default;
    let counts = |index: usize| !strict || has_all_labels(cluster, &counted, index);
    let rows: Vec<usize> = (0..nodes.len()).filter(|row| counts(nodes[*row])).collect();
    let mut sums = vec![0.0; nodes.len()];
    for one in &counted {
        add_crowd(cluster, plan, one, &counts, nodes, &rows, &mut sums);
    }
    let mut scores = vec![0; nodes.len()];
    let rounded = |row: &usize| cut(sums[*row].round());
    let least = rows.iter().map(rounded).min().unwrap_or(0);
    let most = rows.iter().map(rounded).max().unwrap_or(0);
    for row in rows {
        scores[row] = if most == 0 { 100 } else { 100 * (most + least - rounded(&row)) / most };
    }
    Column::Each(scores)
}

/// Adds how crowded the domains of one constraint are. A domain counts for more where there are many domains.
fn add_crowd(
    cluster: &Cluster,
    plan: &Plan,
    one: &Counted<'_>,
    counts: &impl Fn(usize) -> bool,
    nodes: &[usize],
    rows: &[usize],
    sums: &mut [f64],
) {
    let domains = cluster.topologies.get(one.topology).domains();
    let by_node = cluster.census.tally(one.tally);
    let tolerance = f64::from(one.constraint.max_skew - 1);
    if one.constraint.topology_key.as_ref() == HOSTNAME {
        let weight = (count(rows.len()) + 2.0).ln();
        for row in rows.iter().copied().filter(|row| domains[nodes[*row]] != NOWHERE) {
            sums[row] += f64::from(by_node[nodes[row]]) * weight + tolerance;
        }
        return;
    }
    let mut pods =
        ByDomain { topology: one.topology, counts: vec![0; cluster.topologies.get(one.topology).bound()] };
    let mut at_hand = vec![false; pods.counts.len()];
    let mut nowhere = false;
    for row in rows {
        match domains[nodes[*row]] {
            NOWHERE => nowhere = true,
            domain => at_hand[domain] = true,
        }
    }
    let number = at_hand.iter().filter(|at_hand| **at_hand).count() + usize::from(nowhere);
    for index in cluster.order().iter().copied() {
        let domain = domains[index];
        if domain != NOWHERE && counts(index) && one.includes(plan, index) {
            pods.counts[domain] += by_node[index];
        }
    }
    let weight = (count(number) + 2.0).ln();
    for row in rows {
        let domain = domains[nodes[*row]];
        if domain != NOWHERE {
            sums[*row] += f64::from(pods.counts[domain]) * weight + tolerance;
        }
    }
}
