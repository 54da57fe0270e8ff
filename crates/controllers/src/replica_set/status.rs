//! What the status of a `ReplicaSet` says.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::decide::{self, Scaling};
use crate::numbers::{amount, nonzero};
use crate::pods::{self, Availability};

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Returns the status of a set with these Pods, of which those that have ended are left out; `failure` is what could
/// not be done, and why.
pub(super) fn status(
    set: &ReplicaSet,
    pods: &[Arc<Pod>],
    failure: Option<(&Scaling, String)>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let active: Vec<&Arc<Pod>> = pods.iter().filter(|pod| pods::is_active(pod)).collect();
    let count = |counts: &dyn Fn(&Pod) -> bool| amount(active.iter().filter(|pod| counts(pod)).count());
    let available =
        |pod: &Pod| pods::availability(pod, decide::min_ready_seconds(set), now) == Availability::Available;
    ReplicaSetStatus {
        replicas: amount(active.len()),
        fully_labeled_replicas: nonzero(count(&|pod| is_fully_labeled(set, pod))),
        ready_replicas: nonzero(count(&pods::is_ready)),
        available_replicas: nonzero(count(&available)),
        terminating_replicas: Some(amount(pods.iter().filter(|pod| pods::is_terminating(pod)).count())),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, failure, now),
    }
}

/// Returns whether the status says that Pods could not be made or deleted.
pub(super) fn has_failed(set: &ReplicaSet) -> bool {
    let conditions = set.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == REPLICA_FAILURE)
}

fn is_fully_labeled(set: &ReplicaSet, pod: &Pod) -> bool {
    let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
    let wanted = template.and_then(|template| template.metadata.as_ref()?.labels.as_ref());
    let labels = pod.metadata.labels.as_ref();
    wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)))
}

fn conditions(
    set: &ReplicaSet,
    failure: Option<(&Scaling, String)>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = set.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    match failure {
        // The first failure stays: a message that differs every time would mean a write every time.
        Some(_) if has_failed(set) => {}
        Some((scaling, message)) => {
            let reason = match scaling {
                Scaling::Delete(_) => "FailedDelete",
                Scaling::Create(_) | Scaling::Enough => "FailedCreate",
            };
            conditions.push(ReplicaSetCondition {
                type_: REPLICA_FAILURE.to_owned(),
                status: "True".to_owned(),
                reason: Some(reason.to_owned()),
                message: Some(message),
                last_transition_time: Some(Time(now)),
            });
        }
        None => conditions.retain(|condition| condition.type_ != REPLICA_FAILURE),
    }
    (!conditions.is_empty()).then_some(conditions)
}
