//! Autoscalers and scales.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::{non_negative, object_reference, supported};
use super::quantities::{amount, container_resource_name, is_positive};
use super::read::{get, int, int_or_zero, is_set, list, spec, text};

const METRIC_TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
/// The field of each sort of metric, in the order they are looked at.
const METRIC_FIELDS: [&str; 5] = ["object", "external", "pods", "resource", "containerResource"];
const WINDOW_MAX: i64 = 3600;
const PERIOD_MAX: i64 = 1800;

/// Checks the number of replicas of a scale.
pub(super) fn scale(object: &Value, errors: &mut FieldErrors) {
    non_negative(errors, &Path::new("spec.replicas"), int(spec(object), "replicas"));
}

/// Checks an autoscaler of either version; the one before may have had no replicas at all.
pub(super) fn autoscaler(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let spec = spec(object);
    let path = Path::new("spec");
    let least = i64::from(old.is_none_or(|old| int(get(old, "spec"), "minReplicas") != Some(0)));
    let (min, max) = (int(spec, "minReplicas"), int_or_zero(spec, "maxReplicas"));
    if let Some(min) = min.filter(|min| *min < least) {
        let why = format!("must be greater than or equal to {least}");
        errors.push(FieldError::invalid(&path.child("minReplicas"), min, why));
    }
    if max < 1 {
        errors.push(FieldError::invalid(&path.child("maxReplicas"), max, "must be greater than 0"));
    }
    if min.is_some_and(|min| max < min) {
        let why = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid(&path.child("maxReplicas"), max, why));
    }
    object_reference(errors, &path.child("scaleTargetRef"), get(spec, "scaleTargetRef"));
    metrics(spec, min, &path.child("metrics"), errors);
    for direction in ["scaleUp", "scaleDown"] {
        let rules = get(get(spec, "behavior"), direction);
        if !rules.is_null() {
            scaling_rules(rules, &path.child("behavior").child(direction), errors);
        }
    }
}

/// Checks what the controller says of an autoscaler.
pub(super) fn status(object: &Value, errors: &mut FieldErrors) {
    for key in ["currentReplicas", "desiredReplicas"] {
        non_negative(errors, &Path::new("status").child(key), int(get(object, "status"), key));
    }
}

fn metrics(spec: &Value, min: Option<i64>, path: &Path, errors: &mut FieldErrors) {
    if let Some(share) = int(spec, "targetCPUUtilizationPercentage").filter(|share| *share < 1) {
        let path = path.index(0).child("resource").child("target").child("averageUtilization");
        errors.push(FieldError::invalid(&path, share, "must be greater than 0"));
    }
    let mut can_be_idle = false;
    for (i, metric) in list(spec, "metrics").iter().enumerate() {
        check_metric(metric, &path.index(i), errors);
        can_be_idle |= matches!(text(metric, "type"), "Object" | "External");
    }
    if min == Some(0) && !can_be_idle {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(FieldError::forbidden(path, why));
    }
}

fn check_metric(metric: &Value, path: &Path, errors: &mut FieldErrors) {
    let kind = text(metric, "type");
    if kind.is_empty() {
        errors.push(FieldError::required(&path.child("type"), "must specify a metric source type"));
    }
    supported(errors, &path.child("type"), kind, &METRIC_TYPES);
    let present: Vec<&str> = METRIC_FIELDS.into_iter().filter(|field| is_set(metric, field)).collect();
    if let Some(first) = present.first() {
        source(get(metric, first), first, &path.child(first), errors);
    }
    let expected = match kind {
        "Object" => "object",
        "Pods" => "pods",
        "Resource" => "resource",
        "External" => "external",
        "ContainerResource" => "containerResource",
        _ => "",
    };
    if !expected.is_empty() && !present.contains(&expected) {
        let why = "must populate information for the given metric source";
        errors.push(FieldError::required(&path.child(expected), why));
    }
    if present.len() != 1 {
        for other in present.into_iter().filter(|field| *field != expected) {
            let why = "must populate the given metric source only";
            errors.push(FieldError::forbidden(&path.child(other), why));
        }
    }
}

fn source(source: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let target_of = get(source, "target");
    let at = path.child("target");
    let has = |key| is_set(target_of, key);
    match kind {
        "object" => {
            object_reference(errors, &path.child("describedObject"), get(source, "describedObject"));
            identifier(source, path, errors);
            target(target_of, &at, errors);
            if !has("value") && !has("averageValue") {
                let why = "must set either a target value or averageValue";
                errors.push(FieldError::required(&at.child("averageValue"), why));
            }
        }
        "external" => {
            identifier(source, path, errors);
            target(target_of, &at, errors);
            if !has("value") && !has("averageValue") {
                let why = "must set either a target value for metric or a per-pod target";
                errors.push(FieldError::required(&at.child("averageValue"), why));
            }
            if has("value") && has("averageValue") {
                let why = "may not set both a target value for metric and a per-pod target";
                errors.push(FieldError::forbidden(&at.child("value"), why));
            }
        }
        "pods" => {
            identifier(source, path, errors);
            target(target_of, &at, errors);
            if !has("averageValue") {
                let why = "must specify a positive target averageValue";
                errors.push(FieldError::required(&at.child("averageValue"), why));
            }
        }
        _ => resource_source(source, kind, path, errors),
    }
}

fn resource_source(source: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let resource = text(source, "name");
    if resource.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "must specify a resource name"));
    } else if kind == "containerResource" {
        container_resource_name(errors, &path.child("name"), resource);
    }
    if kind == "containerResource" {
        let container = text(source, "container");
        if container.is_empty() {
            errors.push(FieldError::required(&path.child("container"), "must specify a container"));
        } else {
            super::checks::each(errors, &path.child("container"), container, name::dns1123_label(container));
        }
    }
    let target_of = get(source, "target");
    let path = path.child("target");
    target(target_of, &path, errors);
    let (share, value) = (is_set(target_of, "averageUtilization"), is_set(target_of, "averageValue"));
    if !share && !value {
        let why = "must set either a target raw value or a target utilization";
        errors.push(FieldError::required(&path.child("averageUtilization"), why));
    }
    if share && value {
        let why = "may not set both a target raw value and a target utilization";
        errors.push(FieldError::forbidden(&path.child("averageValue"), why));
    }
}

fn identifier(source: &Value, path: &Path, errors: &mut FieldErrors) {
    let path = path.child("metric").child("name");
    let name = text(get(source, "metric"), "name");
    if name.is_empty() {
        errors.push(FieldError::required(&path, "must specify a metric name"));
    } else {
        super::checks::each(errors, &path, name, name::path_segment_name(name));
    }
}

fn target(target: &Value, path: &Path, errors: &mut FieldErrors) {
    let kind = text(target, "type");
    if kind.is_empty() {
        errors.push(FieldError::required(&path.child("type"), "must specify a metric target type"));
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let why = "must be either Utilization, Value, or AverageValue";
        errors.push(FieldError::invalid(&path.child("type"), kind, why));
    }
    for key in ["value", "averageValue"] {
        let value = get(target, key);
        if !value.is_null() && !is_positive(value) {
            let shown = amount(value).to_string();
            errors.push(FieldError::invalid(&path.child(key), shown, "must be positive"));
        }
    }
    if let Some(share) = int(target, "averageUtilization").filter(|share| *share < 1) {
        let path = path.child("averageUtilization");
        errors.push(FieldError::invalid(&path, share, "must be greater than 0"));
    }
}

fn scaling_rules(rules: &Value, path: &Path, errors: &mut FieldErrors) {
    if let Some(window) = int(rules, "stabilizationWindowSeconds") {
        let path = path.child("stabilizationWindowSeconds");
        if window < 0 {
            errors.push(FieldError::invalid(&path, window, "must be greater than or equal to zero"));
        }
        if window > WINDOW_MAX {
            let why = format!("must be less than or equal to {WINDOW_MAX}");
            errors.push(FieldError::invalid(&path, window, why));
        }
    }
    if let Some(policy) = get(rules, "selectPolicy").as_str() {
        supported(errors, &path.child("selectPolicy"), policy, &["Disabled", "Max", "Min"]);
    }
    let tolerance = get(rules, "tolerance");
    if !tolerance.is_null() && amount(tolerance).is_negative() {
        let shown = amount(tolerance).to_string();
        let why = "must be greater or equal to zero";
        errors.push(FieldError::invalid(&path.child("tolerance"), shown, why));
    }
    let path = path.child("policies");
    let policies = list(rules, "policies");
    if policies.is_empty() {
        errors.push(FieldError::required(&path, "must specify at least one Policy"));
    }
    for (i, policy) in policies.iter().enumerate() {
        let path = path.index(i);
        supported(errors, &path.child("type"), text(policy, "type"), &["Percent", "Pods"]);
        for key in ["value", "periodSeconds"] {
            let value = int_or_zero(policy, key);
            if value <= 0 {
                errors.push(FieldError::invalid(&path.child(key), value, "must be greater than zero"));
            }
        }
        let period = int_or_zero(policy, "periodSeconds");
        if period > PERIOD_MAX {
            let why = format!("must be less than or equal to {PERIOD_MAX}");
            errors.push(FieldError::invalid(&path.child("periodSeconds"), period, why));
        }
    }
}
