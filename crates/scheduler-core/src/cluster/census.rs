//! How many Pods of which kind are on which node.
//!
//! Three tables are kept up to date as Pods come and go, so that no decision walks over Pods:
//! - *kins*: Pods that others cannot tell apart (same namespace, labels, and whether they are being deleted);
//! - *tallies*: the numbers by node of the Pods that someone asked for, made when asked first;
//! - *holds*: terms of Pods that are placed already, by how many Pods of which node hold them.
//!
//! A kin knows its tallies and, once asked, which holds are about it, so adding a Pod costs no more than those.

use std::collections::HashMap;
use std::sync::Arc;

use super::slab::Slab;
use crate::labels::LabelSet;
use crate::pod::{Kin, Pod};
use crate::relation::{Others, Term};

/// Tallies that are kept; of more the ones asked for longest ago are dropped. With 5,000 nodes that is 20 MB.
const MAX_TALLIES: usize = 1024;

/// Which Pods to count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// Those that all of these include.
    pub(crate) all: Vec<Others>,
    /// Whether Pods that are being deleted count.
    pub(crate) terminating: bool,
}

impl Query {
    fn includes(&self, kin: &Kin, namespace: Option<&LabelSet>) -> bool {
        (self.terminating || !kin.terminating) && self.all.iter().all(|others| others.include(kin, namespace))
    }
}

/// How a term of a Pod that is placed counts for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Grip {
    /// It must not come near.
    Repels,
    /// It is worth this to come near; less than nothing if it should not.
    Attracts(i32),
}

/// What a Pod whose affinity is required is worth to others that it includes.
const REQUIRED_AFFINITY_WEIGHT: i32 = 1;

#[derive(Clone, Debug)]
struct KinEntry {
    kin: Kin,
    pods: usize,
    by_node: HashMap<usize, u32>,
    tallies: Vec<usize>,
    /// None until asked for.
    holds: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Tally {
    query: Query,
    by_node: Vec<u32>,
    /// When it was asked for last.
    used: u64,
}

/// A term that Pods hold.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) term: Term,
    pub(crate) grip: Grip,
    /// How many Pods of each node hold it.
    pub(crate) by_node: Vec<u32>,
    pods: usize,
}

/// Where a Pod is counted.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    kin: usize,
    holds: Box<[usize]>,
}

/// How many Pods of which kind are on which node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    kins: Slab<KinEntry>,
    kin_ids: HashMap<Kin, usize>,
    tallies: Slab<Tally>,
    tally_ids: HashMap<Query, usize>,
    holds: Slab<Hold>,
    hold_ids: HashMap<(Term, Grip), usize>,
    namespaces: HashMap<Arc<str>, LabelSet>,
    nodes: usize,
    asked: u64,
}

impl Census {
    /// Makes room for a node.
    pub(crate) fn grow(&mut self, nodes: usize) {
        if nodes <= self.nodes {
            return;
        }
        self.nodes = nodes;
        for (_, tally) in self.tallies.iter_mut() {
            tally.by_node.resize(nodes, 0);
        }
        for (_, hold) in self.holds.iter_mut() {
            hold.by_node.resize(nodes, 0);
        }
    }

    /// Counts a Pod.
    pub(crate) fn add(&mut self, pod: &Pod, node: usize) -> Membership {
        let kin = self.kin_id(&pod.kin);
        if let Some(entry) = self.kins.get_mut(kin) {
            entry.pods += 1;
            *entry.by_node.entry(node).or_default() += 1;
            for tally in &entry.tallies {
                if let Some(tally) = self.tallies.get_mut(*tally) {
                    tally.by_node[node] += 1;
                }
            }
        }
        let holds: Box<[usize]> = grips(pod).map(|(term, grip)| self.hold_id(term, grip)).collect();
        for hold in &holds {
            if let Some(hold) = self.holds.get_mut(*hold) {
                hold.by_node[node] += 1;
                hold.pods += 1;
            }
        }
        Membership { kin, holds }
    }

    /// Takes a Pod out again.
    pub(crate) fn remove(&mut self, membership: &Membership, node: usize) {
        let Membership { kin, holds } = membership;
        if let Some(entry) = self.kins.get_mut(*kin) {
            entry.pods -= 1;
            if let Some(pods) = entry.by_node.get_mut(&node) {
                *pods -= 1;
                if *pods == 0 {
                    entry.by_node.remove(&node);
                }
            }
            for tally in &entry.tallies {
                if let Some(tally) = self.tallies.get_mut(*tally) {
                    tally.by_node[node] -= 1;
                }
            }
            if entry.pods == 0 {
                self.kin_ids.remove(&entry.kin);
                self.kins.remove(*kin);
            }
        }
        for id in holds {
            self.let_go(*id, node);
        }
    }

    fn let_go(&mut self, id: usize, node: usize) {
        let Some(hold) = self.holds.get_mut(id) else { return };
        hold.by_node[node] -= 1;
        hold.pods -= 1;
        if hold.pods == 0 {
            self.hold_ids.remove(&(hold.term.clone(), hold.grip));
            self.holds.remove(id);
            for (_, entry) in self.kins.iter_mut() {
                if let Some(holds) = &mut entry.holds {
                    holds.retain(|hold| *hold != id);
                }
            }
        }
    }

    fn kin_id(&mut self, kin: &Kin) -> usize {
        if let Some(id) = self.kin_ids.get(kin) {
            return *id;
        }
        let namespace = self.namespaces.get(&kin.namespace);
        let included = |(id, tally): (usize, &Tally)| tally.query.includes(kin, namespace).then_some(id);
        let tallies = self.tallies.iter().filter_map(included).collect();
        let entry = KinEntry { kin: kin.clone(), pods: 0, by_node: HashMap::new(), tallies, holds: None };
        let id = self.kins.insert(entry);
        self.kin_ids.insert(kin.clone(), id);
        id
    }

    fn hold_id(&mut self, term: &Term, grip: Grip) -> usize {
        let key = (term.clone(), grip);
        if let Some(id) = self.hold_ids.get(&key) {
            return *id;
        }
        let hold = Hold { term: term.clone(), grip, by_node: vec![0; self.nodes], pods: 0 };
        let id = self.holds.insert(hold);
        for (_, entry) in self.kins.iter_mut() {
            let namespace = self.namespaces.get(&entry.kin.namespace);
            if let Some(holds) = &mut entry.holds
                && term.others.include(&entry.kin, namespace)
            {
                holds.push(id);
            }
        }
        self.hold_ids.insert(key, id);
        id
    }

    /// Returns the number of a tally, which is counted up if it is new. It is valid until the next [`Self::trim`].
    pub(crate) fn tally_id(&mut self, query: &Query) -> usize {
        self.asked += 1;
        if let Some(id) = self.tally_ids.get(query) {
            if let Some(tally) = self.tallies.get_mut(*id) {
                tally.used = self.asked;
            }
            return *id;
        }
        let mut by_node = vec![0; self.nodes];
        let id = self.tallies.insert(Tally { query: query.clone(), by_node: Vec::new(), used: self.asked });
        for (_, entry) in self.kins.iter_mut() {
            if query.includes(&entry.kin, self.namespaces.get(&entry.kin.namespace)) {
                entry.tallies.push(id);
                for (node, pods) in &entry.by_node {
                    by_node[*node] += pods;
                }
            }
        }
        if let Some(tally) = self.tallies.get_mut(id) {
            tally.by_node = by_node;
        }
        self.tally_ids.insert(query.clone(), id);
        id
    }

    /// Returns the numbers of a tally by node.
    pub(crate) fn tally(&self, id: usize) -> &[u32] {
        self.tallies.get(id).map_or(&[], |tally| &tally.by_node)
    }

    /// Returns the holds that are about a Pod.
    pub(crate) fn holds_about(&mut self, kin: &Kin) -> Vec<usize> {
        let namespace = self.namespaces.get(&kin.namespace);
        let about = |(id, hold): (usize, &Hold)| hold.term.others.include(kin, namespace).then_some(id);
        let Some(entry) = self.kin_ids.get(kin).and_then(|id| self.kins.get_mut(*id)) else {
            return self.holds.iter().filter_map(about).collect();
        };
        entry.holds.get_or_insert_with(|| self.holds.iter().filter_map(about).collect()).clone()
    }

    /// Returns a hold.
    pub(crate) fn hold(&self, id: usize) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// Returns whether a Pod is included, its namespace considered.
    pub(crate) fn includes(&self, others: &Others, kin: &Kin) -> bool {
        others.include(kin, self.namespaces.get(&kin.namespace))
    }

    /// Takes over the labels of a namespace; none if it has gone.
    pub(crate) fn set_namespace(&mut self, name: &Arc<str>, labels: Option<LabelSet>) -> bool {
        let changed = self.namespaces.get(name) != labels.as_ref();
        match labels {
            Some(labels) => self.namespaces.insert(Arc::clone(name), labels),
            None => self.namespaces.remove(name),
        };
        if changed {
            self.tallies = Slab::default();
            self.tally_ids.clear();
            for (_, entry) in self.kins.iter_mut() {
                entry.tallies.clear();
                entry.holds = None;
            }
        }
        changed
    }

    /// Drops the tallies that were asked for longest ago, if there are too many.
    pub(crate) fn trim(&mut self) {
        if self.tallies.len() <= MAX_TALLIES {
            return;
        }
        let mut ages: Vec<(u64, usize)> = self.tallies.iter().map(|(id, tally)| (tally.used, id)).collect();
        ages.sort_unstable();
        ages.truncate(MAX_TALLIES / 2);
        let mut dropped = vec![false; self.tallies.bound()];
        for (_, id) in ages {
            dropped[id] = true;
            if let Some(tally) = self.tallies.remove(id) {
                self.tally_ids.remove(&tally.query);
            }
        }
        for (_, entry) in self.kins.iter_mut() {
            entry.tallies.retain(|id| !dropped[*id]);
        }
    }
}

/// Returns the terms of a Pod that count for Pods to come.
fn grips(pod: &Pod) -> impl Iterator<Item = (&Term, Grip)> {
    let affinity = &pod.affinity;
    let repels = affinity.anti_required.iter().map(|term| (term, Grip::Repels));
    let required = affinity.required.iter().map(|term| (term, Grip::Attracts(REQUIRED_AFFINITY_WEIGHT)));
    let preferred = affinity.preferred.iter().map(|wish| (&wish.term, Grip::Attracts(wish.weight)));
    let avoided = affinity.anti_preferred.iter().map(|wish| (&wish.term, Grip::Attracts(-wish.weight)));
    repels.chain(required).chain(preferred).chain(avoided)
}
