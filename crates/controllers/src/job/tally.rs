//! What the Pods of a Job add up to.
//!
//! Every Pod is counted once, whatever crashes in between: it carries a finalizer until the status says that it was
//! counted. A Pod without an index goes through `uncountedTerminatedPods`: its uid is written there, then its finalizer
//! is taken away, then the uid becomes a count. Indexes that have succeeded are counted by themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::indexes::{self, Indexes};
use super::new_pod;
use super::policy::{self, Meaning};
use super::verdict::Outcome;
use crate::numbers::amount;
use crate::pods::{self, Phase};

/// How many uids the status may hold, which bounds its size.
const UNCOUNTED: usize = 500;

/// What the Pods of a Job add up to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Pods that run or are going to.
    pub(super) active: Vec<Arc<Pod>>,
    pub(super) terminating: i32,
    pub(super) ready: i32,
    /// All that have succeeded, counted or not.
    pub(super) succeeded: i32,
    /// All that have failed, counted or not.
    pub(super) failed: i32,
    /// What the status is to say was counted.
    pub(super) counted: (i32, i32),
    pub(super) uncounted: (Vec<String>, Vec<String>),
    pub(super) succeeded_indexes: Indexes,
    pub(super) failed_indexes: Indexes,
    /// Pods whose finalizers can go once the status is written.
    pub(super) done: Vec<Arc<Pod>>,
    /// The last failed Pod of each index that has no newer one, kept for its count of failures.
    pub(super) kept: BTreeMap<i32, Arc<Pod>>,
    /// Whether all Pods that are to be counted fit in the status.
    pub(super) is_whole: bool,
    /// Why a rule of the failure policy fails the Job.
    pub(super) fatal: Option<String>,
}

/// Adds up the Pods of a Job. `ends` says how it will end, if that is decided: what is left then need not be counted,
/// or has failed with it.
pub(super) fn tally(job: &Job, spec: &JobSpec, all: &[Arc<Pod>], ends: Option<Outcome>) -> Tally {
    let none = JobStatus::default();
    let status = job.status.as_ref().unwrap_or(&none);
    let bound = spec.completions.unwrap_or(i32::MAX);
    let active: Vec<Arc<Pod>> = all.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
    let mut tally = Tally {
        ready: amount(active.iter().filter(|pod| pods::is_ready(pod)).count()),
        active,
        terminating: amount(all.iter().filter(|pod| pods::is_terminating(pod)).count()),
        counted: (status.succeeded.unwrap_or(0), status.failed.unwrap_or(0)),
        succeeded_indexes: indexes::parse(status.completed_indexes.as_deref().unwrap_or_default(), bound),
        failed_indexes: indexes::parse(status.failed_indexes.as_deref().unwrap_or_default(), bound),
        is_whole: true,
        ..Tally::default()
    };
    tally.settle(status, all);
    tally.succeeded = tally.counted.0 + amount(tally.uncounted.0.len());
    tally.failed = tally.counted.1 + amount(tally.uncounted.1.len());
    let tracked: Vec<&Arc<Pod>> = all.iter().filter(|pod| new_pod::is_tracked(pod)).collect();
    if is_indexed(spec) {
        tally.add_indexes(job, spec, &tracked, ends);
        tally.succeeded = amount(tally.succeeded_indexes.len());
        tally.counted.0 = tally.succeeded;
    }
    for pod in tracked {
        let given_up = ends.is_some() && pods::is_deleting(pod);
        let has_failed = policy::has_failed(job, pod);
        let is_done = if pods::phase(pod) == Phase::Succeeded {
            is_indexed(spec) || tally.add_success(pod)
        } else if has_failed || given_up && ends == Some(Outcome::Failed) {
            tally.add_failure(job, spec, pod, ends)
        } else {
            given_up
        };
        if is_done {
            tally.done.push(Arc::clone(pod));
        }
    }
    tally
}

/// Returns whether each completion has an index.
pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

impl Tally {
    /// Turns uids whose Pods have no finalizer any more into counts.
    fn settle(&mut self, status: &JobStatus, all: &[Arc<Pod>]) {
        let tracked: HashSet<&str> = all
            .iter()
            .filter(|pod| new_pod::is_tracked(pod))
            .filter_map(|pod| pod.metadata.uid.as_deref())
            .collect();
        let Some(known) = &status.uncounted_terminated_pods else { return };
        let split = |uids: &Option<Vec<String>>| -> (Vec<String>, i32) {
            let uids = uids.iter().flatten();
            let (open, settled): (Vec<&String>, Vec<&String>) =
                uids.partition(|uid| tracked.contains(uid.as_str()));
            (open.into_iter().cloned().collect(), amount(settled.len()))
        };
        let (succeeded, failed) = (split(&known.succeeded), split(&known.failed));
        self.uncounted = (succeeded.0, failed.0);
        self.counted.0 += succeeded.1;
        self.counted.1 += failed.1;
    }

    /// Counts a success. Returns whether the status has it.
    fn add_success(&mut self, pod: &Pod) -> bool {
        let uid = pod.uid().unwrap_or_default();
        if self.uncounted.0.contains(&uid) {
            return true;
        }
        self.succeeded += 1;
        self.note(&uid, true)
    }

    /// Counts a failure, if it counts. Returns whether its Pod is not needed any more.
    fn add_failure(&mut self, job: &Job, spec: &JobSpec, pod: &Arc<Pod>, ends: Option<Outcome>) -> bool {
        let uid = pod.uid().unwrap_or_default();
        let bound = spec.completions.unwrap_or(i32::MAX);
        let in_range = !is_indexed(spec) || new_pod::index(pod).is_some_and(|index| index < bound);
        if self.uncounted.1.contains(&uid) || !in_range {
            return true;
        }
        let counts = match policy::meaning(job, pod) {
            Meaning::Ignored => false,
            Meaning::FailsJob(why) => {
                self.fatal.get_or_insert(why);
                true
            }
            Meaning::Counts | Meaning::FailsIndex => true,
        };
        self.failed += i32::from(counts);
        let kept = new_pod::index(pod).and_then(|index| self.kept.get(&index));
        let is_kept = ends.is_none() && kept.is_some_and(|kept| Arc::ptr_eq(kept, pod));
        !is_kept && (!counts || self.note(&uid, false))
    }

    /// Notes a uid as uncounted, if there is room.
    fn note(&mut self, uid: &str, succeeded: bool) -> bool {
        if self.uncounted.0.len() + self.uncounted.1.len() >= UNCOUNTED {
            self.is_whole = false;
            return false;
        }
        let list = if succeeded { &mut self.uncounted.0 } else { &mut self.uncounted.1 };
        list.push(uid.to_owned());
        true
    }

    fn add_indexes(&mut self, job: &Job, spec: &JobSpec, tracked: &[&Arc<Pod>], ends: Option<Outcome>) {
        let bound = spec.completions.unwrap_or(0);
        let indexed = |pod: &&&Arc<Pod>| new_pod::index(pod).is_some_and(|index| index < bound);
        for pod in tracked.iter().filter(indexed).filter(|pod| pods::phase(pod) == Phase::Succeeded) {
            self.succeeded_indexes.extend(new_pod::index(pod));
        }
        let Some(limit) = spec.backoff_limit_per_index else { return };
        // A Pod that is deleted because the Job ends says nothing of its index.
        let failed =
            |pod: &&&Arc<Pod>| policy::has_failed(job, pod) && !(ends.is_some() && pods::is_deleting(pod));
        for pod in tracked.iter().filter(indexed).filter(failed) {
            let Some(index) = new_pod::index(pod).filter(|index| !self.succeeded_indexes.contains(index))
            else {
                continue;
            };
            let meaning = policy::meaning(job, pod);
            let exceeds = meaning != Meaning::Ignored && new_pod::failures(pod) >= limit;
            if meaning == Meaning::FailsIndex || exceeds {
                self.failed_indexes.insert(index);
            }
            let kept = self.kept.get(&index).map_or(-1, |kept| new_pod::failures(kept));
            if new_pod::failures(pod) > kept {
                self.kept.insert(index, Arc::clone(pod));
            }
        }
        let replaced: Indexes = self.active.iter().filter_map(|pod| new_pod::index(pod)).collect();
        let (succeeded, failed) = (&self.succeeded_indexes, &self.failed_indexes);
        self.kept.retain(|index, _| {
            !replaced.contains(index) && !succeeded.contains(index) && !failed.contains(index)
        });
    }
}
