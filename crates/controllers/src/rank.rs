//! Which Pods are missed least.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use crate::pods::{self, Phase};

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What decides, most important first; the least is deleted first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    assigned: bool,
    phase: Phase,
    ready: bool,
    cost: i32,
    /// How many Pods of the same kind its node has: the more, the sooner.
    company: Reverse<usize>,
    /// In powers of two of seconds, so that among Pods of about the same age chance decides.
    ready_for: u32,
    restarts: Reverse<i32>,
    age: u32,
    uid: String,
}

/// Returns a number of active Pods to delete. `related` are those whose company on a node counts.
pub(crate) fn least_wanted(
    pods: &[Arc<Pod>],
    related: &[Arc<Pod>],
    count: usize,
    now: Timestamp,
) -> Vec<Arc<Pod>> {
    let mut company: HashMap<&str, usize> = HashMap::new();
    for node in related.iter().filter(|pod| pods::is_active(pod)).filter_map(|pod| node(pod)) {
        *company.entry(node).or_default() += 1;
    }
    let mut chosen: Vec<Arc<Pod>> = pods.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
    chosen.sort_by_cached_key(|pod| {
        let company = node(pod).and_then(|node| company.get(node)).copied().unwrap_or(0);
        worth(pod, company, now)
    });
    chosen.truncate(count);
    chosen
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

fn worth(pod: &Pod, company: usize, now: Timestamp) -> Worth {
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    Worth {
        assigned: node(pod).is_some(),
        phase: pods::phase(pod),
        ready: pods::is_ready(pod),
        cost: deletion_cost(pod),
        company: Reverse(company),
        ready_for: magnitude(pods::ready_since(pod), now),
        restarts: Reverse(pods::restarts(pod)),
        age: magnitude(created, now),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
    }
}

/// Returns the binary magnitude of the seconds since a moment.
fn magnitude(since: Option<Timestamp>, now: Timestamp) -> u32 {
    let seconds = since.map_or(0, |since| now.duration_since(since).as_secs());
    u64::try_from(seconds).ok().and_then(u64::checked_ilog2).map_or(0, |log| log + 1)
}

fn deletion_cost(pod: &Pod) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(DELETION_COST)).and_then(|cost| cost.parse().ok()).unwrap_or(0)
}
