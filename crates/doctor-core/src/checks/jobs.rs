//! Jobs and CronJobs.

pub(super) mod cronjob;
pub(super) mod no_deadline;
pub(super) mod no_ttl;
mod schedule;

use std::collections::BTreeMap;

use crate::facts::kube::batch::Job;
use crate::facts::kube::meta::condition;

/// Returns the CronJob that made a Job, by its name.
fn made_by(job: &Job) -> Option<&str> {
    let owner = job.meta.controller()?;
    (owner.kind == "CronJob").then_some(owner.name.as_str())
}

/// Returns Jobs by the namespace and the name of the CronJob that made them.
fn by_maker(jobs: &[Job]) -> BTreeMap<(&str, &str), Vec<&Job>> {
    let mut made: BTreeMap<(&str, &str), Vec<&Job>> = BTreeMap::new();
    for job in jobs {
        if let Some(name) = made_by(job) {
            made.entry((job.meta.namespace(), name)).or_default().push(job);
        }
    }
    made
}

/// Returns whether a Job has ended badly.
fn has_failed(job: &Job) -> bool {
    condition(&job.status.conditions, "Failed").is_some_and(|condition| condition.status == "True")
}

/// Returns whether a Job is at work.
fn runs(job: &Job) -> bool {
    job.status.active > 0 && job.ended().is_none() && !job.meta.is_going()
}

#[cfg(test)]
mod tests;
