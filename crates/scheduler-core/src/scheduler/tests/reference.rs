//! The same decisions, made slowly: everything is looked up anew, by walking over all nodes and all Pods.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::node::HOSTNAME;
use crate::relation::{Inclusion, SpreadConstraint, Term, Unsatisfiable};

/// A cluster as plain lists.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) placed: Vec<Pod>,
}

impl World {
    fn on<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Pod> {
        self.placed.iter().filter(|pod| pod.node.as_ref() == Some(&node.name))
    }

    fn node_of(&self, pod: &Pod) -> Option<&Node> {
        self.nodes.iter().find(|node| pod.node.as_ref() == Some(&node.name))
    }

    /// Returns the filter that refuses a node.
    pub(super) fn refused(&self, pod: &Pod, node: &Node) -> Option<Filter> {
        let shape = &pod.shape;
        if node.is_cordoned(&shape.tolerations) {
            return Some(Filter::NodeUnschedulable);
        }
        if node.untolerated(&shape.tolerations).is_some() {
            return Some(Filter::TaintToleration);
        }
        if !shape.nodes.matches(node) {
            return Some(Filter::NodeAffinity);
        }
        let taken = self.on(node).flat_map(|other| &other.shape.ports);
        if taken.into_iter().any(|taken| shape.ports.iter().any(|port| port.conflicts(taken))) {
            return Some(Filter::NodePorts);
        }
        let cpu: i64 = self.on(node).map(|other| other.shape.request.exact.milli_cpu).sum();
        let memory: i64 = self.on(node).map(|other| other.shape.request.exact.memory).sum();
        let asked = &shape.request.exact;
        let places = i64::try_from(self.on(node).count()).unwrap();
        if places + 1 > node.pods
            || (asked.milli_cpu > 0 && cpu + asked.milli_cpu > node.allocatable.milli_cpu)
            || (asked.memory > 0 && memory + asked.memory > node.allocatable.memory)
        {
            return Some(Filter::NodeResourcesFit);
        }
        if !self.may_be_spread(pod, node) {
            return Some(Filter::PodTopologySpread);
        }
        (!self.may_be_near(pod, node)).then_some(Filter::InterPodAffinity)
    }

    fn counts(pod: &Pod, constraint: &SpreadConstraint, node: &Node) -> bool {
        (constraint.node_affinity == Inclusion::Ignore || pod.shape.nodes.matches(node))
            && (constraint.node_taints == Inclusion::Ignore
                || node.untolerated(&pod.shape.tolerations).is_none())
    }

    /// The numbers of Pods by domain, on nodes that have all these labels.
    fn numbers(&self, pod: &Pod, one: &SpreadConstraint, keys: &BTreeSet<&str>) -> BTreeMap<String, i64> {
        let mut numbers = BTreeMap::new();
        for node in &self.nodes {
            if keys.iter().all(|key| node.labels.get(key).is_some()) && Self::counts(pod, one, node) {
                let Some(value) = node.labels.get(&one.topology_key) else { continue };
                *numbers.entry(value.to_owned()).or_insert(0) += self.alike(pod, one, node);
            }
        }
        numbers
    }

    fn alike(&self, pod: &Pod, one: &SpreadConstraint, node: &Node) -> i64 {
        let alike = |other: &&Pod| {
            !other.kin.terminating
                && other.kin.namespace == pod.kin.namespace
                && one.selector.matches(&other.kin.labels)
        };
        i64::try_from(self.on(node).filter(alike).count()).unwrap()
    }

    fn may_be_spread(&self, pod: &Pod, node: &Node) -> bool {
        let hard: Vec<_> = pod.spread.that(Unsatisfiable::DoNotSchedule).collect();
        let keys: BTreeSet<&str> = hard.iter().map(|one| one.topology_key.as_ref()).collect();
        hard.iter().all(|one| {
            let Some(value) = node.labels.get(&one.topology_key) else { return false };
            let numbers = self.numbers(pod, one, &keys);
            let least =
                if numbers.len() < one.min_domains.max(1) { 0 } else { *numbers.values().min().unwrap() };
            let here = numbers.get(value).copied().unwrap_or(0);
            here + i64::from(one.selector.matches(&pod.kin.labels)) - least <= i64::from(one.max_skew)
        })
    }

    fn same_domain(&self, other: &Pod, node: &Node, key: &str) -> bool {
        let there = self.node_of(other).and_then(|node| node.labels.get(key));
        there.is_some() && there == node.labels.get(key)
    }

    fn meant(term: &Term, other: &Pod) -> bool {
        term.others.include(&other.kin, None)
    }

    fn may_be_near(&self, pod: &Pod, node: &Node) -> bool {
        let affinity = &pod.affinity;
        let required = &affinity.required;
        let all_meant = |other: &Pod| required.iter().all(|term| Self::meant(term, other));
        let has_keys = required.iter().all(|term| node.labels.get(&term.topology_key).is_some());
        let near = |term: &Term| {
            self.placed
                .iter()
                .any(|other| all_meant(other) && self.same_domain(other, node, &term.topology_key))
        };
        let counted = |other: &Pod| {
            let labels = self.node_of(other).map(|node| &node.labels);
            labels.is_some_and(|labels| required.iter().any(|term| labels.get(&term.topology_key).is_some()))
        };
        let nobody = !self.placed.iter().any(|other| all_meant(other) && counted(other));
        if !required.is_empty() && !(has_keys && (required.iter().all(near) || (nobody && all_meant(pod)))) {
            return false;
        }
        let unwanted = |other: &Pod| {
            affinity
                .anti_required
                .iter()
                .any(|term| Self::meant(term, other) && self.same_domain(other, node, &term.topology_key))
        };
        let unwanting = |other: &Pod| {
            other
                .affinity
                .anti_required
                .iter()
                .any(|term| Self::meant(term, pod) && self.same_domain(other, node, &term.topology_key))
        };
        !self.placed.iter().any(|other| unwanted(other) || unwanting(other))
    }

    /// Returns the scores of nodes, in the order of [`Scorer::ALL`].
    pub(super) fn scores(&self, pod: &Pod, nodes: &[&Node]) -> Vec<[i64; 7]> {
        let disliked: Vec<i64> =
            nodes.iter().map(|node| i64::try_from(node.disliked(&pod.shape.tolerations)).unwrap()).collect();
        let preferred: Vec<i64> = nodes
            .iter()
            .map(|node| {
                let wishes = pod.shape.preferred.iter().filter(|wish| wish.term.matches(node));
                wishes.map(|wish| i64::from(wish.weight)).sum()
            })
            .collect();
        let most = |values: &[i64]| values.iter().copied().max().unwrap_or(0);
        let share = |value: i64, most: i64| if most == 0 { 0 } else { 100 * value / most };
        let spread = self.spread_scores(pod, nodes);
        let near = self.near_scores(pod, nodes);
        let row = |row: usize| {
            let node = nodes[row];
            [
                100 - share(disliked[row], most(&disliked)),
                share(preferred[row], most(&preferred)),
                self.room(pod, node),
                self.balance(pod, node),
                spread[row],
                near[row],
                self.images(pod, node),
            ]
        };
        (0..nodes.len()).map(row).collect()
    }

    fn room(&self, pod: &Pod, node: &Node) -> i64 {
        let cpu: i64 = self.on(node).chain([pod]).map(|pod| pod.shape.request.scored_cpu).sum();
        let memory: i64 = self.on(node).chain([pod]).map(|pod| pod.shape.request.scored_memory).sum();
        let left = |used: i64, all: i64| if used > all { 0 } else { (all - used) * 100 / all };
        i64::midpoint(left(cpu, node.allocatable.milli_cpu), left(memory, node.allocatable.memory))
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
    fn balance(&self, pod: &Pod, node: &Node) -> i64 {
        let asked = &pod.shape.request.exact;
        if asked.milli_cpu == 0 && asked.memory == 0 {
            return 0;
        }
        let evenness = |extra: &[&Pod]| {
            let pods: Vec<&Pod> = self.on(node).chain(extra.iter().copied()).collect();
            let cpu: i64 = pods.iter().map(|pod| pod.shape.request.exact.milli_cpu).sum();
            let memory: i64 = pods.iter().map(|pod| pod.shape.request.exact.memory).sum();
            let cpu = (cpu as f64 / node.allocatable.milli_cpu as f64).min(1.0);
            let memory = (memory as f64 / node.allocatable.memory as f64).min(1.0);
            ((1.0 - ((cpu - memory) / 2.0).abs()) * 100.0) as i64
        };
        50 + (50 + evenness(&[pod]) - evenness(&[])) / 2
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
    fn images(&self, pod: &Pod, node: &Node) -> i64 {
        let has = |node: &Node, name: &Arc<str>| {
            node.images.iter().find(|image| image.names.contains(name)).map(|image| image.size)
        };
        let mut sum = 0;
        for name in &pod.shape.images {
            if let Some(size) = has(node, name) {
                let nodes = self.nodes.iter().filter(|node| has(node, name).is_some()).count();
                sum += (size as f64 * (nodes as f64 / self.nodes.len() as f64)) as i64;
            }
        }
        let (least, most) = (23 << 20, (1000 << 20) * i64::try_from(pod.shape.images.len()).unwrap());
        100 * (sum.clamp(least, most) - least) / (most - least)
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
    fn spread_scores(&self, pod: &Pod, nodes: &[&Node]) -> Vec<i64> {
        let soft: Vec<_> = pod.spread.that(Unsatisfiable::ScheduleAnyway).collect();
        if soft.is_empty() {
            return vec![0; nodes.len()];
        }
        let strict = !pod.spread.by_default;
        let keys: BTreeSet<&str> =
            soft.iter().filter(|_| strict).map(|one| one.topology_key.as_ref()).collect();
        let has_keys = |node: &Node| keys.iter().all(|key| node.labels.get(key).is_some());
        let ranked: Vec<&Node> = nodes.iter().copied().filter(|node| has_keys(node)).collect();
        let crowd = |node: &Node| {
            let mut sum = 0.0;
            for one in &soft {
                let Some(value) = node.labels.get(&one.topology_key) else { continue };
                let (pods, domains) = if one.topology_key.as_ref() == HOSTNAME {
                    (self.alike(pod, one, node), ranked.len())
                } else {
                    let values: BTreeSet<_> =
                        ranked.iter().map(|node| node.labels.get(&one.topology_key)).collect();
                    (self.numbers(pod, one, &keys).get(value).copied().unwrap_or(0), values.len())
                };
                sum += pods as f64 * ((domains + 2) as f64).ln() + f64::from(one.max_skew - 1);
            }
            sum.round() as i64
        };
        let crowds: Vec<i64> = ranked.iter().map(|node| crowd(node)).collect();
        let (least, most) =
            (crowds.iter().copied().min().unwrap_or(0), crowds.iter().copied().max().unwrap_or(0));
        let score = |node: &&Node| match (has_keys(node), most) {
            (false, _) => 0,
            (true, 0) => 100,
            (true, most) => 100 * (most + least - crowd(node)) / most,
        };
        nodes.iter().map(score).collect()
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
    fn near_scores(&self, pod: &Pod, nodes: &[&Node]) -> Vec<i64> {
        let worth = |node: &Node| {
            let mut sum = 0;
            for other in &self.placed {
                let mut add = |term: &Term, whom: &Pod, weight: i32| {
                    if Self::meant(term, whom) && self.same_domain(other, node, &term.topology_key) {
                        sum += i64::from(weight);
                    }
                };
                pod.affinity.preferred.iter().for_each(|wish| add(&wish.term, other, wish.weight));
                pod.affinity.anti_preferred.iter().for_each(|wish| add(&wish.term, other, -wish.weight));
                other.affinity.required.iter().for_each(|term| add(term, pod, 1));
                other.affinity.preferred.iter().for_each(|wish| add(&wish.term, pod, wish.weight));
                other.affinity.anti_preferred.iter().for_each(|wish| add(&wish.term, pod, -wish.weight));
            }
            sum
        };
        let worths: Vec<i64> = nodes.iter().map(|node| worth(node)).collect();
        let (least, most) =
            (worths.iter().copied().min().unwrap_or(0), worths.iter().copied().max().unwrap_or(0));
        let score = |worth: &i64| match most - least {
            0 => 0,
            range => (100.0 * ((worth - least) as f64 / range as f64)) as i64,
        };
        worths.iter().map(score).collect()
    }
}
