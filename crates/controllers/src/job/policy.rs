//! What the failure of a Pod means, by the policy of its Job.

use k8s_openapi::api::batch::v1::{
    Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

use crate::pods::{self, Phase};

/// What the failure of a Pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It counts.
    Counts,
    /// It does not count.
    Ignored,
    /// Its index has failed, whatever its limit.
    FailsIndex,
    /// The Job has failed, for this reason.
    FailsJob(String),
}

/// Returns whether a Pod is replaced only when it has ended, not already while it ends.
pub(super) fn waits_for_end(job: &Job) -> bool {
    let spec = job.spec.as_ref();
    let policy = spec.and_then(|spec| spec.pod_replacement_policy.as_deref());
    policy == Some("Failed") || spec.is_some_and(|spec| spec.pod_failure_policy.is_some())
}

/// Returns whether a Pod has failed. One that ends counts as failed, unless its Job waits for its end.
pub(super) fn has_failed(job: &Job, pod: &Pod) -> bool {
    match pods::phase(pod) {
        Phase::Failed => true,
        Phase::Succeeded => false,
        Phase::Pending | Phase::Running | Phase::Unknown => pods::is_deleting(pod) && !waits_for_end(job),
    }
}

/// Returns what the failure of a Pod means: the first rule that matches says it.
pub(super) fn meaning(job: &Job, pod: &Pod) -> Meaning {
    let policy = job.spec.as_ref().and_then(|spec| spec.pod_failure_policy.as_ref());
    for (number, rule) in policy.iter().flat_map(|policy| &policy.rules).enumerate() {
        let why = match (&rule.on_exit_codes, &rule.on_pod_conditions) {
            (Some(codes), _) => exit_code(pod, codes),
            (None, Some(patterns)) => condition(pod, patterns),
            (None, None) => None,
        };
        let Some(why) = why else { continue };
        return match rule.action.as_str() {
            "Ignore" => Meaning::Ignored,
            "FailIndex" => Meaning::FailsIndex,
            "FailJob" => Meaning::FailsJob(format!("{why} matching FailJob rule at index {number}")),
            _ => Meaning::Counts,
        };
    }
    Meaning::Counts
}

fn exit_code(pod: &Pod, wanted: &PodFailurePolicyOnExitCodesRequirement) -> Option<String> {
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let found = all.filter_map(|container: &ContainerStatus| {
        let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
        let named = wanted.container_name.as_ref().is_none_or(|name| *name == container.name);
        let listed = wanted.values.contains(&code);
        let matches = if wanted.operator == "In" { listed } else { !listed };
        (named && code != 0 && matches).then_some((container, code))
    });
    let (container, code) = found.into_iter().next()?;
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    Some(format!("Container {} for pod {namespace}/{name} failed with exit code {code}", container.name))
}

fn condition(pod: &Pod, patterns: &[PodFailurePolicyOnPodConditionsPattern]) -> Option<String> {
    let found = patterns.iter().find(|pattern| {
        let wanted = pattern.status.as_deref().unwrap_or("True");
        pods::condition(pod, &pattern.type_).is_some_and(|condition| condition.status == wanted)
    })?;
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    Some(format!("Pod {namespace}/{name} has condition {}", found.type_))
}
