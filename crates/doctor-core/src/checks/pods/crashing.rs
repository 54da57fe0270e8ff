//! Containers that end again and again.

mod reason;

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::pod::{ContainerState, Pod};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use reason::reason;

/// So many restarts are no accident.
const OFTEN: u32 = 5;
/// An end longer ago is one of before.
const RECENT: i64 = 3_600;

pub(crate) const CHECK: Check = Check {
    id: "pods/crashing",
    group: Group::Pods,
    severity: Severity::Critical,
    title: "a container ends again and again",
    meaning: "The kubelet starts a container that has ended again, and waits twice as long each time, up to five minutes. What it \
              was to do is not done meanwhile; its exit code and last words say why it ended.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy"],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs, Need::KubeLogs],
    fix: None,
    run,
};

/// How a container crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    /// It is held back since it has ended so often.
    Loop,
    /// It runs now, and has ended often and of late.
    Often,
}

/// Returns the containers of a Pod whose last words are of interest.
pub fn crashing(now: i64, pod: &Pod) -> impl Iterator<Item = &ContainerState> {
    pod.containers.iter().filter(move |container| crash(now, pod, container).is_some())
}

fn crash(now: i64, pod: &Pod, container: &ContainerState) -> Option<Crash> {
    if !pod.is_live() {
        return None;
    }
    if container.waiting.as_deref().is_some_and(|(reason, _)| reason == "CrashLoopBackOff") {
        return Some(Crash::Loop);
    }
    let ended = container.ended.as_deref().and_then(|ended| since(now, ended.finished_at));
    (container.restarts >= OFTEN && ended.is_some_and(|age| age < RECENT)).then_some(Crash::Often)
}

fn run(facts: &Facts, findings: &mut Findings) {
    for group in facts.kube.pods.groups() {
        for pod in facts.kube.pods.members(group) {
            for container in &pod.containers {
                let Some(crash) = crash(facts.now, pod, container) else { continue };
                let restart = group.template.restart_policy.as_str();
                let why = container.ended.as_deref().map(|ended| reason(ended, container, restart));
                let (why, advice) =
                    why.unwrap_or((String::new(), "`kubectl logs --previous` shows what it said last"));
                let (severity, again) = match crash {
                    Crash::Loop => (Severity::Critical, "ends again and again"),
                    Crash::Often => (Severity::Warning, "has ended often, and of late"),
                };
                let why = if why.is_empty() { why } else { format!(": {why}") };
                let summary = format!("its container {} {again}{why}", container.name);
                let evidence = evidence(facts, pod, container);
                findings.add_of(severity, &group.cause, pod.subject(), summary, advice, evidence);
            }
        }
    }
}

fn evidence(facts: &Facts, pod: &Pod, container: &ContainerState) -> Vec<Evidence> {
    let place = source::of(facts, &pod.subject());
    let mut evidence = vec![Evidence::new("restarts", container.restarts, &place)];
    if let Some(ended) = container.ended.as_deref() {
        evidence.push(Evidence::new("ended with", format!("{} ({})", ended.exit_code, ended.reason), &place));
        let age = since(facts.now, ended.finished_at);
        evidence.extend(age.map(|age| Evidence::new("last", format!("{} ago", shown(age)), &place)));
        if let (Some(from), Some(to)) = (ended.started_at, ended.finished_at) {
            evidence.push(Evidence::new("it had run for", shown(to.saturating_sub(from)), &place));
        }
    }
    if let Some(last) = facts.kube.last_lines(&pod.namespace, &pod.name, &container.name) {
        evidence.push(Evidence::new(
            "its last lines",
            last.lines.join("\n"),
            format!("{place}/log?previous=true"),
        ));
    }
    evidence
}

#[cfg(test)]
mod tests;
