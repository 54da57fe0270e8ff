//! What the status of a budget says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;

use crate::members;

/// How long an evicted Pod may take until it is marked as being deleted.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) const UNMANAGED: &str = "Pods selected by this PodDisruptionBudget were found to be unmanaged. As a result, \
     the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these \
     pods please set \".spec.minAvailable\" field of the PDB to an integer value.";

/// How many Pods there are to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// By those who keep them.
    pub(super) expected: i32,
    /// Whether there are Pods that nobody keeps, or nobody who says how many.
    pub(super) unmanaged: bool,
    /// Whether the API had to be asked.
    pub(super) asked: bool,
}

/// What follows for a budget.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub(super) status: PodDisruptionBudgetStatus,
    /// When an evicted Pod should have gone.
    pub(super) again: Option<Duration>,
    /// Pods that should have gone.
    pub(super) not_deleted: Vec<Arc<Pod>>,
    /// Whether Pods that nobody keeps make the figures wrong.
    pub(super) unmanaged: bool,
}

/// Decides what the status of a budget says of its Pods.
pub(super) fn decide(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    counted: Counted,
    now: Timestamp,
) -> Decided {
    let (expected, desired) =
        figures(budget, i32::try_from(pods.len()).unwrap_or(i32::MAX), counted.expected);
    let mut decided = Decided {
        status: PodDisruptionBudgetStatus::default(),
        again: None,
        not_deleted: Vec::new(),
        unmanaged: counted.unmanaged && !is_count(budget),
    };
    let disrupted = disrupted(budget, pods, now, &mut decided);
    let healthy = pods.iter().filter(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or("");
        !members::is_terminating(pod) && !disrupted.contains_key(name) && members::is_ready(pod)
    });
    let healthy = i32::try_from(healthy.count()).unwrap_or(i32::MAX);
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let (is, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    decided.status = PodDisruptionBudgetStatus {
        conditions: Some(conditions(budget, is, reason, "", now)),
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        disrupted_pods: Some(disrupted).filter(|pods| !pods.is_empty()),
        disruptions_allowed: Some(allowed),
        expected_pods: Some(expected),
        observed_generation: budget.metadata.generation,
    };
    decided
}

/// Returns the status of a budget whose Pods cannot be counted: none of them may go.
pub(super) fn fail(budget: &PodDisruptionBudget, why: &str, now: Timestamp) -> PodDisruptionBudgetStatus {
    let mut status = budget.status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    status.observed_generation = budget.metadata.generation;
    status.conditions = Some(conditions(budget, "False", "SyncFailed", why, now));
    status
}

/// Returns whether a budget asks for a number of Pods, whoever keeps them.
fn is_count(budget: &PodDisruptionBudget) -> bool {
    let least = budget.spec.as_ref().and_then(|spec| spec.min_available.as_ref());
    matches!(least, Some(IntOrString::Int(_)))
}

/// Returns how many Pods there are to be, and how many of them healthy.
fn figures(budget: &PodDisruptionBudget, pods: i32, kept: i32) -> (i32, i32) {
    let spec = budget.spec.as_ref();
    let most = spec.and_then(|spec| spec.max_unavailable.as_ref());
    let least = spec.and_then(|spec| spec.min_available.as_ref());
    match (most, least) {
        (Some(most), _) => (kept, (kept - part(most, kept)).max(0)),
        (None, Some(IntOrString::Int(least))) => (pods, *least),
        (None, Some(least)) => (kept, part(least, kept)),
        (None, None) => (pods, 0),
    }
}

/// Returns a number, or a percentage of a whole, rounded up.
fn part(of: &IntOrString, whole: i32) -> i32 {
    match of {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent: u64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let whole = u64::try_from(whole).unwrap_or(0);
            i32::try_from(whole.saturating_mul(percent).div_ceil(100)).unwrap_or(i32::MAX)
        }
    }
}

/// Returns the Pods that were evicted, and are not yet being deleted.
fn disrupted(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    now: Timestamp,
    decided: &mut Decided,
) -> BTreeMap<String, Time> {
    let old = budget.status.as_ref().and_then(|status| status.disrupted_pods.clone()).unwrap_or_default();
    let mut new = BTreeMap::new();
    for (name, since) in old {
        let pod = pods.iter().find(|pod| pod.metadata.name.as_ref() == Some(&name));
        let Some(pod) = pod.filter(|pod| !members::is_terminating(pod)) else { continue };
        let passed = Duration::try_from(now.duration_since(since.0)).unwrap_or_default();
        match PATIENCE.checked_sub(passed).filter(|left| !left.is_zero()) {
            None => decided.not_deleted.push(Arc::clone(pod)),
            Some(left) => {
                decided.again = Some(decided.again.map_or(left, |again| again.min(left)));
                new.insert(name, since);
            }
        }
    }
    new
}

fn conditions(
    budget: &PodDisruptionBudget,
    is: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Vec<Condition> {
    const ALLOWED: &str = "DisruptionAllowed";
    let mut all = budget.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let old = all.iter_mut().find(|condition| condition.type_ == ALLOWED);
    let since = old.as_ref().filter(|old| old.status == is).map(|old| old.last_transition_time.clone());
    let condition = Condition {
        type_: ALLOWED.to_owned(),
        status: is.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: budget.metadata.generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    match old {
        Some(old) => *old = condition,
        None => all.push(condition),
    }
    all
}

#[cfg(test)]
mod tests;
