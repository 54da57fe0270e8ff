//! Jobs that may run for ever.

use std::time::Duration;

use super::{made_by, runs};
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::batch::{Job, JobSpec};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::Seconds;

/// A run that takes longer than this is looked at.
const LONG: i64 = 24 * 3600;

pub(crate) const CHECK: Check = Check {
    id: "jobs/no-deadline",
    group: Group::Jobs,
    severity: Severity::Warning,
    title: "Jobs may run for ever",
    meaning: "Without a deadline a run that hangs stays, with all that it holds. Of a CronJob the next runs then do not begin, or begin \
              beside it.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup"],
    needs: &[Need::KubeJobs],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for job in facts.kube.jobs.iter().filter(|job| runs(job) && !has_deadline(&job.spec)) {
        let Some(since) = job.status.start_time else { continue };
        let lasted = facts.now.saturating_sub(since);
        if lasted >= LONG {
            tell_long(facts, findings, job, lasted);
        }
    }
    let may_run = facts.kube.cron_jobs.iter().filter(|cron| !cron.spec.suspend);
    for cron in may_run.filter(|cron| !has_deadline(&cron.spec.job_template.spec)) {
        let subject = cron.meta.subject("CronJob");
        let evidence = vec![Evidence::new("activeDeadlineSeconds", "none", source::of(facts, &subject))];
        let namespace = Subject::new("Namespace", cron.meta.namespace());
        let summary = "runs of CronJobs have no deadline";
        let advice = "set activeDeadlineSeconds to more than the longest run that was all right";
        findings.add_of(Severity::Info, &namespace, subject, summary, advice, evidence);
    }
}

fn tell_long(facts: &Facts, findings: &mut Findings, job: &Job, lasted: i64) {
    let subject = job.meta.subject("Job");
    let source = source::of(facts, &subject);
    let evidence = vec![
        Evidence::new("runs for", Seconds(Duration::from_secs(lasted.unsigned_abs())), &source),
        Evidence::new("activeDeadlineSeconds", "none", &source),
    ];
    let advice = "see in its log whether it gets on; then set activeDeadlineSeconds";
    // What is made on a schedule is expected to be done by the next time.
    let cause = made_by(job).map(|name| Subject::of("CronJob", job.meta.namespace.as_deref(), name));
    let severity = if cause.is_some() { Severity::Warning } else { Severity::Info };
    let summary = "it has run for more than a day, and has no deadline";
    let cause = cause.unwrap_or_else(|| subject.clone());
    findings.add_of(severity, &cause, subject, summary, advice, evidence);
}

fn has_deadline(spec: &JobSpec) -> bool {
    spec.active_deadline_seconds.is_some() || spec.template.spec.active_deadline_seconds.is_some()
}
