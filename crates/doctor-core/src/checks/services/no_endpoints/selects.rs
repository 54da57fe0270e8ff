//! Why a selector means no Pod.

use crate::facts::Facts;
use crate::facts::kube::labels::Selector;
use crate::facts::kube::service::Service;
use crate::facts::kube::workload::Workload;

/// Why a selector means no Pod.
#[derive(Debug)]
pub(super) enum Nothing<'a> {
    /// That is meant to be so now: its workload has no replicas, its Pods come and go, or nobody is to have the role.
    OnPurpose,
    /// Other labels match, but no Pod has the role.
    NobodyHasRole(String),
    /// A workload is to have such Pods, and none are made.
    NotMade(&'a Workload),
    /// Nothing that is there, and nothing that makes Pods, has such labels.
    Matches,
}

/// Says why a selector means no Pod.
pub(super) fn why_nothing<'a>(facts: &'a Facts, service: &Service) -> Nothing<'a> {
    let namespace = service.meta.namespace();
    let Some(selector) = Selector::of_labels(&service.spec.selector) else { return Nothing::OnPurpose };
    let mut made =
        facts.kube.workloads.iter().filter(|workload| {
            workload.meta.namespace() == namespace && selector.matches(workload.pod_labels())
        });
    if let Some(first) = made.next() {
        let wants = std::iter::once(first).chain(made).find(|workload| workload.desired() > 0);
        return wants.map_or(Nothing::OnPurpose, Nothing::NotMade);
    }
    let jobs = facts.kube.jobs.iter().map(|job| (&job.meta, &job.spec));
    let cron_jobs = facts.kube.cron_jobs.iter().map(|job| (&job.meta, &job.spec.job_template.spec));
    if jobs
        .chain(cron_jobs)
        .any(|(meta, spec)| meta.namespace() == namespace && selector.matches(&spec.template.meta.labels))
    {
        return Nothing::OnPurpose;
    }
    by_role(facts, service)
}

/// Looks whether it is only a role that nobody has: labels that whoever fails over gives to one Pod or to the others.
fn by_role<'a>(facts: &Facts, service: &Service) -> Nothing<'a> {
    let (roles, others): (Vec<_>, Vec<_>) = service.spec.selector.iter().partition(|(key, _)| is_role(key));
    let Some((key, value)) = roles.first() else { return Nothing::Matches };
    let others = others.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let Some(selector) = Selector::of_labels(&others).filter(|_| !others.is_empty()) else {
        return Nothing::Matches;
    };
    let groups = facts.kube.pods.selected(service.meta.namespace(), &selector);
    let pods = groups.flat_map(|group| facts.kube.pods.members(group)).filter(|pod| pod.is_live()).count();
    match (pods, is_for_others(value)) {
        (0, _) => Nothing::Matches,
        // One Pod is the primary, and nobody is left to be a replica.
        (1, true) => Nothing::OnPurpose,
        _ => Nothing::NobodyHasRole(format!("{key}={value}")),
    }
}

/// Returns whether a label says what a Pod is among its equals.
fn is_role(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    name.ends_with("role")
}

/// Returns whether a role is of those that are not the first.
fn is_for_others(role: &str) -> bool {
    matches!(
        role.to_ascii_lowercase().as_str(),
        "replica"
            | "replicas"
            | "secondary"
            | "standby"
            | "slave"
            | "follower"
            | "read"
            | "readonly"
            | "read-only"
            | "ro"
    )
}
