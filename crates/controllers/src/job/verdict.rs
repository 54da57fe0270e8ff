//! Whether a Job ends, how and why.
//!
//! ```text
//!   runs -- enough Pods succeed --> SuccessCriteriaMet -- all Pods ended, counted --> Complete
//!     \---- cannot succeed -------> FailureTarget ------- all Pods ended, counted --> Failed
//! ```

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, SuccessPolicyRule};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::indexes;
use super::tally::{Tally, is_indexed};
use crate::pods::{self, Phase};

/// How a Job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    Failed,
}

/// How and why a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    pub(super) message: String,
}

/// Returns a condition of a Job that holds.
pub(super) fn holds<'a>(job: &'a Job, kind: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions?.iter().find(|condition| condition.type_ == kind && condition.status == "True")
}

/// Returns the condition that says that a Job has ended.
pub(super) fn ended(job: &Job) -> Option<&JobCondition> {
    holds(job, "Complete").or_else(|| holds(job, "Failed"))
}

/// Returns what has been decided before.
pub(super) fn decided(job: &Job) -> Option<Verdict> {
    let verdict = |outcome, condition: &JobCondition| Verdict {
        outcome,
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
    };
    let failed = holds(job, "FailureTarget").map(|condition| verdict(Outcome::Failed, condition));
    failed.or_else(|| holds(job, "SuccessCriteriaMet").map(|condition| verdict(Outcome::Complete, condition)))
}

/// Decides whether a Job ends. What has been decided stays.
pub(super) fn verdict(
    job: &Job,
    spec: &JobSpec,
    tally: &Tally,
    all: &[Arc<Pod>],
    now: Timestamp,
) -> Option<Verdict> {
    decided(job).or_else(|| failure(job, spec, tally, all, now)).or_else(|| success(spec, tally))
}

fn failed(reason: &str, message: &str) -> Verdict {
    Verdict { outcome: Outcome::Failed, reason: reason.to_owned(), message: message.to_owned() }
}

fn failure(job: &Job, spec: &JobSpec, tally: &Tally, all: &[Arc<Pod>], now: Timestamp) -> Option<Verdict> {
    if let Some(why) = &tally.fatal {
        return Some(failed("PodFailurePolicy", why));
    }
    let limit = spec.backoff_limit.unwrap_or(6);
    if tally.failed > limit || restarts_exceed(spec, all, limit) {
        return Some(failed("BackoffLimitExceeded", "Job has reached the specified backoff limit"));
    }
    if time_left(job, spec, now).is_some_and(|left| left.is_zero()) {
        return Some(failed("DeadlineExceeded", "Job was active longer than specified deadline"));
    }
    spec.backoff_limit_per_index?;
    if spec.max_failed_indexes.is_some_and(|most| crate::numbers::amount(tally.failed_indexes.len()) > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(failed("MaxFailedIndexesExceeded", message));
    }
    let decided = crate::numbers::amount(tally.failed_indexes.len() + tally.succeeded_indexes.len());
    if !tally.failed_indexes.is_empty() && spec.completions.is_some_and(|completions| decided >= completions)
    {
        return Some(failed("FailedIndexes", "Job has failed indexes"));
    }
    None
}

/// Returns whether containers that are restarted in place have been so too often.
fn restarts_exceed(spec: &JobSpec, all: &[Arc<Pod>], limit: i32) -> bool {
    let policy = spec.template.spec.as_ref().and_then(|pod| pod.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let runs = |pod: &&Arc<Pod>| matches!(pods::phase(pod), Phase::Pending | Phase::Running);
    let restarts: i32 = all.iter().filter(runs).map(|pod| all_restarts(pod)).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn all_restarts(pod: &Pod) -> i32 {
    let Some(status) = &pod.status else { return 0 };
    let sum =
        |list: &Option<Vec<ContainerStatus>>| list.iter().flatten().map(|one| one.restart_count).sum::<i32>();
    sum(&status.init_container_statuses) + sum(&status.container_statuses)
}

/// Returns how much of its time a Job has left, zero if none, if its time is limited and running.
pub(super) fn time_left(job: &Job, spec: &JobSpec, now: Timestamp) -> Option<Duration> {
    let limit = spec.active_deadline_seconds.filter(|_| spec.suspend != Some(true))?;
    let since = job.status.as_ref()?.start_time.as_ref()?.0;
    let left = SignedDuration::from_secs(limit) - now.duration_since(since);
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

fn success(spec: &JobSpec, tally: &Tally) -> Option<Verdict> {
    let rules = spec.success_policy.iter().flat_map(|policy| &policy.rules);
    let matched = rules.enumerate().find(|(_, rule)| is_indexed(spec) && is_met(rule, spec, tally));
    let complete = |reason: &str, message: String| {
        Some(Verdict { outcome: Outcome::Complete, reason: reason.to_owned(), message })
    };
    if let Some((number, _)) = matched {
        return complete("SuccessPolicy", format!("Matched rules at index {number}"));
    }
    let enough = match spec.completions {
        Some(completions) => tally.succeeded >= completions,
        None => tally.succeeded > 0 && tally.active.is_empty(),
    };
    if !enough {
        return None;
    }
    complete("CompletionsReached", "Reached expected number of succeeded pods".to_owned())
}

fn is_met(rule: &SuccessPolicyRule, spec: &JobSpec, tally: &Tally) -> bool {
    let bound = spec.completions.unwrap_or(0);
    let wanted = rule.succeeded_indexes.as_deref().map(|text| indexes::parse(text, bound));
    let succeeded = &tally.succeeded_indexes;
    let counted = match &wanted {
        Some(wanted) => succeeded.intersection(wanted).count(),
        None => succeeded.len(),
    };
    let needed = match (rule.succeeded_count, &wanted) {
        (Some(count), _) => usize::try_from(count).unwrap_or(0),
        (None, Some(wanted)) => wanted.len(),
        (None, None) => return false,
    };
    counted >= needed
}
