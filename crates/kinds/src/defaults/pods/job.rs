//! Defaults of Jobs and of what makes them.

use serde_json::{Map, Value};

use super::workload::inherit_labels;
use super::{absent, blank, each, made, part, template};

/// Fills in a Job.
pub(super) fn job(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    if !spec.contains_key("parallelism") {
        absent(spec, "completions", 1);
        absent(spec, "parallelism", 1);
    }
    let limit = if spec.contains_key("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    absent(spec, "backoffLimit", limit);
    absent(spec, "completionMode", "NonIndexed");
    absent(spec, "suspend", false);
    absent(spec, "manualSelector", false);
    let policy = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    absent(spec, "podReplacementPolicy", policy);
    fill_pods(spec);
    let labels = spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
    if let Some(labels) = labels {
        inherit_labels(object, labels);
    }
}

/// Fills in a `CronJob`. The Job inside is filled in when it is made, except for what it says of its Pods.
pub(super) fn cron_job(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    blank(spec, "concurrencyPolicy", "Allow");
    absent(spec, "suspend", false);
    absent(spec, "successfulJobsHistoryLimit", 3);
    absent(spec, "failedJobsHistoryLimit", 1);
    if let Some(template) = made(spec, "jobTemplate") {
        // Not pointers in Go, so they are written even when they are empty.
        made(template, "metadata");
        if let Some(spec) = made(template, "spec") {
            fill_pods(spec);
        }
    }
}

fn fill_pods(spec: &mut Map<String, Value>) {
    if let Some(policy) = part(spec, "podFailurePolicy") {
        for rule in each(policy, "rules") {
            for pattern in each(rule, "onPodConditions") {
                blank(pattern, "status", "True");
            }
        }
    }
    template::fill_in(spec);
}
