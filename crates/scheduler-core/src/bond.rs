//! The filters that look at other Pods: spreading, affinity and anti-affinity.
//!
//! Before nodes are tried, the numbers of Pods that matter are added up by domain, from tallies by node. That costs
//! one walk over the nodes for each term, and none over Pods.

use crate::cluster::{Cluster, Grip, NOWHERE, Query, spread_query};
use crate::plan::Plan;
use crate::pod::Pod;
use crate::refusal::Refusal;
use crate::relation::{Inclusion, Others, SpreadConstraint, Unsatisfiable};

/// Numbers of Pods by domain of a topology.
#[derive(Clone, Debug)]
pub(crate) struct ByDomain {
    pub(crate) topology: usize,
    pub(crate) counts: Vec<u32>,
}

impl ByDomain {
    fn new(cluster: &Cluster, topology: usize) -> Self {
        Self { topology, counts: vec![0; cluster.topologies.get(topology).bound()] }
    }

    /// Adds numbers by node.
    fn add(&mut self, cluster: &Cluster, by_node: &[u32]) {
        for (domain, pods) in cluster.topologies.get(self.topology).domains().iter().zip(by_node) {
            if *domain != NOWHERE {
                self.counts[*domain] += pods;
            }
        }
    }

    /// Returns the number in the domain of a node, or none if it is in no domain.
    fn near(&self, cluster: &Cluster, index: usize) -> Option<u32> {
        let domain = cluster.topologies.get(self.topology).domains()[index];
        (domain != NOWHERE).then(|| self.counts[domain])
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|pods| *pods == 0)
    }
}

/// A constraint that must hold.
#[derive(Clone, Debug)]
struct Limit {
    pods: ByDomain,
    /// How many there may be in the domain before the Pod comes.
    most: i64,
}

/// The Pods that must be near.
#[derive(Clone, Debug)]
struct Near {
    terms: Vec<ByDomain>,
    /// Whether there are none anywhere and the Pod itself is such a one, so that it may be the first.
    first: bool,
}

/// What other Pods mean for one Pod.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bonds {
    limits: Vec<Limit>,
    near: Option<Near>,
    far: Vec<ByDomain>,
    repelled: Vec<ByDomain>,
}

impl Bonds {
    /// Adds up what matters for a Pod. The plan must be that of its shape.
    pub(crate) fn new(cluster: &mut Cluster, plan: &Plan, pod: &Pod) -> Self {
        let affinity = &pod.affinity;
        Self {
            limits: limits(cluster, plan, pod),
            near: near(cluster, pod),
            far: affinity
                .anti_required
                .iter()
                .map(|term| tallied(cluster, &term.topology_key, vec![term.others.clone()]))
                .filter(|pods| !pods.is_empty())
                .collect(),
            repelled: repelled(cluster, pod),
        }
    }

    /// Returns whether nothing depends on other Pods.
    pub(crate) fn are_none(&self) -> bool {
        let Self { limits, near, far, repelled } = self;
        limits.is_empty() && near.is_none() && far.is_empty() && repelled.is_empty()
    }

    /// Returns why a node is refused.
    pub(crate) fn refusal(&self, cluster: &Cluster, index: usize) -> Option<Refusal> {
        for limit in &self.limits {
            match limit.pods.near(cluster, index) {
                None => return Some(Refusal::SpreadLabel),
                Some(pods) if i64::from(pods) > limit.most => return Some(Refusal::Spread),
                Some(_) => {}
            }
        }
        if self.near.as_ref().is_some_and(|near| !near.admits(cluster, index)) {
            return Some(Refusal::PodAffinity);
        }
        let any = |all: &[ByDomain]| all.iter().any(|pods| pods.near(cluster, index).is_some_and(|n| n > 0));
        if any(&self.far) {
            return Some(Refusal::PodAntiAffinity);
        }
        any(&self.repelled).then_some(Refusal::ExistingAntiAffinity)
    }
}

impl Near {
    fn admits(&self, cluster: &Cluster, index: usize) -> bool {
        let mut all = true;
        for term in &self.terms {
            match term.near(cluster, index) {
                None => return false,
                Some(pods) => all &= pods > 0,
            }
        }
        all || self.first
    }
}

/// Adds up the Pods that all of these include.
fn tallied(cluster: &mut Cluster, key: &std::sync::Arc<str>, all: Vec<Others>) -> ByDomain {
    let topology = cluster.topology_id(key);
    let tally = cluster.census.tally_id(&Query { all, terminating: true });
    let mut pods = ByDomain::new(cluster, topology);
    pods.add(cluster, cluster.census.tally(tally));
    pods
}

fn near(cluster: &mut Cluster, pod: &Pod) -> Option<Near> {
    let required = &pod.affinity.required;
    if required.is_empty() {
        return None;
    }
    // A Pod counts only if every term includes it.
    let all: Vec<Others> = required.iter().map(|term| term.others.clone()).collect();
    let terms: Vec<ByDomain> =
        required.iter().map(|term| tallied(cluster, &term.topology_key, all.clone())).collect();
    let itself = all.iter().all(|others| cluster.census.includes(others, &pod.kin));
    let first = itself && terms.iter().all(ByDomain::is_empty);
    Some(Near { terms, first })
}

fn repelled(cluster: &mut Cluster, pod: &Pod) -> Vec<ByDomain> {
    let mut all: Vec<ByDomain> = Vec::new();
    for id in cluster.census.holds_about(&pod.kin) {
        let key = match cluster.census.hold(id) {
            Some(hold) if hold.grip == Grip::Repels => hold.term.topology_key.clone(),
            Some(_) | None => continue,
        };
        let topology = cluster.topology_id(&key);
        let at = all.iter().position(|pods| pods.topology == topology).unwrap_or_else(|| {
            all.push(ByDomain::new(cluster, topology));
            all.len() - 1
        });
        if let Some(hold) = cluster.census.hold(id) {
            all[at].add(cluster, &hold.by_node);
        }
    }
    all.retain(|pods| !pods.is_empty());
    all
}

/// A constraint with its numbers for the walk over nodes.
pub(crate) struct Counted<'a> {
    pub(crate) constraint: &'a SpreadConstraint,
    pub(crate) topology: usize,
    pub(crate) tally: usize,
}

impl<'a> Counted<'a> {
    /// Looks up the constraints of a Pod with one of the two consequences.
    pub(crate) fn all(cluster: &mut Cluster, pod: &'a Pod, unsatisfiable: Unsatisfiable) -> Vec<Self> {
        let constraints = pod.spread.that(unsatisfiable);
        constraints
            .map(|constraint| Self {
                constraint,
                topology: cluster.topology_id(&constraint.topology_key),
                tally: cluster.census.tally_id(&spread_query(constraint, &pod.kin.namespace)),
            })
            .collect()
    }

    /// Adds up the Pods by domain, on nodes that count and, if told which, have all labels. Also returns which domains
    /// have such a node.
    pub(crate) fn sum(
        &self,
        cluster: &Cluster,
        plan: &Plan,
        labelled: Option<&[bool]>,
    ) -> (ByDomain, Vec<bool>) {
        let mut pods = ByDomain::new(cluster, self.topology);
        let mut present = vec![false; pods.counts.len()];
        let by_node = cluster.census.tally(self.tally);
        let nodes = cluster.topologies.get(self.topology).domains().iter().zip(by_node).zip(plan.cells());
        let honors = |inclusion: Inclusion| inclusion == Inclusion::Honor;
        let wanted = honors(self.constraint.node_affinity);
        let borne = honors(self.constraint.node_taints);
        for (index, ((domain, here), cell)) in nodes.enumerate() {
            let counts = *domain != NOWHERE
                && (!wanted || cell.wanted)
                && (!borne || cell.borne)
                && labelled.is_none_or(|labelled| labelled[index]);
            if counts {
                pods.counts[*domain] += here;
                present[*domain] = true;
            }
        }
        (pods, present)
    }
}

/// Returns which nodes have the labels of all constraints; none if any node that counts has them anyway.
pub(crate) fn labelled(cluster: &Cluster, counted: &[Counted<'_>]) -> Option<Vec<bool>> {
    let (first, rest) = counted.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let of = |one: &Counted<'_>| cluster.topologies.get(one.topology).domains();
    let mut all: Vec<bool> = of(first).iter().map(|domain| *domain != NOWHERE).collect();
    for one in rest {
        for (all, domain) in all.iter_mut().zip(of(one)) {
            *all &= *domain != NOWHERE;
        }
    }
    Some(all)
}

fn limits(cluster: &mut Cluster, plan: &Plan, pod: &Pod) -> Vec<Limit> {
    let counted = Counted::all(cluster, pod, Unsatisfiable::DoNotSchedule);
    let cluster = &*cluster;
    let labelled = labelled(cluster, &counted);
    counted.iter().map(|one| limit(cluster, plan, pod, labelled.as_deref(), one)).collect()
}

fn limit(cluster: &Cluster, plan: &Plan, pod: &Pod, labelled: Option<&[bool]>, one: &Counted<'_>) -> Limit {
    let (pods, present) = one.sum(cluster, plan, labelled);
    let there = present.iter().zip(&pods.counts).filter_map(|(present, pods)| present.then_some(*pods));
    let (number, least) = there.fold((0, u32::MAX), |(number, least), pods| (number + 1, least.min(pods)));
    let least = if number < one.constraint.min_domains.max(1) { 0 } else { least };
    let itself = i64::from(one.constraint.selector.matches(&pod.kin.labels));
    Limit { pods, most: i64::from(one.constraint.max_skew) + i64::from(least) - itself }
}
