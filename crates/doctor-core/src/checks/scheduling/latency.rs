//! How long Pods wait for their nodes.

use std::collections::BTreeSet;

use crate::check::{Check, Group};
use crate::checks::age::shown;
use crate::facts::Facts;
use crate::facts::kube::event::Event;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// Only Pods of the last hour say how it is now.
const RECENT: i64 = 3_600;
/// Fewer say nothing.
const SAMPLES: usize = 100;
/// Times are written in whole seconds, and a quiet scheduler needs milliseconds.
const SLOW_MEDIAN: i64 = 5;
/// One in a hundred should not wait for so long.
const SLOW_TAIL: i64 = 60;

pub(crate) const CHECK: Check = Check {
    id: "scheduling/latency",
    group: Group::Scheduling,
    severity: Severity::Warning,
    title: "Pods wait long for the scheduler",
    meaning: "Every Pod waits for those before it, so a slow scheduler delays rollouts and the replacement of failed Pods alike. The \
              usual reasons are required anti-affinity in a large cluster, very many nodes that are scored, and a slow API server; Pods \
              for which there was no room at first are left out.",
    basis: &["https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/"],
    needs: &[Need::KubePods, Need::KubeEvents],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    // What they say of themselves once they are placed does not tell them from others.
    let refused = facts.kube.events.iter().filter(|event| event.reason == "FailedScheduling");
    let refused: BTreeSet<_> = refused.map(Event::about).collect();
    let mut waits: Vec<i64> = facts
        .kube
        .pods
        .all()
        .iter()
        .filter(|pod| !refused.contains(&pod.subject()))
        .filter_map(|pod| wait(facts.now, pod.created?, pod.scheduled?))
        .collect();
    if waits.len() < SAMPLES {
        return;
    }
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
    let (median, tail) = (at(50), at(99));
    let source = format!("{}, from creation to PodScheduled", facts.kube.server);
    let evidence = vec![
        Evidence::new("Pods of the last hour", waits.len(), &source),
        Evidence::new("p50", shown(median), &source),
        Evidence::new("p99", shown(tail), &source),
    ];
    let subject = Subject::new("scheduler", "default-scheduler");
    let advice = "see scheduling/anti-affinity and scheduling/scoring, and the scheduler's metric \
                  scheduler_framework_extension_point_duration_seconds for the plugin that takes the time";
    if median >= SLOW_MEDIAN {
        let summary = format!("half of the Pods wait {} and more for their node", shown(median));
        findings.add(Severity::Warning, subject, summary, advice, evidence);
    } else if tail >= SLOW_TAIL {
        let summary = format!("one Pod in a hundred waits {} and more for its node", shown(tail));
        findings.add(Severity::Info, subject, summary, advice, evidence);
    }
}

/// Returns how long a Pod waited, if that was of late.
fn wait(now: i64, created: i64, scheduled: i64) -> Option<i64> {
    let is_recent = (now.saturating_sub(RECENT)..=now).contains(&created);
    (is_recent && scheduled >= created).then(|| scheduled - created)
}
