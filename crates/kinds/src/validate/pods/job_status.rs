//! Statuses of Jobs.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::time;

use super::indexes;
use super::job::has_condition;
use crate::validate::place::Place;
use crate::validate::read::{flag, int, items, nonnegative, part, text};

/// Which conditions a Job has.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition of its own, and all combinations occur"
)]
struct Ends {
    complete: bool,
    failed: bool,
    will_fail: bool,
    will_succeed: bool,
}

impl Ends {
    fn of(job: &Value) -> Self {
        Self {
            complete: has_condition(job, "Complete"),
            failed: has_condition(job, "Failed"),
            will_fail: has_condition(job, "FailureTarget"),
            will_succeed: has_condition(job, "SuccessCriteriaMet"),
        }
    }
}

/// Checks a change of the status of a Job. What the server tolerates because it was so before passes.
pub(super) fn update(new_job: &Value, old_job: &Value, errors: &mut FieldErrors) {
    let at = Place::new("status");
    let [new, old] = [new_job, old_job].map(|job| part(job, "status").unwrap_or(&Value::Null));
    for key in ["active", "succeeded", "failed", "ready", "terminating"] {
        nonnegative(new, key, &at, errors);
    }
    check_uncounted(new, &at.child("uncountedTerminatedPods"), errors);
    let (is, was) = (Ends::of(new_job), Ends::of(old_job));
    check_conditions(&is, &was, &at.child("conditions"), errors);
    check_times(new_job, (new, old), (&is, &was), &at, errors);
    if (is.complete || is.failed) && !(was.complete || was.failed) {
        check_finished(new, &at, errors);
    }
    check_indexes(new_job, new, old, &at, errors);
    let (ready, active) = (int(new, "ready"), int(new, "active").unwrap_or(0));
    let changed = ready != int(old, "ready") || active != int(old, "active").unwrap_or(0);
    if let Some(ready) = ready.filter(|ready| changed && *ready > active) {
        at.child("ready").invalid(errors, ready, "cannot set more ready pods than active");
    }
}

fn check_uncounted(status: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(pods) = part(status, "uncountedTerminatedPods") else { return };
    let mut seen = HashSet::new();
    for key in ["succeeded", "failed"] {
        for (index, uid) in items(pods, key).iter().filter_map(Value::as_str).enumerate() {
            if uid.is_empty() {
                at.child(key).index(index).invalid(errors, uid, "must not be empty");
            } else if !seen.insert(uid) {
                at.child(key).index(index).duplicate(errors, uid);
            }
        }
    }
}

fn check_conditions(is: &Ends, was: &Ends, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut reject = |wrong: bool, detail: &str| {
        if wrong {
            at.wrong(errors, detail);
        }
    };
    let completes = is.complete && !was.complete;
    let fails = is.failed && !was.failed;
    reject(
        is.complete && is.failed && (completes || fails),
        "cannot set Complete=True and Failed=true conditions",
    );
    reject(completes && is.will_fail, "cannot set Complete=True and FailureTarget=true conditions");
    reject(
        fails && !is.will_fail,
        "cannot set Failed=True condition without the FailureTarget=true condition",
    );
    reject(
        completes && !is.will_succeed,
        "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    );
    reject(is.will_succeed && is.failed, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    reject(
        is.will_succeed && is.will_fail,
        "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
    );
    reject(was.failed && !is.failed, "cannot disable the terminal Failed=True condition");
    reject(was.complete && !is.complete, "cannot disable the terminal Complete=True condition");
    reject(was.will_fail && !is.will_fail, "cannot disable the terminal FailureTarget=True condition");
    reject(was.will_succeed && !is.will_succeed, "cannot disable the SuccessCriteriaMet=True condition");
    reject(
        was.complete && !was.will_succeed && is.will_succeed,
        "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
    );
}

fn check_times(
    job: &Value,
    (new, old): (&Value, &Value),
    (is, was): (&Ends, &Ends),
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let (start, end) = (part(new, "startTime"), part(new, "completionTime"));
    let (old_start, old_end) = (part(old, "startTime"), part(old, "completionTime"));
    let moment = |value: Option<&Value>| value.and_then(Value::as_str).and_then(time::parse);
    let at_end = at.child("completionTime");
    let changed = is.complete != was.complete || end != old_end;
    match end {
        None if is.complete && changed => {
            at_end.required(errors, "completionTime is required for Complete jobs");
        }
        Some(end) if !is.complete && changed => {
            let detail = "cannot set completionTime when there is no Complete=True condition";
            at_end.invalid(errors, end.clone(), detail);
        }
        Some(_) | None => {}
    }
    if let (Some(started), Some(ended)) = (moment(start), moment(end))
        && ended < started
        && (end != old_end || start != old_start)
    {
        let detail = "completionTime cannot be set before startTime";
        at_end.invalid(errors, end.cloned().unwrap_or_default(), detail);
    }
    if let (Some(end), Some(old_end)) = (end, old_end)
        && end != old_end
    {
        at_end.invalid(errors, end.clone(), "completionTime cannot be mutated");
    }
    let suspended = part(job, "spec").is_some_and(|spec| flag(spec, "suspend"));
    if old_start.is_some() && old_start != start && !suspended {
        at.child("startTime").required(errors, "startTime cannot be removed for unsuspended job");
    }
    for (key, detail) in [
        ("failed", "cannot decrease the failed counter"),
        ("succeeded", "cannot decrease the succeeded counter"),
    ] {
        let count = int(new, key).unwrap_or(0);
        if count < int(old, key).unwrap_or(0) {
            at.child(key).invalid(errors, count, detail);
        }
    }
}

/// Checks a Job that ends with this change.
fn check_finished(status: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(active) = int(status, "active").filter(|active| *active > 0) {
        at.child("active").invalid(errors, active, "active>0 is invalid for finished job");
    }
    if part(status, "startTime").is_none() {
        at.child("startTime").required(errors, "startTime is required for finished job");
    }
    if let Some(pods) = part(status, "uncountedTerminatedPods")
        && !(items(pods, "failed").is_empty() && items(pods, "succeeded").is_empty())
    {
        let detail = "uncountedTerminatedPods needs to be empty for finished job";
        at.child("uncountedTerminatedPods").invalid(errors, pods.clone(), detail);
    }
    if let Some(ending) = int(status, "terminating").filter(|ending| *ending > 0) {
        at.child("terminating").invalid(errors, ending, "terminating>0 is invalid for finished job");
    }
}

fn check_indexes(job: &Value, new: &Value, old: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let spec = part(job, "spec").unwrap_or(&Value::Null);
    let indexed = text(spec, "completionMode") == "Indexed";
    let completed = text(new, "completedIndexes");
    let failed = new.get("failedIndexes").and_then(Value::as_str);
    let completed_changed = completed != text(old, "completedIndexes");
    let failed_changed = failed != old.get("failedIndexes").and_then(Value::as_str);
    let at_completed = at.child("completedIndexes");
    let at_failed = at.child("failedIndexes");
    if completed_changed && !completed.is_empty() && !indexed {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        at_completed.invalid(errors, completed, detail);
    }
    let per_index = int(spec, "backoffLimitPerIndex").is_some();
    if let Some(failed) = failed.filter(|_| failed_changed && !per_index) {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        at_failed.invalid(errors, failed, detail);
    }
    let Some(completions) = int(spec, "completions").filter(|_| indexed) else { return };
    if completed_changed && let Err(problem) = indexes::total(completed, completions) {
        at_completed.invalid(errors, completed, format!("error parsing completedIndexes: {problem}"));
    }
    let Some(failed) = failed else { return };
    if failed_changed
        && per_index
        && let Err(problem) = indexes::total(failed, completions)
    {
        at_failed.invalid(errors, failed, format!("error parsing failedIndexes: {problem}"));
    }
    if (failed_changed || completed_changed)
        && let Some(index) = indexes::overlap(completed, failed, completions)
    {
        let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
        at_failed.invalid(errors, failed, detail);
    }
}
