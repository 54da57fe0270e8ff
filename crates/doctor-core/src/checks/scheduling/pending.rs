//! Pods without a node.

mod reasons;

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::pod::Pod;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use reasons::reasons;

/// Whoever waits for so long is worth a word.
const INFO: i64 = 60;
/// By now an autoscaler would have brought a node.
const WARNING: i64 = 5 * 60;
/// By now nobody brings one.
const CRITICAL: i64 = 30 * 60;

pub(crate) const CHECK: Check = Check {
    id: "scheduling/pending",
    group: Group::Scheduling,
    severity: Severity::Critical,
    title: "Pods wait for a node",
    meaning: "The scheduler finds no node that has room for a Pod and that it may be on, and tries again whenever something changes. \
              Until then what the Pod is to do is not done, and rollouts and replacements of failed Pods stand still.",
    basis: &["https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/"],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for group in facts.kube.pods.groups() {
        for pod in facts.kube.pods.members(group) {
            if pod.node.is_some() || !pod.is_live() {
                continue;
            }
            let Some(age) = since(facts.now, pod.created).filter(|age| *age >= INFO) else { continue };
            let severity = match age {
                CRITICAL.. => Severity::Critical,
                WARNING.. => Severity::Warning,
                _ => Severity::Info,
            };
            let Some((summary, advice)) = judge(pod) else { continue };
            let source = source::of(facts, &pod.subject());
            let mut evidence = vec![Evidence::new("waits for", shown(age), &source)];
            let said = pod.unscheduled.as_deref();
            evidence.extend(said.map(|(reason, message)| {
                Evidence::new("PodScheduled", format!("{reason}: {message}"), &source)
            }));
            findings.add_of(severity, &group.cause, pod.subject(), summary, advice, evidence);
        }
    }
}

/// Says why a Pod waits, and what to do; nothing of one that is held back on purpose.
fn judge(pod: &Pod) -> Option<(String, &'static str)> {
    let Some((reason, message)) = pod.unscheduled.as_deref() else {
        let scheduler = Some(pod.template.scheduler_name.as_str()).filter(|name| !name.is_empty());
        let scheduler = scheduler.unwrap_or("default-scheduler");
        let advice =
            "see whether this scheduler runs, and who holds its Lease; or name another one in schedulerName";
        return Some((
            format!("{scheduler} has not looked at it: it does not run, or is far behind"),
            advice,
        ));
    };
    if reason == "SchedulingGated" {
        return None;
    }
    let reasons = reasons(message);
    let summary = if reasons.is_empty() {
        format!("it has no node: {reason}")
    } else {
        format!("no node is good for it: {}", reasons.join("; "))
    };
    Some((summary, advice(message)))
}

fn advice(message: &str) -> &'static str {
    const KNOWN: [(&str, &str); 7] = [
        (
            "unbound immediate PersistentVolumeClaims",
            "see what keeps its claims from being bound: `kubectl describe pvc`",
        ),
        ("persistentvolumeclaim", "make the claim that it names, or name one that is there"),
        (
            "volume node affinity conflict",
            "its volume is on nodes that it may not be on: free room on one of those, or move the data",
        ),
        ("Insufficient", "lower its requests to what it needs, free room, or add nodes"),
        (
            "didn't match Pod's node affinity",
            "compare its node selector and affinity with the labels of nodes",
        ),
        ("untolerated taint", "tolerate the taint if it belongs there, else see why nodes have it"),
        (
            "anti-affinity",
            "there are fewer places than Pods that keep away from each other: prefer it instead of requiring it, or add nodes",
        ),
    ];
    let known = KNOWN.iter().find(|(part, _)| message.contains(part));
    known.map_or("`kubectl describe pod` says what each kind of nodes lacks", |(_, advice)| advice)
}
