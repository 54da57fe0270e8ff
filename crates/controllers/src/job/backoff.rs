//! How long to wait before another Pod is made after some have failed.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::pods::{self, Phase};

/// The wait after a first failure, doubled for each more in a row up to the second figure.
const WAIT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(10));

/// Returns how long is still to be waited after the failures since the last success among Pods.
pub(super) fn remaining(
    all: &[Arc<Pod>],
    has_failed: impl Fn(&Pod) -> bool,
    now: Timestamp,
) -> Option<Duration> {
    let finished = |pod: &Arc<Pod>| ended_at(pod);
    let last_success =
        all.iter().filter(|pod| pods::phase(pod) == Phase::Succeeded).filter_map(finished).max();
    let failures: Vec<Timestamp> = all
        .iter()
        .filter(|pod| has_failed(pod))
        .filter_map(finished)
        .filter(|at| last_success.is_none_or(|success| *at > success))
        .collect();
    let last = failures.iter().max()?;
    after(u32::try_from(failures.len()).unwrap_or(u32::MAX), *last, now)
}

/// Returns how long is still to be waited after a number of failures, the last of which was at a moment.
pub(super) fn after(failures: u32, last: Timestamp, now: Timestamp) -> Option<Duration> {
    let doubled = 1_u32.checked_shl(failures.checked_sub(1)?).unwrap_or(u32::MAX);
    let wait = WAIT.0.saturating_mul(doubled).min(WAIT.1);
    let passed = Duration::try_from(now.duration_since(last)).unwrap_or(Duration::ZERO);
    wait.checked_sub(passed).filter(|left| !left.is_zero())
}

/// Returns when the last container of a Pod ended, or else when the Pod stopped being ready, began to end, or was made.
pub(super) fn ended_at(pod: &Pod) -> Option<Timestamp> {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let ends = statuses.into_iter().flatten().filter_map(|container| {
        container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(|time| time.0)
    });
    let unready = || pods::condition(pod, "Ready")?.last_transition_time.as_ref().map(|time| time.0);
    // The moment in the mark is when the grace period will be over.
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
    let deleted = || pod.metadata.deletion_timestamp.as_ref().map(|time| time.0 - grace);
    let made = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    ends.max().or_else(unready).or_else(deleted).or_else(made)
}
