//! How much the nodes that passed are worth, by the formulas and weights of the default profile.
//!
//! A score counts from 0 to 100 before it is weighed. Two of them come as they are, the others are stretched over the
//! nodes at hand, so they only mean something among these.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bond::{Counted, labelled};
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
    let [disliked, preferred, spread, near] = relative(cluster, plan, pod, nodes);
    let fixed = |value: fn(&Cell) -> u8| {
        Column::Each(nodes.iter().map(|index| i64::from(value(plan.cell(*index)))).collect())
    };
    let room = fixed(|cell| cell.room);
    let balance = fixed(|cell| cell.balance);
    [disliked, preferred, room, balance, spread, near, fixed(|cell| cell.images)]
}

/// Returns the sums of all scores, each by its weight.
pub(crate) fn totals(cluster: &mut Cluster, plan: &Plan, pod: &Pod, nodes: &[usize]) -> Vec<i64> {
    let mut totals: Vec<i64> = nodes.iter().map(|index| plan.cell(*index).fixed()).collect();
    let relatives =
        [Scorer::TaintToleration, Scorer::NodeAffinity, Scorer::PodTopologySpread, Scorer::InterPodAffinity];
    for (scorer, column) in relatives.into_iter().zip(relative(cluster, plan, pod, nodes)) {
        let weight = scorer.weight();
        match column {
            // What is the same for all decides nothing, but belongs to the sum.
            Column::Same(0) => {}
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

/// The scores that are stretched over the nodes at hand: taints, labels, spreading, affinity.
fn relative(cluster: &mut Cluster, plan: &Plan, pod: &Pod, nodes: &[usize]) -> [Column; 4] {
    let disliked = inverse(nodes.iter().map(|index| i64::from(plan.cell(*index).disliked)));
    let preferred = if pod.shape.preferred.is_empty() {
        Column::Same(0)
    } else {
        proportional(nodes.iter().map(|index| i64::from(plan.cell(*index).preferred)))
    };
    [disliked, preferred, spread(cluster, plan, pod, nodes), near(cluster, pod, nodes)]
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
    let labelled = if strict { labelled(cluster, &counted) } else { None };
    let counts = |index: usize| match &labelled {
        Some(labelled) => labelled[index],
        None => !strict || cluster.topologies.get(counted[0].topology).domains()[index] != NOWHERE,
    };
    let rows: Vec<usize> = (0..nodes.len()).filter(|row| counts(nodes[*row])).collect();
    let mut sums = vec![0.0; nodes.len()];
    for one in &counted {
        add_crowd(cluster, plan, one, labelled.as_deref(), nodes, &rows, &mut sums);
    }
    let crowds: Vec<i64> = rows.iter().map(|row| cut(sums[*row].round())).collect();
    let least = crowds.iter().copied().min().unwrap_or(0);
    let most = crowds.iter().copied().max().unwrap_or(0);
    let mut scores = vec![0; nodes.len()];
    for (row, crowd) in rows.into_iter().zip(crowds) {
        scores[row] = if most == 0 { 100 } else { 100 * (most + least - crowd) / most };
    }
    Column::Each(scores)
}

/// Adds how crowded the domains of one constraint are. A domain counts for more where there are many domains.
fn add_crowd(
    cluster: &Cluster,
    plan: &Plan,
    one: &Counted<'_>,
    labelled: Option<&[bool]>,
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
    let (pods, _) = one.sum(cluster, plan, labelled);
    let mut at_hand = vec![false; pods.counts.len()];
    let mut nowhere = false;
    for row in rows {
        match domains[nodes[*row]] {
            NOWHERE => nowhere = true,
            domain => at_hand[domain] = true,
        }
    }
    let number = at_hand.iter().filter(|at_hand| **at_hand).count() + usize::from(nowhere);
    let weight = (count(number) + 2.0).ln();
    for row in rows {
        let domain = domains[nodes[*row]];
        if domain != NOWHERE {
            sums[*row] += f64::from(pods.counts[domain]) * weight + tolerance;
        }
    }
}
