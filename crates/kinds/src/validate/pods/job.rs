//! Jobs and `CronJobs`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors};
use stanchion_machinery::meta;

use super::indexes;
use super::same::{self, differences};
use super::workload::{labels_of, reject_labels, spec_of};
use super::{containers, schedule, selector, template};
use crate::validate::names::{dns1123_label, domain_prefixed_path, qualified_name};
use crate::validate::place::Place;
use crate::validate::read::{
    IMMUTABLE, flag, int, items, none_or_one_of, nonnegative, one_of, part, text, unchanged,
};

/// How many indexes a Job may have before how many run and fail is limited more.
const MANY: i64 = 100_000;
/// The limit beyond that.
const MANY_LIMIT: i64 = 10_000;

/// Checks a Job that is made.
pub(super) fn create(job: &Value, errors: &mut FieldErrors) {
    check_generated(job, errors);
    let (spec, at) = spec_of(job);
    check_with_selector(spec, &at, errors);
    let completions = int(spec, "completions").filter(|completions| *completions > 0);
    if text(spec, "completionMode") == "Indexed"
        && let Some(completions) = completions
    {
        let name = meta::name(job);
        let host = format!("{name}-{}", completions - 1);
        if !dns1123_label(&host).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {host}");
            Place::new("metadata").child("name").invalid(errors, name, detail);
        }
    }
}

/// Checks that the labels and the selector that the server puts in are those it puts in.
fn check_generated(job: &Value, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(job);
    let Some(selector) = part(spec, "selector").filter(|_| !flag(spec, "manualSelector")) else { return };
    let (name, uid) = (meta::name(job), meta::uid(job));
    if uid.is_empty() {
        Place::new("metadata").child("uid").required(errors, "");
    }
    let labels = part(spec, "template").and_then(labels_of);
    let wanted = [
        ("controller-uid", uid),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
    ];
    let at_template = at.child("template");
    let at_template = at_template.child("metadata");
    for (key, value) in wanted {
        let at_labels = at_template.child("labels");
        match labels.and_then(|labels| labels.get(key)).and_then(Value::as_str) {
            None => at_labels.key(key).required(errors, format!("must be '{value}'")),
            Some(found) if found != value => {
                let shown = labels.cloned().unwrap_or_default();
                at_labels.key(key).invalid(errors, shown, format!("must be '{value}'"));
            }
            Some(_) => {}
        }
    }
    let expected: Map<String, Value> =
        wanted.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if selector::selects(selector, Some(&Value::Object(expected))).is_ok_and(|selects| !selects) {
        at.child("selector").invalid(errors, selector.clone(), "`selector` not auto-generated");
    }
}

fn check_with_selector(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    check_spec(spec, at, errors);
    let selector = part(spec, "selector");
    match selector {
        None => at.child("selector").required(errors, ""),
        Some(selector) => selector::check(selector, &at.child("selector"), errors),
    }
    let template = part(spec, "template").unwrap_or(&Value::Null);
    if selector::selects(selector.unwrap_or(&Value::Null), labels_of(template)).is_ok_and(|selects| !selects)
    {
        reject_labels(template, &at.child("template"), errors);
    }
}

fn check_spec(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for key in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        nonnegative(spec, key, at, errors);
    }
    if int(spec, "maxFailedIndexes").is_some() && int(spec, "backoffLimitPerIndex").is_none() {
        at.child("backoffLimitPerIndex").required(errors, "when maxFailedIndexes is specified");
    }
    if let Some(manager) = spec.get("managedBy").and_then(Value::as_str) {
        let at = at.child("managedBy");
        domain_prefixed_path(manager, &at, errors);
        if manager.len() > 63 {
            errors.push(FieldError::too_long(&at.path(), 63));
        }
    }
    none_or_one_of(spec, "completionMode", &["NonIndexed", "Indexed"], at, errors);
    let indexed = text(spec, "completionMode") == "Indexed";
    if indexed {
        check_indexed(spec, at, errors);
    } else if matches!(text(spec, "completionMode"), "" | "NonIndexed") {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(number) = int(spec, key) {
                at.child(key).invalid(errors, number, "requires indexed completion mode");
            }
        }
    }
    check_policies(spec, indexed, at, errors);
    let template = part(spec, "template").unwrap_or(&Value::Null);
    template::check(template, &[], &at.child("template"), errors);
    check_restart(spec, template, &at.child("template"), errors);
}

fn check_policies(spec: &Value, indexed: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    let failure = part(spec, "podFailurePolicy");
    if let Some(policy) = failure {
        check_failure_policy(spec, policy, &at.child("podFailurePolicy"), errors);
    }
    if let Some(policy) = part(spec, "successPolicy") {
        let at = at.child("successPolicy");
        if indexed {
            check_success_policy(spec, policy, &at, errors);
        } else {
            at.invalid(errors, policy.clone(), "requires indexed completion mode");
        }
    }
    let replacements: &[&str] =
        if failure.is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    none_or_one_of(spec, "podReplacementPolicy", replacements, at, errors);
}

fn check_indexed(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let [completions, parallelism, failed] =
        ["completions", "parallelism", "maxFailedIndexes"].map(|key| int(spec, key));
    let mut limit = |key: &str, number: Option<i64>, most: i64, detail: String| {
        if let Some(number) = number.filter(|number| *number > most) {
            at.child(key).invalid(errors, number, detail);
        }
    };
    let mode = "when completion mode is Indexed";
    limit("parallelism", parallelism, MANY, format!("must be less than or equal to {MANY} {mode}"));
    if let Some(completions) = completions {
        limit(
            "maxFailedIndexes",
            failed,
            completions,
            "must be less than or equal to completions".to_owned(),
        );
    }
    limit("maxFailedIndexes", failed, MANY, format!("must be less than or equal to {MANY}"));
    let Some(completions) = completions else {
        return at.child("completions").required(errors, mode);
    };
    if completions > MANY && int(spec, "backoffLimitPerIndex").is_some() {
        let detail = format!(
            "must be less than or equal to {MANY_LIMIT} when completions are above {MANY} and used with backoff limit per index"
        );
        limit("parallelism", parallelism, MANY_LIMIT, detail.clone());
        limit("maxFailedIndexes", failed, MANY_LIMIT, detail);
        if failed.is_none() {
            let detail = format!("must be specified when completions is above {MANY}");
            at.child("maxFailedIndexes").required(errors, detail);
        }
    }
}

fn check_restart(spec: &Value, template: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let policy = part(template, "spec").map_or("", |spec| text(spec, "restartPolicy"));
    let at = at.child("spec");
    let at = at.child("restartPolicy");
    match policy {
        "" | "Always" => at.required(errors, "valid values: \"OnFailure\", \"Never\""),
        "Never" => {}
        "OnFailure" => {
            if part(spec, "podFailurePolicy").is_some() {
                let detail = "only \"Never\" is supported when podFailurePolicy is specified";
                at.invalid(errors, policy, detail);
            }
        }
        other => at.not_supported(errors, other, &["OnFailure", "Never"]),
    }
}

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];

fn check_failure_policy(spec: &Value, policy: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const RULES: usize = 20;
    let rules = items(policy, "rules");
    let at = at.child("rules");
    if rules.len() > RULES {
        errors.push(FieldError::too_many(&at.path(), rules.len(), RULES));
    }
    let pod = part(spec, "template").and_then(|template| part(template, "spec")).unwrap_or(&Value::Null);
    let names = containers::names(pod);
    for (index, rule) in rules.iter().enumerate() {
        check_failure_rule(spec, rule, &names, &at.index(index), errors);
    }
}

fn check_failure_rule(
    spec: &Value,
    rule: &Value,
    names: &HashSet<&str>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    match text(rule, "action") {
        "" => {
            let detail = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]";
            at.child("action").required(errors, detail);
        }
        "FailIndex" if int(spec, "backoffLimitPerIndex").is_none() => {
            at.child("action").invalid(errors, "FailIndex", "requires the backoffLimitPerIndex to be set");
        }
        action if !ACTIONS.contains(&action) => at.child("action").not_supported(errors, action, &ACTIONS),
        _ => {}
    }
    let (codes, conditions) = (part(rule, "onExitCodes"), items(rule, "onPodConditions"));
    if let Some(codes) = codes {
        check_exit_codes(codes, names, &at.child("onExitCodes"), errors);
    }
    check_patterns(conditions, &at.child("onPodConditions"), errors);
    match (codes.is_some(), !conditions.is_empty()) {
        (true, true) => at.wrong(errors, "specifying both OnExitCodes and OnPodConditions is not supported"),
        (false, false) => at.wrong(errors, "specifying one of OnExitCodes and OnPodConditions is required"),
        (true, false) | (false, true) => {}
    }
}

fn check_patterns(patterns: &[Value], at: &Place<'_>, errors: &mut FieldErrors) {
    const PATTERNS: usize = 20;
    if patterns.len() > PATTERNS {
        errors.push(FieldError::too_many(&at.path(), patterns.len(), PATTERNS));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let at = at.index(index);
        let kind = text(pattern, "type");
        at.child("type").invalid_for(errors, kind, qualified_name(kind));
        let status = text(pattern, "status");
        if status.is_empty() {
            let detail = "valid values: [\"False\" \"True\" \"Unknown\"]";
            at.child("status").required(errors, detail);
        } else if !matches!(status, "False" | "True" | "Unknown") {
            at.child("status").not_supported(errors, status, &["False", "True", "Unknown"]);
        }
    }
}

fn check_exit_codes(codes: &Value, names: &HashSet<&str>, at: &Place<'_>, errors: &mut FieldErrors) {
    const CODES: usize = 255;
    let operator = text(codes, "operator");
    if operator.is_empty() {
        at.child("operator").required(errors, "valid values: [\"In\" \"NotIn\"]");
    } else if !matches!(operator, "In" | "NotIn") {
        at.child("operator").not_supported(errors, operator, &["In", "NotIn"]);
    }
    let container = codes.get("containerName").and_then(Value::as_str);
    if let Some(container) = container.filter(|container| !names.contains(container)) {
        let detail = "must be one of the container or initContainer names in the pod template";
        at.child("containerName").invalid(errors, container, detail);
    }
    let values = items(codes, "values");
    let at = at.child("values");
    if values.is_empty() {
        at.invalid(errors, values.to_vec(), "at least one value is required");
    } else if values.len() > CODES {
        errors.push(FieldError::too_many(&at.path(), values.len(), CODES));
    }
    let (mut seen, mut last, mut ordered) = (HashSet::new(), i64::MIN, true);
    for (index, code) in values.iter().filter_map(Value::as_i64).enumerate() {
        if operator == "In" && code == 0 {
            at.index(index).invalid(errors, code, "must not be 0 for the In operator");
        }
        if !seen.insert(code) {
            at.index(index).duplicate(errors, code);
        }
        ordered &= last <= code;
        last = code;
    }
    if !ordered {
        at.invalid(errors, values.to_vec(), "must be ordered");
    }
}

fn check_success_policy(spec: &Value, policy: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const RULES: usize = 20;
    const LENGTH: usize = 64 * 1024;
    let rules = items(policy, "rules");
    let at = at.child("rules");
    if rules.is_empty() {
        at.required(errors, "at least one rules must be specified when the successPolicy is specified");
    }
    if rules.len() > RULES {
        errors.push(FieldError::too_many(&at.path(), rules.len(), RULES));
    }
    let completions = int(spec, "completions").unwrap_or(0);
    for (index, rule) in rules.iter().enumerate() {
        let at = at.index(index);
        let listed = rule.get("succeededIndexes").and_then(Value::as_str);
        let count = int(rule, "succeededCount");
        if listed.is_none() && count.is_none() {
            at.required(errors, "at least one of succeededCount or succeededIndexes must be specified");
        }
        let total = listed.map(|listed| {
            let at = at.child("succeededIndexes");
            if listed.len() > LENGTH {
                errors.push(FieldError::too_long(&at.path(), LENGTH));
            }
            indexes::total(listed, completions).unwrap_or_else(|problem| {
                at.invalid(errors, listed, format!("error parsing succeededIndexes: {problem}"));
                0
            })
        });
        nonnegative(rule, "succeededCount", &at, errors);
        let Some(count) = count else { continue };
        let at = at.child("succeededCount");
        if count > completions {
            let detail =
                format!("must be less than or equal to {completions} (the number of specified completions)");
            at.invalid(errors, count, detail);
        }
        if let Some(total) = total.filter(|total| count > *total) {
            let detail = format!(
                "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            );
            at.invalid(errors, count, detail);
        }
    }
}

/// Checks a Job that is changed.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let suspended = is_at_rest(old);
    let (new, at) = spec_of(new);
    let (old, _) = spec_of(old);
    check_with_selector(new, &at, errors);
    let completions = (int(new, "completions"), int(old, "completions"));
    if text(new, "completionMode") != "Indexed" {
        unchanged(new, old, "completions", &at, errors);
    } else if let (Some(completions), true) = (completions.0, completions.0 != completions.1)
        && int(new, "parallelism") != Some(completions)
    {
        at.child("completions").invalid(
            errors,
            completions,
            "can only be modified in tandem with spec.parallelism",
        );
    }
    unchanged(new, old, "selector", &at, errors);
    if !same_template(part(new, "template"), part(old, "template"), suspended) {
        at.child("template").invalid(errors, new.get("template").cloned().unwrap_or_default(), IMMUTABLE);
    }
    for key in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        unchanged(new, old, key, &at, errors);
    }
}

/// Returns whether a Job is suspended and none of its Pods are there, so that what they will be may change.
fn is_at_rest(job: &Value) -> bool {
    let suspended = part(job, "spec").is_some_and(|spec| flag(spec, "suspend"));
    let status = part(job, "status").unwrap_or(&Value::Null);
    suspended && (part(status, "startTime").is_none() || has_condition(job, "Suspended"))
}

fn same_template(new: Option<&Value>, old: Option<&Value>, at_rest: bool) -> bool {
    let (Some(new), Some(old)) = (new, old) else { return new.is_none() && old.is_none() };
    differences(new, old, |key, new, old| {
        let (Some(new), Some(old)) = (new, old) else { return at_rest && key == "metadata" };
        at_rest
            && match key {
                "metadata" => {
                    differences(new, old, |key, _, _| matches!(key, "labels" | "annotations")).is_empty()
                }
                "spec" => same_pods(new, old),
                _ => false,
            }
    })
    .is_empty()
}

/// Returns whether Pods are the same but for where they run and what resources they have.
fn same_pods(new: &Value, old: &Value) -> bool {
    differences(new, old, |key, new_value, old_value| match key {
        "nodeSelector" | "tolerations" | "schedulingGates" => true,
        "containers" | "initContainers" => same::but_for(items(new, key), items(old, key), &["resources"]),
        "affinity" => {
            let null = Value::Null;
            let (new, old) = (new_value.unwrap_or(&null), old_value.unwrap_or(&null));
            differences(new, old, |key, _, _| key == "nodeAffinity").is_empty()
        }
        _ => false,
    })
    .is_empty()
}

/// Returns whether a Job has a condition.
pub(super) fn has_condition(job: &Value, kind: &str) -> bool {
    let conditions = part(job, "status").map_or(&[][..], |status| items(status, "conditions"));
    conditions.iter().any(|condition| text(condition, "type") == kind && text(condition, "status") == "True")
}

/// Checks a `CronJob`; `old` is what it was, if it was.
pub(super) fn cron_job(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let (spec, at) = spec_of(object);
    let old = old.map(|old| spec_of(old).0);
    check_schedule(spec, old, &at.child("schedule"), errors);
    nonnegative(spec, "startingDeadlineSeconds", &at, errors);
    if let Some(zone) = spec.get("timeZone").and_then(Value::as_str)
        && old.is_none_or(|old| text(old, "timeZone") != zone)
    {
        at.child("timeZone").invalid_for(errors, zone, schedule::check_zone(zone));
    }
    one_of(spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"], &at, errors);
    let job = part(spec, "jobTemplate").and_then(|template| part(template, "spec")).unwrap_or(&Value::Null);
    let at_job = at.child("jobTemplate");
    let at_job = at_job.child("spec");
    check_spec(job, &at_job, errors);
    if let Some(selector) = part(job, "selector") {
        at_job.child("selector").invalid(errors, selector.clone(), "`selector` will be auto-generated");
    }
    if flag(job, "manualSelector") {
        at_job.child("manualSelector").not_supported(errors, true, &["nil", "false"]);
    }
    nonnegative(spec, "successfulJobsHistoryLimit", &at, errors);
    nonnegative(spec, "failedJobsHistoryLimit", &at, errors);
    if old.is_none() {
        let name = meta::name(object);
        if name.len() > 52 {
            Place::new("metadata").child("name").invalid(errors, name, "must be no more than 52 characters");
        }
    }
}

fn check_schedule(spec: &Value, old: Option<&Value>, at: &Place<'_>, errors: &mut FieldErrors) {
    let found = text(spec, "schedule");
    if found.is_empty() {
        return at.required(errors, "");
    }
    if let Err(problem) = schedule::check(found) {
        at.invalid(errors, found, problem);
    }
    let may_have_zone = old.is_some_and(|old| text(old, "schedule").contains("TZ"));
    if found.contains("TZ") {
        if !may_have_zone {
            let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            at.invalid(errors, found, detail);
        } else if part(spec, "timeZone").is_some() {
            at.invalid(errors, found, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
        }
    }
}
