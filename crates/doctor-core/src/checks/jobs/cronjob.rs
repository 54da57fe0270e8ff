//! CronJobs whose runs overlap, fail or do not begin.

use std::collections::BTreeMap;

use super::schedule::Schedule;
use super::{by_maker, has_failed, runs};
use crate::check::{Check, Group};
use crate::checks::age::shown;
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::batch::{CronJob, Job};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// The controller looks every ten seconds.
const SHORTEST_START: i64 = 10;
/// What the controller says of runs that it did not begin.
const MISSED: [&str; 3] = ["MissSchedule", "TooManyMissedTimes", "FailedNeedsStart"];
/// What it says of a schedule that is none, or that it cannot follow.
const UNPARSEABLE: [&str; 4] =
    ["UnparseableSchedule", "UnParseableCronJobSchedule", "InvalidSchedule", "UnknownTimeZone"];
/// A run begins within seconds; a controller that was elected anew looks again within a minute.
const LATE: i64 = 600;
/// What is missed, whoever says so.
const MISSED_RUNS: &str = "runs of it were missed";
/// Events older than this are past.
const RECENT: i64 = 24 * 3600;

pub(crate) const CHECK: Check = Check {
    id: "jobs/cronjob",
    group: Group::Jobs,
    severity: Severity::Warning,
    title: "runs of a CronJob overlap, fail or do not begin",
    meaning: "A backup that does not run is noticed when it is needed. Two at once take twice the disk and the processor, and may \
              write the same file.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"],
    needs: &[Need::KubeJobs, Need::KubeEvents],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let made = by_maker(&facts.kube.jobs);
    for cron in facts.kube.cron_jobs.iter().filter(|cron| !cron.meta.is_going()) {
        let key = (cron.meta.namespace(), cron.meta.name.as_str());
        let jobs = made.get(&key).map(Vec::as_slice).unwrap_or_default();
        overlapping(facts, findings, cron, jobs);
        failed(facts, findings, cron, jobs);
        overdue(facts, findings, cron, jobs);
        let start = cron.spec.starting_deadline_seconds.filter(|start| *start < SHORTEST_START);
        if let Some(start) = start.filter(|_| !cron.spec.suspend) {
            let subject = cron.meta.subject("CronJob");
            let evidence = vec![Evidence::new("startingDeadlineSeconds", start, source::of(facts, &subject))];
            let summary =
                "its runs may never begin: the time in which they may is shorter than that between two looks";
            let advice = "set startingDeadlineSeconds to a minute or more";
            findings.add(Severity::Warning, subject, summary, advice, evidence);
        }
    }
    told(facts, findings);
}

fn overlapping(facts: &Facts, findings: &mut Findings, cron: &CronJob, jobs: &[&Job]) {
    let running: Vec<_> = jobs.iter().filter(|job| runs(job)).collect();
    // Other policies begin none beside another; then somebody made it by hand.
    let allows = matches!(cron.spec.concurrency_policy.as_str(), "Allow" | "");
    if running.len() < 2 || !allows {
        return;
    }
    let cause = cron.meta.subject("CronJob");
    for job in &running {
        let subject = job.meta.subject("Job");
        let evidence = vec![
            Evidence::new("runs at once", running.len(), source::of(facts, &subject)),
            Evidence::new("concurrencyPolicy", "Allow", source::of(facts, &cause)),
        ];
        let summary = "a run begins while others still run";
        let advice = "set `concurrencyPolicy: Forbid`, and activeDeadlineSeconds for those that hang";
        findings.add_of(Severity::Warning, &cause, subject, summary, advice, evidence);
    }
}

/// Compares when it last began a run with when one was due since. Its controller tells of that only while it runs itself.
fn overdue(facts: &Facts, findings: &mut Findings, cron: &CronJob, jobs: &[&Job]) {
    let is_held = cron.spec.concurrency_policy == "Forbid" && jobs.iter().any(|job| runs(job));
    let Some(schedule) = Schedule::parse(&cron.spec.schedule).filter(|_| !cron.spec.suspend && !is_held)
    else {
        return;
    };
    // What was due before somebody changed it may have been due by another schedule, or while it was suspended.
    let known = [cron.status.last_schedule_time, cron.meta.created, cron.meta.changed];
    let Some(since) = known.into_iter().flatten().max().filter(|_| cron.meta.created.is_some()) else {
        return;
    };
    if !schedule.is_certain_within(since + 1, facts.now.saturating_sub(LATE)) {
        return;
    }
    let subject = cron.meta.subject("CronJob");
    let source = source::of(facts, &subject);
    let last =
        cron.status.last_schedule_time.map(|at| format!("{} ago", shown(facts.now.saturating_sub(at))));
    let evidence = vec![
        Evidence::new("schedule", &cron.spec.schedule, &source),
        Evidence::new("last began", last.as_deref().unwrap_or("never"), &source),
    ];
    let advice = "see whether the controller manager runs, and in the Events of the CronJob whether its Jobs are refused";
    findings.add(Severity::Warning, subject, MISSED_RUNS, advice, evidence);
}

/// Judges the newest run that has ended.
fn failed(facts: &Facts, findings: &mut Findings, cron: &CronJob, jobs: &[&Job]) {
    let ended = jobs.iter().filter(|job| job.ended().is_some());
    let Some(newest) = ended.max_by_key(|job| job.status.start_time.or(job.meta.created)) else { return };
    let began = newest.status.start_time.or(newest.meta.created);
    let is_newer_success = cron.status.last_successful_time.is_some_and(|at| Some(at) > began);
    if !has_failed(newest) || is_newer_success || cron.spec.suspend {
        return;
    }
    let cause = cron.meta.subject("CronJob");
    let condition = newest.status.conditions.iter().find(|condition| condition.kind == "Failed");
    let why = condition.map_or("", |condition| &condition.reason);
    let subject = newest.meta.subject("Job");
    let evidence = vec![Evidence::new("failed for", why, source::of(facts, &subject))];
    let advice = "look at the log of its Pod, and run it again: `kubectl create job --from=cronjob/…`";
    findings.add_of(Severity::Warning, &cause, subject, "its last run failed", advice, evidence);
}

/// What the controller said of late.
fn told(facts: &Facts, findings: &mut Findings) {
    let crons = facts.kube.cron_jobs.iter().map(|cron| (cron.meta.subject("CronJob"), cron));
    let crons: BTreeMap<_, _> = crons.collect();
    for event in facts.kube.events.iter().filter(|event| event.involved_object.kind == "CronJob") {
        let is_recent = event.at().is_some_and(|at| facts.now.saturating_sub(at) <= RECENT);
        let about = event.about();
        if !is_recent || crons.get(&about).is_none_or(|cron| cron.spec.suspend) {
            continue;
        }
        let evidence =
            || vec![Evidence::new(&event.reason, &event.message, event_source(facts, &event.meta.name))];
        if MISSED.contains(&event.reason.as_str()) {
            let advice = "see whether the controller was down or clocks differ; startingDeadlineSeconds says until when a late \
                          run still begins";
            findings.add(Severity::Warning, about, MISSED_RUNS, advice, evidence());
        } else if UNPARSEABLE.contains(&event.reason.as_str()) {
            let advice = "correct its schedule or its time zone";
            findings.add(Severity::Warning, about, "its schedule cannot be followed", advice, evidence());
        }
    }
}

fn event_source(facts: &Facts, name: &str) -> String {
    format!("{}, Event {name}", facts.kube.server)
}
