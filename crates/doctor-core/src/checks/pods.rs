//! Pods and their containers.

pub(crate) mod crashing;
pub(super) mod database_priority;
pub(super) mod grace_period;
pub(super) mod liveness_is_readiness;
pub(crate) mod liveness_on_database;
pub(super) mod moving_tag;
pub(super) mod not_starting;
pub(super) mod qos_order;
pub(super) mod resources;
pub(super) mod shell_as_first_process;
pub(super) mod startup_budget;
pub(super) mod temp_space;

use std::collections::BTreeSet;

use super::source;
use crate::facts::Facts;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::pods::PodGroup;
use crate::facts::kube::template::Probe;
use crate::finding::{Evidence, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

/// Pods of one cause and template that are there to stay.
#[derive(Clone, Copy)]
struct Group<'a> {
    facts: &'a Facts,
    of: &'a PodGroup,
    /// One of them, for evidence.
    first: &'a Pod,
}

/// What is found of Pods.
struct Told {
    severity: Severity,
    summary: String,
    advice: String,
    evidence: Vec<Evidence>,
}

impl<'a> Group<'a> {
    /// Returns all groups of which some Pods are there to stay.
    fn all(facts: &'a Facts) -> impl Iterator<Item = Self> {
        let live = move |of| {
            let first = facts.kube.pods.members(of).find(|pod| pod.is_live())?;
            Some(Self { facts, of, first })
        };
        facts.kube.pods.groups().iter().filter_map(live)
    }

    /// Returns its Pods that are there to stay.
    fn pods(self) -> impl Iterator<Item = &'a Pod> {
        self.facts.kube.pods.members(self.of).filter(|pod| pod.is_live())
    }

    /// States what was read of one of them.
    fn evidence(self, what: impl Into<String>, value: impl std::fmt::Display) -> Evidence {
        Evidence::new(what, value, source::of(self.facts, &self.first.subject()))
    }

    /// Tells what is found of all of them.
    fn tell(self, findings: &mut Findings, told: &Told) {
        let Told { severity, summary, advice, evidence } = told;
        for pod in self.pods() {
            findings.add_of(*severity, &self.of.cause, pod.subject(), summary, advice, evidence.clone());
        }
    }
}

/// What is worth knowing of ordinary workloads: one finding for a namespace, which counts them.
#[derive(Default)]
struct ByNamespace {
    told: BTreeSet<(Subject, String)>,
}

impl ByNamespace {
    /// Tells it of a group, once for all of the same cause.
    fn tell(&mut self, findings: &mut Findings, group: Group<'_>, told: Told) {
        let Told { severity, summary, advice, evidence } = told;
        let cause = &group.of.cause;
        if self.told.insert((cause.clone(), summary.clone())) {
            let namespace = Subject::new("Namespace", &*group.of.namespace);
            findings.add_of(severity, &namespace, cause.clone(), summary, advice, evidence);
        }
    }
}

/// Returns how long a probe is asked again before its failures count, in seconds.
fn patience(probe: &Probe) -> i64 {
    let period = probe.period_seconds.unwrap_or(10).max(1);
    period.saturating_mul(probe.failure_threshold.unwrap_or(3).max(1))
}

/// Returns how long something may take to answer a probe for the first time, in seconds.
fn budget(probe: &Probe) -> i64 {
    probe.initial_delay_seconds.unwrap_or_default().max(0).saturating_add(patience(probe))
}

#[cfg(test)]
mod tests;
