//! Which Pod goes first.

use std::cmp::Reverse;

use super::{Figure, Signal, Threshold};
use crate::names::PodRef;
use crate::resources::shown;

/// What a Pod uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that cannot be reclaimed, in bytes.
    pub memory: i64,
    /// Disk space of logs, writable layers and emptyDir volumes, in bytes.
    pub disk: i64,
    /// Files.
    pub inodes: i64,
    /// Processes.
    pub processes: i64,
}

/// A Pod that might go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub pod: PodRef,
    /// Its priority.
    pub priority: i32,
    /// Whether it must stay.
    pub is_critical: bool,
    /// What it requests of memory, in bytes.
    pub memory_request: i64,
    /// What it requests of disk space, in bytes.
    pub disk_request: i64,
    /// What it uses, if that is known.
    pub usage: Option<Usage>,
}

impl Candidate {
    fn used(&self, signal: Signal) -> i64 {
        let usage = self.usage.unwrap_or_default();
        match signal.resource() {
            "memory" => usage.memory,
            "ephemeral-storage" => usage.disk,
            "inodes" => usage.inodes,
            _ => usage.processes,
        }
    }

    fn requested(&self, signal: Signal) -> i64 {
        match signal.resource() {
            "memory" => self.memory_request,
            "ephemeral-storage" => self.disk_request,
            _ => 0,
        }
    }

    /// What goes first is the smallest: what uses more than it requested (or nobody knows), then of lower priority, then
    /// by how much it exceeds.
    fn order(&self, signal: Signal) -> (bool, bool, i32, Reverse<i64>) {
        let over = self.used(signal).saturating_sub(self.requested(signal));
        let stays_within = signal != Signal::PidAvailable && over <= 0;
        (self.usage.is_some(), stays_within, self.priority, Reverse(over))
    }
}

/// Picks the Pod that goes first.
pub fn victim(candidates: &[Candidate], signal: Signal) -> Option<&Candidate> {
    let candidates = candidates.iter().filter(|candidate| !candidate.is_critical);
    candidates.min_by_key(|candidate| (candidate.order(signal), &candidate.pod))
}

/// Words why a Pod was evicted. `containers` are those that use more than they requested: name, use, request.
pub fn message(threshold: &Threshold, figure: &Figure, containers: &[(String, i64, i64)]) -> String {
    let resource = threshold.signal.resource();
    let limit = threshold.limit.of(figure.capacity);
    let mut text = format!(
        "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
        shown(limit, resource),
        shown(figure.available, resource),
    );
    for (name, used, requested) in containers {
        let used = shown(*used, resource);
        let requested = shown(*requested, resource);
        let sentence = format!(
            "Container {name} was using {used}, request is {requested}, has larger consumption of {resource}. "
        );
        text.push_str(&sentence);
    }
    text
}
