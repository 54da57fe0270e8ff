//! Jobs that are kept for ever.

use std::collections::BTreeMap;

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::batch::Job;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// A few are looked at by people.
const A_FEW: usize = 10;
/// Each has a Pod, and both are in every list.
const MANY: usize = 100;
/// More than a CronJob keeps that says nothing, by far.
const LONG_HISTORY: i64 = 20;

pub(crate) const CHECK: Check = Check {
    id: "jobs/no-ttl",
    group: Group::Jobs,
    severity: Severity::Warning,
    title: "Jobs that have ended pile up",
    meaning: "A Job that has ended stays with its Pods until somebody deletes it, unless it has a time to live or a CronJob that cleans \
              up. They fill etcd and slow every list down.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/"],
    needs: &[Need::KubeJobs],
    fix: Some("lets Jobs that have ended go after a week, and limits how many a CronJob keeps"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut kept: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for job in &facts.kube.jobs {
        // What somebody made goes with its maker, or is cleaned up by it.
        let is_kept = job.ended().is_some()
            && job.spec.ttl_seconds_after_finished.is_none()
            && job.meta.owner_references.is_empty()
            && !job.meta.is_going();
        if is_kept {
            kept.entry(job.meta.namespace()).or_default().push(job);
        }
    }
    for (namespace, jobs) in kept.into_iter().filter(|(_, jobs)| jobs.len() > A_FEW) {
        let severity = if jobs.len() > MANY { Severity::Warning } else { Severity::Info };
        let namespace = Subject::new("Namespace", namespace);
        for job in jobs {
            let subject = job.meta.subject("Job");
            let evidence =
                vec![Evidence::new("ttlSecondsAfterFinished", "none", source::of(facts, &subject))];
            let summary = "Jobs that have ended are kept for ever";
            let advice = "set ttlSecondsAfterFinished where they are made, and delete the old ones";
            findings.add_of(severity, &namespace, subject, summary, advice, evidence);
        }
    }
    for cron in &facts.kube.cron_jobs {
        let limits = [
            ("successfulJobsHistoryLimit", cron.spec.successful_jobs_history_limit),
            ("failedJobsHistoryLimit", cron.spec.failed_jobs_history_limit),
        ];
        let long = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?)));
        let long: Vec<_> = long.filter(|(_, limit)| *limit > LONG_HISTORY).collect();
        if long.is_empty() || cron.spec.job_template.spec.ttl_seconds_after_finished.is_some() {
            continue;
        }
        let subject = cron.meta.subject("CronJob");
        let source = source::of(facts, &subject);
        let evidence = long.into_iter().map(|(name, limit)| Evidence::new(name, limit, &source)).collect();
        let advice = "keep as many as somebody looks at";
        findings.add(Severity::Info, subject, "it keeps many Jobs that have ended", advice, evidence);
    }
}
