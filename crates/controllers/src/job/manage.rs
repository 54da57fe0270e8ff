//! Which Pods a Job that goes on is to make or to delete.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::indexes::Indexes;
use super::policy::{self, Meaning};
use super::tally::{Tally, is_indexed};
use super::{backoff, new_pod};
use crate::numbers::amount;
use crate::pod_control::BURST;
use crate::rank::least_wanted;

/// What is to be done about the Pods of a Job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Nothing, for now.
    Wait(Option<Duration>),
    /// To make Pods.
    Create(Vec<Pod>),
    /// To delete Pods that do not count as failed for that.
    Dismiss(Vec<Arc<Pod>>),
    /// To delete Pods because the Job ends.
    End(Vec<Arc<Pod>>),
}

/// Decides which Pods to make or to delete.
pub(super) fn manage(job: &Job, spec: &JobSpec, tally: &Tally, all: &[Arc<Pod>], now: Timestamp) -> Action {
    if spec.suspend == Some(true) {
        return dismiss(tally.active.clone());
    }
    let wanted = wanted(spec, tally);
    let active = amount(tally.active.len());
    let surplus = surplus(spec, tally, usize::try_from(active - wanted).unwrap_or(0), now);
    if !surplus.is_empty() {
        return dismiss(surplus);
    }
    let ending = if policy::waits_for_end(job) { tally.terminating } else { 0 };
    let missing = usize::try_from(wanted - active - ending).unwrap_or(0).min(BURST);
    if missing == 0 {
        return Action::Wait(None);
    }
    if spec.backoff_limit_per_index.is_some() {
        return create_by_index(job, spec, tally, missing, now);
    }
    if let Some(left) = backoff::remaining(all, |pod| policy::has_failed(job, pod), now) {
        return Action::Wait(Some(left));
    }
    if is_indexed(spec) {
        let open = open_indexes(spec, tally);
        return Action::Create(
            open.take(missing).map(|index| new_pod::new(job, Some(index), None)).collect(),
        );
    }
    Action::Create(vec![new_pod::new(job, None, None); missing])
}

fn dismiss(mut pods: Vec<Arc<Pod>>) -> Action {
    pods.truncate(BURST);
    if pods.is_empty() { Action::Wait(None) } else { Action::Dismiss(pods) }
}

/// Returns how many Pods are to run now.
fn wanted(spec: &JobSpec, tally: &Tally) -> i32 {
    let parallelism = spec.parallelism.unwrap_or(1);
    match spec.completions {
        // After the first success the others end by themselves.
        None if tally.succeeded > 0 => amount(tally.active.len()).min(parallelism),
        None => parallelism,
        Some(completions) => {
            let left = completions - tally.succeeded - amount(tally.failed_indexes.len());
            left.clamp(0, parallelism)
        }
    }
}

/// Returns active Pods that are to go: those without a use of their index, and as many as are too many.
fn surplus(spec: &JobSpec, tally: &Tally, count: usize, now: Timestamp) -> Vec<Arc<Pod>> {
    let mut ranked = least_wanted(&tally.active, &[], tally.active.len(), now);
    if !is_indexed(spec) {
        ranked.truncate(count);
        return ranked;
    }
    let bound = spec.completions.unwrap_or(0);
    let mut taken = Indexes::new();
    let (mut useless, mut useful) = (Vec::new(), Vec::new());
    // The most wanted Pod of an index keeps it.
    for pod in ranked.into_iter().rev() {
        let index = new_pod::index(&pod).filter(|index| *index < bound);
        let index = index.filter(|index| {
            !tally.succeeded_indexes.contains(index) && !tally.failed_indexes.contains(index)
        });
        if index.is_some_and(|index| taken.insert(index)) {
            useful.push(pod);
        } else {
            useless.push(pod);
        }
    }
    let more = count.saturating_sub(useless.len());
    useless.extend(useful.into_iter().rev().take(more));
    useless
}

/// Returns the indexes that nobody works on, lowest first.
fn open_indexes<'a>(spec: &JobSpec, tally: &'a Tally) -> impl Iterator<Item = i32> + use<'a> {
    let active: Indexes = tally.active.iter().filter_map(|pod| new_pod::index(pod)).collect();
    (0..spec.completions.unwrap_or(0)).filter(move |index| {
        !active.contains(index)
            && !tally.succeeded_indexes.contains(index)
            && !tally.failed_indexes.contains(index)
    })
}

/// Makes Pods of indexes that have waited long enough since their last failure.
fn create_by_index(job: &Job, spec: &JobSpec, tally: &Tally, missing: usize, now: Timestamp) -> Action {
    let (mut pods, mut waits) = (Vec::new(), Vec::new());
    for index in open_indexes(spec, tally) {
        let mut failures = 0;
        if let Some(last) = tally.kept.get(&index) {
            failures = new_pod::failures(last);
            if policy::meaning(job, last) != Meaning::Ignored {
                failures += 1;
            }
            let ended = backoff::ended_at(last).unwrap_or(now);
            if let Some(left) = backoff::after(u32::try_from(failures.max(1)).unwrap_or(1), ended, now) {
                waits.push(left);
                continue;
            }
        }
        pods.push(new_pod::new(job, Some(index), Some(failures)));
        if pods.len() == missing {
            break;
        }
    }
    if pods.is_empty() { Action::Wait(waits.into_iter().min()) } else { Action::Create(pods) }
}
