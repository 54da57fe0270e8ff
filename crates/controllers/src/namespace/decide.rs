//! What is said of a namespace that is being emptied, and when to look again.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// Holds a namespace until it is empty.
pub(super) const KUBERNETES: &str = "kubernetes";

/// How soon to look again, and how late: a fifth of the time that it has taken so far.
const SOONEST: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(30);

/// Objects of a kind that are still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) count: usize,
    /// How many of them each finalizer holds.
    pub(super) finalizers: BTreeMap<String, usize>,
    pub(super) names: Vec<String>,
}

/// What came of emptying a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Why it is not known what there may be.
    pub(super) undiscovered: Option<String>,
    /// Why objects of a kind could not be deleted, by the kind.
    pub(super) failed: BTreeMap<String, String>,
    /// What is left, by the kind.
    pub(super) left: BTreeMap<String, Left>,
}

/// Returns whether a namespace may hold something.
pub(super) fn remains(found: &Found) -> bool {
    found.undiscovered.is_some() || !found.failed.is_empty() || !found.left.is_empty()
}

/// Returns when to look again at what was to be deleted since.
pub(super) fn pause(since: Timestamp, now: Timestamp) -> Duration {
    let taken = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    (taken / 5).clamp(SOONEST, LATEST)
}

/// Returns the namespace with what is to be said of it.
pub(super) fn with_conditions(namespace: &Namespace, found: &Found, now: Timestamp) -> Namespace {
    let mut new = namespace.clone();
    let status = new.status.get_or_insert_default();
    status.phase = Some("Terminating".to_owned());
    let conditions = status.conditions.get_or_insert_default();
    for Row { kind, problem, fine } in told(found) {
        let is = if problem.is_some() { "True" } else { "False" };
        let (reason, message) = problem.unwrap_or((fine.0, fine.1.to_owned()));
        let old = conditions.iter_mut().find(|it| it.type_ == kind);
        let since = old.as_ref().filter(|it| it.status == is).and_then(|it| it.last_transition_time.clone());
        let condition = NamespaceCondition {
            type_: kind.to_owned(),
            status: is.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: Some(since.unwrap_or(Time(now))),
        };
        match old {
            Some(old) => *old = condition,
            None => conditions.push(condition),
        }
    }
    new
}

/// A condition.
struct Row {
    kind: &'static str,
    /// The reason and the message if something is wrong.
    problem: Option<(&'static str, String)>,
    /// The reason and the message otherwise.
    fine: (&'static str, &'static str),
}

fn told(found: &Found) -> [Row; 5] {
    let undiscovered = found.undiscovered.as_ref();
    let failed: Vec<String> = found.failed.iter().map(|(kind, why)| format!("{kind}: {why}")).collect();
    let left: Vec<String> = found
        .left
        .iter()
        .map(|(kind, left)| format!("{kind} has {} resource instances", left.count))
        .collect();
    let mut holding: BTreeMap<&str, usize> = BTreeMap::new();
    for (finalizer, count) in found.left.values().flat_map(|left| &left.finalizers) {
        *holding.entry(finalizer).or_default() += count;
    }
    let holding: Vec<String> = holding
        .iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
        .collect();
    let some = |list: &[String], reason, text: &str| {
        (!list.is_empty()).then(|| (reason, format!("{text}: {}", list.join(", "))))
    };
    let failures = format!("Failed to delete all resource types, {} remaining", failed.len());
    [
        Row {
            kind: "NamespaceDeletionDiscoveryFailure",
            problem: undiscovered
                .map(|why| ("DiscoveryFailed", format!("Discovery failed for some groups: {why}"))),
            fine: ("ResourcesDiscovered", "All resources successfully discovered"),
        },
        Row {
            kind: "NamespaceDeletionGroupVersionParsingFailure",
            problem: None,
            fine: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        },
        Row {
            kind: "NamespaceDeletionContentFailure",
            problem: some(&failed, "ContentDeletionFailed", &failures),
            fine: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        },
        Row {
            kind: "NamespaceContentRemaining",
            problem: some(&left, "SomeResourcesRemain", "Some resources are remaining"),
            fine: ("ContentRemoved", "All content successfully removed"),
        },
        Row {
            kind: "NamespaceFinalizersRemaining",
            problem: some(
                &holding,
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining",
            ),
            fine: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        },
    ]
}

/// Returns the namespace as it is to be let go.
pub(super) fn without_finalizer(mut namespace: Namespace) -> Namespace {
    if let Some(finalizers) = namespace.spec.as_mut().and_then(|spec| spec.finalizers.as_mut()) {
        finalizers.retain(|it| it != KUBERNETES);
    }
    namespace
}

#[cfg(test)]
mod tests;
