//! What one sync of a Job is to do.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::indexes;
use super::manage::{Action, manage};
use super::new_pod;
use super::tally::{self, Tally, is_indexed};
use super::verdict::{self, Outcome, Verdict};
use crate::numbers::{amount, nonzero};

const SUSPENDED: &str = "Suspended";

/// What one sync of a Job is to do, in this order.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// The status to write; none if it is as it should be.
    pub(super) status: Option<JobStatus>,
    /// What to tell once it is written.
    pub(super) told: Vec<Told>,
    /// Pods that the status has counted, so that they need not stay.
    pub(super) untrack: Vec<Arc<Pod>>,
    pub(super) action: Action,
    /// When to look again although nothing changes.
    pub(super) next: Option<Duration>,
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) warns: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// Decides what one sync of a Job that has not ended is to do. `may_manage` is false while earlier creations and
/// deletions have not been shown.
pub(super) fn plan(job: &Job, spec: &JobSpec, all: &[Arc<Pod>], may_manage: bool, now: Timestamp) -> Plan {
    let ends = verdict::decided(job).map(|verdict| verdict.outcome);
    let tally = tally::tally(job, spec, all, ends);
    let verdict = verdict::verdict(job, spec, &tally, all, now);
    let mut told = Vec::new();
    let status = status(job, spec, &tally, verdict.as_ref(), all, now, &mut told);
    let action = match &verdict {
        Some(_) if tally.active.is_empty() => Action::Wait(None),
        Some(Verdict { outcome: Outcome::Failed, .. }) => Action::End(tally.active.clone()),
        Some(Verdict { outcome: Outcome::Complete, .. }) => Action::Dismiss(tally.active.clone()),
        None if may_manage => manage(job, spec, &tally, all, now),
        None => Action::Wait(None),
    };
    let wait = match action {
        Action::Wait(wait) => wait,
        Action::Create(_) | Action::Dismiss(_) | Action::End(_) => None,
    };
    let deadline = verdict.is_none().then(|| verdict::time_left(job, spec, now)).flatten();
    let status = (job.status.as_ref() != Some(&status)).then_some(status);
    Plan { status, told, untrack: tally.done, action, next: wait.into_iter().chain(deadline).min() }
}

fn status(
    job: &Job,
    spec: &JobSpec,
    tally: &Tally,
    verdict: Option<&Verdict>,
    all: &[Arc<Pod>],
    now: Timestamp,
    told: &mut Vec<Told>,
) -> JobStatus {
    let known = job.status.clone().unwrap_or_default();
    let mut start_time = known.start_time;
    let mut conditions = Conditions { list: known.conditions.unwrap_or_default(), now };
    let suspended = spec.suspend == Some(true);
    if start_time.is_none() && !suspended {
        start_time = Some(Time(now));
    }
    if verdict.is_none() {
        match (suspended, conditions.is_suspended()) {
            (true, false) => {
                conditions.suspend("True", "JobSuspended", "Job suspended");
                told.push(Told::normal("Suspended", "Job suspended"));
            }
            (false, true) => {
                conditions.suspend("False", "JobResumed", "Job resumed");
                told.push(Told::normal("Resumed", "Job resumed"));
                start_time = Some(Time(now));
            }
            (true, true) | (false, false) => {}
        }
    }
    let mut completion_time = known.completion_time;
    if let Some(verdict) = verdict {
        // A Job that ends while it is suspended has begun all the same.
        start_time.get_or_insert(Time(now));
        conditions.will_end(verdict);
        let settled = tally.uncounted.0.is_empty() && tally.uncounted.1.is_empty();
        let untracked = !all.iter().any(|pod| new_pod::is_tracked(pod));
        if settled && untracked && tally.active.is_empty() && tally.terminating == 0 {
            conditions.end(verdict);
            told.push(verdict.told());
            if verdict.outcome == Outcome::Complete {
                completion_time = Some(Time(now));
            }
        }
    }
    let list = |uids: &Vec<String>| (!uids.is_empty()).then(|| uids.clone());
    let written = |indexes: &indexes::Indexes| indexes::format(indexes);
    JobStatus {
        active: nonzero(amount(tally.active.len())),
        ready: Some(tally.ready),
        terminating: Some(tally.terminating),
        succeeded: nonzero(tally.counted.0),
        failed: nonzero(tally.counted.1),
        uncounted_terminated_pods: Some(UncountedTerminatedPods {
            succeeded: list(&tally.uncounted.0),
            failed: list(&tally.uncounted.1),
        }),
        completed_indexes: is_indexed(spec)
            .then(|| written(&tally.succeeded_indexes))
            .filter(|text| !text.is_empty()),
        failed_indexes: spec.backoff_limit_per_index.map(|_| written(&tally.failed_indexes)),
        start_time,
        completion_time,
        conditions: (!conditions.list.is_empty()).then_some(conditions.list),
    }
}

impl Told {
    fn normal(reason: &str, message: &str) -> Self {
        Self { warns: false, reason: reason.to_owned(), message: message.to_owned() }
    }
}

impl Verdict {
    fn told(&self) -> Told {
        match self.outcome {
            Outcome::Complete => Told::normal("Completed", "Job completed"),
            Outcome::Failed => {
                Told { warns: true, reason: self.reason.clone(), message: self.message.clone() }
            }
        }
    }
}

struct Conditions {
    list: Vec<JobCondition>,
    now: Timestamp,
}

impl Conditions {
    fn is_suspended(&self) -> bool {
        self.list.iter().any(|condition| condition.type_ == SUSPENDED && condition.status == "True")
    }

    fn suspend(&mut self, status: &str, reason: &str, message: &str) {
        self.list.retain(|condition| condition.type_ != SUSPENDED);
        self.push(SUSPENDED, status, reason, message);
    }

    fn will_end(&mut self, verdict: &Verdict) {
        let kind = match verdict.outcome {
            Outcome::Complete => "SuccessCriteriaMet",
            Outcome::Failed => "FailureTarget",
        };
        if self.list.iter().all(|condition| condition.type_ != kind) {
            self.push(kind, "True", &verdict.reason, &verdict.message);
        }
    }

    fn end(&mut self, verdict: &Verdict) {
        let kind = match verdict.outcome {
            Outcome::Complete => "Complete",
            Outcome::Failed => "Failed",
        };
        self.push(kind, "True", &verdict.reason, &verdict.message);
    }

    fn push(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        self.list.push(JobCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_probe_time: Some(Time(self.now)),
            last_transition_time: Some(Time(self.now)),
        });
    }
}

/// Returns how long a Job that has ended is kept, zero if it is to go; none if nobody said.
pub(super) fn kept_for(job: &Job, now: Timestamp) -> Option<Duration> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let ended = verdict::ended(job)?.last_transition_time.as_ref()?.0;
    let left = SignedDuration::from_secs(seconds.into()) - now.duration_since(ended);
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}
