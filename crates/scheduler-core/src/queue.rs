//! Which Pod is tried next, and when one that found no node is tried again.
//!
//! ```text
//!            add                          pop
//!  gated ──────────▶ active ◀──────────┐ ─────▶ with the caller
//!    ▲     no gates    ▲   time is up  │           │
//!    └─ has gates      │            back-off ◀─────┤ failed (an error)
//!                      │ helps, no     ▲           │
//!                      │ time to wait  │ helps     │ refused
//!                      └───────── unschedulable ◀──┘
//! ```
//!
//! A Pod stands in one place. Decisions are made in one go: nothing happens between [`Queue::pop`] and what the
//! caller says of the Pod, except while it is being bound, and a binding that fails goes to the back-off anyway.
//! So no event is missed. When nothing is active, a Pod in back-off is tried early unless an error put it there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::hint::{self, Happening};
use crate::pod::Pod;
use crate::refusal::Filter;

/// The first back-off, in milliseconds.
const BACKOFF_FIRST: i64 = 1_000;
/// The longest back-off, in milliseconds.
const BACKOFF_MOST: i64 = 10_000;
/// How long a Pod waits for something that helps before it is tried anyway, in milliseconds: 5 minutes.
const UNSCHEDULABLE_MOST: i64 = 300_000;

/// What the active Pods are sorted by: priority, then who waits longest.
type Rank = (Reverse<i32>, i64, u64);

#[derive(Clone, Debug)]
enum Place {
    Active,
    Backoff {
        until: i64,
        error: bool,
    },
    Unschedulable {
        since: i64,
        filters: Vec<Filter>,
    },
    Gated,
    /// With the caller.
    Out,
}

#[derive(Clone, Debug)]
struct Entry {
    pod: Arc<Pod>,
    place: Place,
    number: u64,
    /// When it last came into the queue, in milliseconds.
    queued: i64,
    /// When it was refused or failed last.
    tried: i64,
    attempts: u32,
}

impl Entry {
    fn rank(&self) -> Rank {
        (Reverse(self.pod.priority), self.queued, self.number)
    }

    /// When its back-off ends: 1, 2, 4, 8, then 10 seconds after it was tried.
    fn backoff_until(&self) -> i64 {
        let doublings = self.attempts.saturating_sub(1).min(16);
        self.tried + (BACKOFF_FIRST << doublings).min(BACKOFF_MOST)
    }
}

/// How many Pods stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// To be tried now.
    pub active: usize,
    /// To be tried after a while.
    pub backoff: usize,
    /// To be tried when something helps.
    pub unschedulable: usize,
    /// To be tried once their gates are lifted.
    pub gated: usize,
}

/// The Pods that have no node yet. Times are milliseconds of any clock that does not go back.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    entries: HashMap<Arc<str>, Entry>,
    active: BTreeMap<Rank, Arc<str>>,
    backoff: BTreeSet<(i64, u64, Arc<str>)>,
    unschedulable: BTreeSet<(i64, u64, Arc<str>)>,
    number: u64,
}

impl Queue {
    /// Adds a Pod that is new, or takes over one that has changed. A change of what it asks for has it tried again.
    pub fn set(&mut self, pod: &Arc<Pod>, now: i64) {
        let Some(mut entry) = self.lift(&pod.uid) else {
            self.number += 1;
            let number = self.number;
            let place = if pod.gates.is_empty() { Place::Active } else { Place::Gated };
            let pod = Arc::clone(pod);
            self.drop_in(Entry { pod, place, number, queued: now, tried: now, attempts: 0 });
            return;
        };
        let old = std::mem::replace(&mut entry.pod, Arc::clone(pod));
        if matches!(entry.place, Place::Out) {
            self.entries.insert(Arc::clone(&pod.uid), entry);
            return;
        }
        let until = entry.backoff_until();
        if !pod.gates.is_empty() {
            entry.place = Place::Gated;
        } else if let Place::Gated = entry.place {
            entry.place = Place::Active;
        } else if let Place::Unschedulable { filters, .. } = &entry.place
            && hint::update_helps(filters, &old, pod)
        {
            entry.place = after_help(until, now);
        }
        self.drop_in(entry);
    }

    /// Forgets a Pod: bound, ended, or gone.
    pub fn remove(&mut self, uid: &str) {
        self.lift(uid);
    }

    /// Returns whether a Pod is known.
    pub fn contains(&self, uid: &str) -> bool {
        self.entries.contains_key(uid)
    }

    /// Takes out the Pod to try now. The caller owes a word: [`Self::remove`], [`Self::refused`] or
    /// [`Self::failed`].
    pub fn pop(&mut self, now: i64) -> Option<Arc<Pod>> {
        self.flush(now);
        let uid = match self.active.first_key_value() {
            Some((_, uid)) => Arc::clone(uid),
            None => self.early()?,
        };
        let mut entry = self.lift(&uid)?;
        entry.attempts = entry.attempts.saturating_add(1);
        entry.place = Place::Out;
        let pod = Arc::clone(&entry.pod);
        self.entries.insert(uid, entry);
        Some(pod)
    }

    /// Returns a Pod in back-off that no error put there.
    fn early(&self) -> Option<Arc<str>> {
        let refused = |uid: &&Arc<str>| {
            let place = self.entries.get(*uid).map(|entry| &entry.place);
            matches!(place, Some(Place::Backoff { error: false, .. }))
        };
        self.backoff.iter().map(|(_, _, uid)| uid).find(refused).cloned()
    }

    /// Takes a Pod back that found no node, because of these filters; with none of them anything helps.
    pub fn refused(&mut self, uid: &str, filters: Vec<Filter>, now: i64) {
        self.put_back(uid, now, |_| Place::Unschedulable { since: now, filters });
    }

    /// Takes a Pod back whose attempt failed with an error, to be tried again after a while.
    pub fn failed(&mut self, uid: &str, now: i64) {
        self.put_back(uid, now, |entry| Place::Backoff { until: entry.backoff_until(), error: true });
    }

    fn put_back(&mut self, uid: &str, now: i64, place: impl FnOnce(&Entry) -> Place) {
        let Some(mut entry) = self.lift(uid) else { return };
        entry.tried = now;
        entry.queued = now;
        entry.place = if entry.pod.gates.is_empty() { place(&entry) } else { Place::Gated };
        self.drop_in(entry);
    }

    /// Has Pods tried again that something which happened may help. Returns how many.
    pub fn happened(&mut self, happening: &Happening<'_>, now: i64) -> usize {
        let helped: Vec<Arc<str>> = self
            .unschedulable
            .iter()
            .filter_map(|(_, _, uid)| self.entries.get(uid))
            .filter(|entry| match &entry.place {
                Place::Unschedulable { filters, .. } => hint::helps(happening, filters, &entry.pod),
                Place::Active | Place::Backoff { .. } | Place::Gated | Place::Out => false,
            })
            .map(|entry| Arc::clone(&entry.pod.uid))
            .collect();
        for uid in &helped {
            if let Some(mut entry) = self.lift(uid) {
                entry.place = after_help(entry.backoff_until(), now);
                self.drop_in(entry);
            }
        }
        helped.len()
    }

    /// Has a Pod tried again now.
    pub fn activate(&mut self, uid: &str) {
        if let Some(mut entry) = self.lift(uid) {
            if !matches!(entry.place, Place::Gated | Place::Out) {
                entry.place = Place::Active;
            }
            self.drop_in(entry);
        }
    }

    fn flush(&mut self, now: i64) {
        let due = |(until, _, uid): &(i64, u64, Arc<str>)| (*until <= now).then(|| Arc::clone(uid));
        while let Some(uid) = self.backoff.first().and_then(due) {
            self.activate(&uid);
        }
        let due = |(since, _, uid): &(i64, u64, Arc<str>)| {
            (since + UNSCHEDULABLE_MOST <= now).then(|| Arc::clone(uid))
        };
        while let Some(uid) = self.unschedulable.first().and_then(due) {
            self.activate(&uid);
        }
    }

    /// Returns when [`Self::pop`] has something to do without anything happening before: now if a Pod can be tried,
    /// none if all wait for something to happen.
    pub fn next(&self, now: i64) -> Option<i64> {
        if !self.active.is_empty() || self.early().is_some() {
            return Some(now);
        }
        let backoff = self.backoff.first().map(|(until, _, _)| *until);
        let unschedulable = self.unschedulable.first().map(|(since, _, _)| since + UNSCHEDULABLE_MOST);
        backoff.into_iter().chain(unschedulable).min()
    }

    /// Returns how many Pods stand where.
    pub fn depths(&self) -> Depths {
        let gated = self.entries.values().filter(|entry| matches!(entry.place, Place::Gated)).count();
        let (active, backoff) = (self.active.len(), self.backoff.len());
        Depths { active, backoff, unschedulable: self.unschedulable.len(), gated }
    }

    fn lift(&mut self, uid: &str) -> Option<Entry> {
        let entry = self.entries.remove(uid)?;
        let (number, uid) = (entry.number, Arc::clone(&entry.pod.uid));
        match &entry.place {
            Place::Active => {
                self.active.remove(&entry.rank());
            }
            Place::Backoff { until, .. } => {
                self.backoff.remove(&(*until, number, uid));
            }
            Place::Unschedulable { since, .. } => {
                self.unschedulable.remove(&(*since, number, uid));
            }
            Place::Gated | Place::Out => {}
        }
        Some(entry)
    }

    fn drop_in(&mut self, entry: Entry) {
        let (number, uid) = (entry.number, Arc::clone(&entry.pod.uid));
        match &entry.place {
            Place::Active => {
                self.active.insert(entry.rank(), Arc::clone(&uid));
            }
            Place::Backoff { until, .. } => {
                self.backoff.insert((*until, number, Arc::clone(&uid)));
            }
            Place::Unschedulable { since, .. } => {
                self.unschedulable.insert((*since, number, Arc::clone(&uid)));
            }
            Place::Gated | Place::Out => {}
        }
        self.entries.insert(uid, entry);
    }
}

/// Where a Pod goes that something may have helped.
fn after_help(until: i64, now: i64) -> Place {
    if until <= now { Place::Active } else { Place::Backoff { until, error: false } }
}

#[cfg(test)]
mod tests;
