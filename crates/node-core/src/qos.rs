//! Quality of service: the class of a Pod, who dies first when memory runs out, and the values of cgroups.

mod cgroup;

pub use cgroup::{CpuQuota, Limits, PERIOD_MICROS, quota, shares, weight};

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::json;

use stanchion_kinds::qos;
pub use stanchion_kinds::qos::QosClass;

use crate::resources::{Amount, Resources};

/// The score of the node's own processes.
pub const NODE_SCORE: i32 = -999;
/// The score of Guaranteed and node-critical Pods.
const GUARANTEED_SCORE: i32 = -997;
/// The score of `BestEffort` Pods.
const BEST_EFFORT_SCORE: i32 = 1000;
/// The bounds of the scores between.
const BURSTABLE_SCORES: (i64, i64) = (3, 999);
/// The priority from which on a Pod is critical.
pub const CRITICAL_PRIORITY: i32 = 2_000_000_000;
/// The priority from which on a Pod is critical for its node.
const NODE_CRITICAL_PRIORITY: i32 = 2_000_001_000;

/// Computes the class of a Pod.
pub fn class_of(spec: &PodSpec) -> QosClass {
    let list = |containers: &[Container]| -> Vec<_> {
        containers.iter().map(|container| json!({"resources": container.resources})).collect()
    };
    let mut value = json!({
        "containers": list(&spec.containers),
        "initContainers": list(spec.init_containers.as_deref().unwrap_or_default()),
    });
    if let (Some(resources), Some(object)) = (&spec.resources, value.as_object_mut()) {
        object.insert("resources".to_owned(), json!(resources));
    }
    qos::class_of(&value)
}

/// Returns whether a Pod is never evicted.
pub fn is_critical(spec: &PodSpec) -> bool {
    spec.priority.is_some_and(|priority| priority >= CRITICAL_PRIORITY)
}

/// Computes the `oom_score_adj` of a container. `capacity` is the memory of the machine in bytes.
pub fn oom_score(spec: &PodSpec, container: &Container, capacity: i64) -> i32 {
    if spec.priority.is_some_and(|priority| priority >= NODE_CRITICAL_PRIORITY) {
        return GUARANTEED_SCORE;
    }
    match class_of(spec) {
        QosClass::Guaranteed => GUARANTEED_SCORE,
        QosClass::BestEffort => BEST_EFFORT_SCORE,
        QosClass::Burstable => burstable_score(spec, container, capacity),
    }
}

fn burstable_score(spec: &PodSpec, container: &Container, capacity: i64) -> i32 {
    let own = request(container).saturating_add(share_of_rest(spec));
    let mut score = score_of(own, capacity);
    if is_sidecar(spec, container) {
        // A sidecar is no more likely to go than the least of what it serves.
        let least = spec.containers.iter().map(request).min().unwrap_or(0);
        score = score.min(score_of(least.saturating_add(share_of_rest(spec)), capacity));
    }
    let (low, high) = BURSTABLE_SCORES;
    i32::try_from(score.clamp(low, high)).unwrap_or(BEST_EFFORT_SCORE)
}

fn score_of(request: i64, capacity: i64) -> i64 {
    let share = i128::from(request) * 1000 / i128::from(capacity.max(1));
    i64::try_from(1000 - share).unwrap_or(0)
}

fn request(container: &Container) -> i64 {
    Resources::of(container.resources.as_ref()).request(Amount::Memory).unwrap_or(0)
}

/// What a Pod requests as a whole beyond its containers, in equal parts.
fn share_of_rest(spec: &PodSpec) -> i64 {
    let Some(whole) = Resources::of(spec.resources.as_ref()).request(Amount::Memory) else { return 0 };
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(spec, container));
    let all: Vec<i64> = spec.containers.iter().chain(sidecars).map(request).collect();
    let rest = whole.saturating_sub(all.iter().sum()).max(0);
    rest / i64::try_from(all.len()).unwrap_or(1).max(1)
}

fn is_sidecar(spec: &PodSpec, container: &Container) -> bool {
    let mut init = spec.init_containers.iter().flatten();
    init.any(|init| init.name == container.name && init.restart_policy.as_deref() == Some("Always"))
}

#[cfg(test)]
mod tests;
