//! Making room: which Pods of lower priority would have to go so that one more important finds a node.
//!
//! On a node all Pods of lower priority are taken out; if that helps, as many as possible are put back, those whose
//! budget is used up first, then the more important ones. Of several nodes the one is chosen whose victims matter least.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::cluster::{Cluster, TakenOut};
use crate::diagnosis::{Cause, Diagnosis, none_available};
use crate::pod::{Pod, PreemptionPolicy};
use crate::refusal::Refusal;
use crate::scheduler::{Candidate, Scheduler, mix, nominated, refusal};

/// Nodes that are tried at least, and as a percentage of those where it may help.
const MIN_CANDIDATES: usize = 100;
const CANDIDATES_PERCENT: usize = 10;

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// What came of trying to make room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// It can be made.
    Possible(Eviction),
    /// The Pod may not, or need not now: why. What is kept free for it stays so.
    NotEligible(&'static str),
    /// It would not help: why. Nothing is kept free for it any longer.
    NotHelpful(String),
}

/// Who has to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The node.
    pub node: Arc<str>,
    /// The Pods, the most important first. Some of them may be going already.
    pub victims: Vec<Arc<Pod>>,
    /// How many of them have used up their budget.
    pub violations: usize,
    /// Less important Pods that the node was kept free for, and is no longer.
    pub displaced: Vec<Arc<Pod>>,
}

impl Scheduler {
    /// Looks for room for a Pod that found none, as `diagnosis` says. `seed` draws where the search starts. The state
    /// does not change.
    pub fn preempt(&mut self, pod: &Arc<Pod>, diagnosis: &Diagnosis, seed: u64) -> Preemption {
        let refusals: &[(Arc<str>, Refusal)] = match &diagnosis.cause {
            Cause::Refusals(refusals) => refusals,
            Cause::NoNodes | Cause::Obstacle(_) => &[],
        };
        if let Some(why) = self.is_not_eligible(pod, refusals) {
            return Preemption::NotEligible(why);
        }
        let helpful: Vec<&Arc<str>> =
            refusals.iter().filter(|(_, refusal)| refusal.is_resolvable()).map(|(node, _)| node).collect();
        let Ok(claims) = self.claims(pod) else { return not_helpful(diagnosis, Vec::new()) };
        let (cluster, plans) = self.parts();
        cluster.settle();
        let plan = plans.of(&pod.shape, cluster).clone();
        let candidate = Candidate { pod, plan: &plan, claims: &claims };
        let (found, failures) = dry_run(cluster, &candidate, &helpful, seed);
        match found.into_iter().min_by_key(Eviction::cost) {
            Some(mut eviction) => {
                eviction.displaced = displaced(cluster, pod, &eviction.node);
                Preemption::Possible(eviction)
            }
            None => not_helpful(diagnosis, failures),
        }
    }

    fn is_not_eligible(&self, pod: &Pod, refusals: &[(Arc<str>, Refusal)]) -> Option<&'static str> {
        match pod.preemption {
            PreemptionPolicy::Never => return Some("not eligible due to preemptionPolicy=Never."),
            PreemptionPolicy::LowerPriority => {}
        }
        let slot = self.cluster.slot(nominated(&self.cluster, pod)?);
        let hopeless =
            |(node, refusal): &(Arc<str>, Refusal)| *node == slot.node.name && !refusal.is_resolvable();
        if refusals.iter().any(hopeless) {
            return None;
        }
        let going =
            |victim: &Arc<Pod>| victim.priority < pod.priority && victim.kin.terminating && victim.preempted;
        slot.pods.iter().any(going).then_some("not eligible due to a terminating pod on the nominated node.")
    }
}

fn not_helpful(diagnosis: &Diagnosis, failures: Vec<Vec<String>>) -> Preemption {
    let rest = diagnosis.nodes.saturating_sub(failures.len());
    let reasons = failures.into_iter().flatten().chain(std::iter::repeat_n(NOT_HELPFUL.to_owned(), rest));
    Preemption::NotHelpful(none_available(diagnosis.nodes, reasons))
}

/// Returns less important Pods that a node is kept free for.
fn displaced(cluster: &Cluster, pod: &Pod, node: &Arc<str>) -> Vec<Arc<Pod>> {
    let all = cluster.nominations().filter(|(have, _)| *have == node).flat_map(|(_, pods)| pods);
    all.filter(|other| other.priority < pod.priority).cloned().collect()
}

/// Tries nodes until enough will do and one of them spares all budgets. Where it fails says why.
fn dry_run(
    cluster: &mut Cluster,
    candidate: &Candidate<'_>,
    nodes: &[&Arc<str>],
    seed: u64,
) -> (Vec<Eviction>, Vec<Vec<String>>) {
    let enough = (nodes.len() * CANDIDATES_PERCENT / 100).max(MIN_CANDIDATES);
    let offset = usize::try_from(mix(seed) % nodes.len().max(1) as u64).unwrap_or(0);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    let mut spares = false;
    for node in nodes.iter().cycle().skip(offset).take(nodes.len()) {
        match victims(cluster, candidate, node) {
            Ok(eviction) => {
                spares |= eviction.violations == 0;
                found.push(eviction);
                if spares && found.len() >= enough {
                    break;
                }
            }
            Err(reasons) => failures.push(reasons),
        }
    }
    (found, failures)
}

/// Returns who would have to go from a node.
fn victims(
    cluster: &mut Cluster,
    candidate: &Candidate<'_>,
    node: &Arc<str>,
) -> Result<Eviction, Vec<String>> {
    let no_victims = || vec![NO_VICTIMS.to_owned()];
    let index = cluster.index(node).ok_or_else(no_victims)?;
    let lower = |pod: &&Arc<Pod>| pod.priority < candidate.pod.priority;
    let mut potential: Vec<Arc<Pod>> = cluster.slot(index).pods.iter().filter(lower).cloned().collect();
    if potential.is_empty() {
        return Err(no_victims());
    }
    potential
        .sort_by_key(|pod| (Reverse(pod.priority), pod.started.unwrap_or(i64::MAX), Arc::clone(&pod.uid)));
    let violating = violating(cluster, &potential);
    let mut out: HashMap<Arc<str>, TakenOut> = HashMap::new();
    for pod in &potential {
        out.extend(cluster.take_out(&pod.uid).map(|taken| (Arc::clone(&pod.uid), taken)));
    }
    let verdict = refusal(cluster, candidate, index);
    let mut victims = Vec::new();
    let mut violations = 0;
    if verdict.is_none() {
        let order = [true, false].into_iter().flat_map(|first| {
            potential.iter().zip(&violating).filter(move |(_, violates)| **violates == first)
        });
        for (pod, violates) in order {
            let Some(taken) = out.remove(&pod.uid) else { continue };
            cluster.put_back(taken);
            if refusal(cluster, candidate, index).is_some() {
                out.extend(cluster.take_out(&pod.uid).map(|taken| (Arc::clone(&pod.uid), taken)));
                victims.push(Arc::clone(pod));
                violations += usize::from(*violates);
            }
        }
    }
    // In a fixed order, so that a look leaves no trace.
    for pod in &potential {
        if let Some(taken) = out.remove(&pod.uid) {
            cluster.put_back(taken);
        }
    }
    if let Some(refusal) = verdict {
        return Err(refusal.reasons());
    }
    if victims.is_empty() {
        return Err(no_victims());
    }
    victims.sort_by_key(|pod| (Reverse(pod.priority), pod.started.unwrap_or(i64::MAX)));
    Ok(Eviction { node: Arc::clone(node), victims, violations, displaced: Vec::new() })
}

/// Returns for each Pod whether it would go beyond a budget if it and those before it went.
fn violating(cluster: &Cluster, pods: &[Arc<Pod>]) -> Vec<bool> {
    let mut budgets: Vec<(&crate::cluster::Budget, i32)> =
        cluster.budgets().map(|budget| (budget, budget.allowed)).collect();
    let mut violates = |pod: &Arc<Pod>| {
        let mut beyond = false;
        for (budget, left) in &mut budgets {
            let concerns = budget.namespace == pod.kin.namespace
                && !budget.selector.is_everything()
                && budget.selector.matches(&pod.kin.labels)
                && !budget.disrupted.contains(&pod.name);
            if concerns {
                *left -= 1;
                beyond |= *left < 0;
            }
        }
        beyond
    };
    pods.iter().map(&mut violates).collect()
}

impl Eviction {
    /// What it costs; the smallest is chosen: few violations, then unimportant victims, then little importance in
    /// all, then few, then those that started last.
    fn cost(&self) -> (usize, i32, i64, usize, Reverse<i64>) {
        let top = self.victims.iter().map(|pod| pod.priority).max().unwrap_or(i32::MIN);
        // Shifted so that several Pods of negative priority are more than one.
        let sum = self.victims.iter().map(|pod| i64::from(pod.priority) + (1_i64 << 31)).sum();
        let tops = self.victims.iter().filter(|pod| pod.priority == top);
        let earliest = tops.map(|pod| pod.started.unwrap_or(i64::MAX)).min().unwrap_or(i64::MAX);
        (self.violations, top, sum, self.victims.len(), Reverse(earliest))
    }
}

#[cfg(test)]
mod tests;
