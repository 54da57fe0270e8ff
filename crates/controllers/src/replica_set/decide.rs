//! How many Pods a `ReplicaSet` has too few or too many.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use stanchion_machinery::selector::Labels;

use crate::owner;
use crate::pod_control::BURST;
use crate::pods::{self, Availability};

/// What a sync is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scaling {
    /// Nothing.
    Enough,
    /// To make this many Pods.
    Create(usize),
    /// To delete this many Pods.
    Delete(usize),
}

/// Decides what a sync is to do, at most a burst.
pub(super) fn scaling(set: &ReplicaSet, pods: &[Arc<Pod>]) -> Scaling {
    let active = pods.iter().filter(|pod| pods::is_active(pod)).count();
    let wanted = usize::try_from(replicas(set)).unwrap_or(0);
    match (wanted.saturating_sub(active), active.saturating_sub(wanted)) {
        (0, 0) => Scaling::Enough,
        (few, 0) => Scaling::Create(few.min(BURST)),
        (_, many) => Scaling::Delete(many.min(BURST)),
    }
}

/// Returns how many Pods are asked for.
pub(super) fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Returns the selector of a set.
pub(super) fn selector(set: &ReplicaSet) -> Labels {
    set.spec.as_ref().map_or_else(Labels::nothing, |spec| owner::selector(&spec.selector))
}

/// Returns for how many seconds a Pod is to be ready before it counts as available.
pub(super) fn min_ready_seconds(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
}

/// Makes a Pod of a set; the API makes up the end of its name.
pub(super) fn new_pod(set: &ReplicaSet) -> Pod {
    let template = set.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
    let namespace = set.namespace().unwrap_or_default();
    let mut pod = pods::from_template(&template, owner::reference(set), &namespace);
    pod.metadata.generate_name = Some(format!("{}-", set.name_any()));
    pod
}

/// Returns when the next Pod that is ready will be available.
pub(super) fn next_available(set: &ReplicaSet, pods: &[Arc<Pod>], now: Timestamp) -> Option<Duration> {
    let active = pods.iter().filter(|pod| pods::is_active(pod));
    let waits = active.filter_map(|pod| match pods::availability(pod, min_ready_seconds(set), now) {
        Availability::In(left) => Some(left),
        Availability::Unready | Availability::Available => None,
    });
    waits.min()
}
