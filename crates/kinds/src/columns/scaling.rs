//! The columns of what sets how many Pods there are, and of what bounds how many may go.

use serde_json::Value;

use super::read::{Read, Shortened, scalar};
use super::{Column, Columns, age};

/// What is printed for a measurement there is none of.
const UNMEASURED: &str = "<unknown>";
/// What is printed for a quantity that should be there and is not.
const NIL: &str = "<nil>";

/// Returns the columns of a kind of this file.
pub(super) fn of(group: &str, kind: &str) -> Option<&'static Columns> {
    Some(match (group, kind) {
        ("autoscaling", "Scale") => &SCALE,
        ("autoscaling", "HorizontalPodAutoscaler") => &AUTOSCALER,
        ("policy", "PodDisruptionBudget") => &BUDGET,
        _ => return None,
    })
}

static SCALE: Columns = Columns::known(
    &[
        Column::text("Name", "The name of the object that is scaled."),
        Column::integer("Desired", "How many Pods it wants."),
        Column::integer("Available", "How many Pods there are."),
        Column::age(),
    ],
    |scale, now| {
        vec![
            scale.text("metadata.name").into(),
            scale.int("spec.replicas").into(),
            scale.int("status.replicas").into(),
            age::of(scale, now).into(),
        ]
    },
);

static BUDGET: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Min Available", "How many Pods must stay available."),
        Column::text("Max Unavailable", "How many Pods may be unavailable."),
        Column::integer("Allowed Disruptions", "How many Pods may be disrupted now."),
        Column::age(),
    ],
    |budget, now| {
        vec![
            budget.text("metadata.name").into(),
            scalar(budget.at("spec.minAvailable"), "N/A").into(),
            scalar(budget.at("spec.maxUnavailable"), "N/A").into(),
            budget.int("status.disruptionsAllowed").into(),
            age::of(budget, now).into(),
        ]
    },
);

static AUTOSCALER: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Reference", "What it scales."),
        Column::text("Targets", "What is measured, and what it should be."),
        Column::text("MinPods", "How many Pods there are at least."),
        Column::text("MaxPods", "How many Pods there are at most."),
        Column::text("Replicas", "How many Pods there are."),
        Column::age(),
    ],
    |autoscaler, now| {
        let target = autoscaler.at("spec.scaleTargetRef");
        vec![
            autoscaler.text("metadata.name").into(),
            format!("{}/{}", target.text("kind"), target.text("name")).into(),
            targets(autoscaler).into(),
            scalar(autoscaler.at("spec.minReplicas"), "<unset>").into(),
            autoscaler.int("spec.maxReplicas").into(),
            autoscaler.int("status.currentReplicas").into(),
            age::of(autoscaler, now).into(),
        ]
    },
);

fn targets(autoscaler: &Value) -> String {
    // The first version of the kind knows one target only.
    let cpu = autoscaler.at("spec.targetCPUUtilizationPercentage");
    if cpu.is_i64() {
        let current = percent(autoscaler.at("status.currentCPUUtilizationPercentage"), UNMEASURED);
        return format!("cpu: {current}/{cpu}%");
    }
    let (metrics, measured) = (autoscaler.list("spec.metrics"), autoscaler.list("status.currentMetrics"));
    let mut shown = Shortened::new(2);
    for (index, metric) in metrics.iter().enumerate() {
        shown.add(|| metric_target(metric, measured.get(index).unwrap_or(&Value::Null)));
    }
    shown.join(", ", "<none>")
}

fn metric_target(metric: &Value, measured: &Value) -> String {
    match metric.text("type") {
        "External" => value_target(metric.at("external.target"), measured.at("external")),
        "Object" => value_target(metric.at("object.target"), measured.at("object")),
        "Pods" => {
            let current = average(measured.at("pods"));
            format!("{current}/{}", scalar(metric.at("pods.target.averageValue"), NIL))
        }
        "Resource" => resource_target(metric.at("resource"), measured.at("resource")),
        "ContainerResource" => {
            resource_target(metric.at("containerResource"), measured.at("containerResource"))
        }
        _ => "<unknown type>".to_owned(),
    }
}

fn value_target(target: &Value, measured: &Value) -> String {
    let average = target.at("averageValue");
    if !average.is_null() {
        let current = scalar(measured.at("current.averageValue"), UNMEASURED);
        return format!("{current}/{} (avg)", scalar(average, NIL));
    }
    let missing = if measured.is_object() { NIL } else { UNMEASURED };
    format!("{}/{}", scalar(measured.at("current.value"), missing), scalar(target.at("value"), NIL))
}

fn resource_target(metric: &Value, measured: &Value) -> String {
    let (name, wanted) = (metric.text("name"), metric.at("target.averageValue"));
    if !wanted.is_null() {
        return format!("{name}: {}/{}", average(measured), scalar(wanted, NIL));
    }
    let current = percent(measured.at("current.averageUtilization"), UNMEASURED);
    format!("{name}: {current}/{}", percent(metric.at("target.averageUtilization"), "<auto>"))
}

fn average(measured: &Value) -> String {
    let missing = if measured.is_object() { NIL } else { UNMEASURED };
    scalar(measured.at("current.averageValue"), missing)
}

fn percent(value: &Value, missing: &str) -> String {
    value.as_i64().map_or_else(|| missing.to_owned(), |number| format!("{number}%"))
}
