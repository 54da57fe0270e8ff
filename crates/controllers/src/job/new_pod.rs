//! The Pods of a Job, and what is noted on them.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use kube::ResourceExt;

use crate::{owner, pods};

/// Keeps a Pod from vanishing before it was counted.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How many Pods of this index have failed before; of Jobs with a limit for each index.
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";

/// Returns whether a Pod is still to be counted.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TRACKING)
}

/// Returns the completion index of a Pod.
pub(super) fn index(pod: &Pod) -> Option<i32> {
    pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// Returns how many Pods of its index failed before a Pod.
pub(super) fn failures(pod: &Pod) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(FAILURES)).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Makes a Pod of a Job; the API makes up the end of its name. `failures` are those of its index, if they are counted.
pub(super) fn new(job: &Job, index: Option<i32>, failures: Option<i32>) -> Pod {
    let template = job.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let namespace = job.namespace().unwrap_or_default();
    let mut pod = pods::from_template(&template, owner::reference(job), &namespace);
    pod.metadata.finalizers.get_or_insert_default().push(TRACKING.to_owned());
    let name = job.name_any();
    pod.metadata.generate_name = Some(format!("{name}-"));
    if let Some(index) = index {
        pod.metadata.generate_name = Some(format!("{name}-{index}-"));
        let text = index.to_string();
        pod.metadata.annotations.get_or_insert_default().insert(INDEX.to_owned(), text.clone());
        pod.metadata.labels.get_or_insert_default().insert(INDEX.to_owned(), text);
        let spec = pod.spec.get_or_insert_default();
        spec.hostname = Some(format!("{name}-{index}"));
        spec.containers.iter_mut().for_each(tell_index);
        spec.init_containers.iter_mut().flatten().for_each(tell_index);
    }
    if let Some(failures) = failures {
        pod.metadata.annotations.get_or_insert_default().insert(FAILURES.to_owned(), failures.to_string());
    }
    pod
}

/// Lets a container know its index, unless it defines the variable itself.
fn tell_index(container: &mut Container) {
    const NAME: &str = "JOB_COMPLETION_INDEX";
    let env = container.env.get_or_insert_default();
    if env.iter().all(|variable| variable.name != NAME) {
        let field_ref =
            ObjectFieldSelector { field_path: format!("metadata.labels['{INDEX}']"), api_version: None };
        let source = EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() };
        env.push(EnvVar { name: NAME.to_owned(), value_from: Some(source), value: None });
    }
}
