//! Disruption budgets, leases and priorities.

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::meta;

use super::checks::{conditions, count_or_share, immutable, non_negative, positive, selector, supported};
use super::read::{get, int, int_or_zero, is_set, spec, text};

/// The largest value of a priority that is not the system's.
const PRIORITY_MAX: i64 = 1_000_000_000;
const SYSTEM: &str = "system-";

/// Checks a disruption budget.
pub(super) fn budget(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    let path = Path::new("spec");
    if is_set(spec, "minAvailable") && is_set(spec, "maxUnavailable") {
        let shown = json!({
            "MinAvailable": get(spec, "minAvailable"),
            "Selector": get(spec, "selector"),
            "MaxUnavailable": get(spec, "maxUnavailable"),
            "UnhealthyPodEvictionPolicy": get(spec, "unhealthyPodEvictionPolicy"),
        });
        errors.push(FieldError::invalid(&path, shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    for key in ["minAvailable", "maxUnavailable"] {
        if is_set(spec, key) {
            count_or_share(errors, &path.child(key), get(spec, key));
        }
    }
    selector(errors, &path, spec, "selector");
    if let Some(policy) = get(spec, "unhealthyPodEvictionPolicy").as_str() {
        let known = ["AlwaysAllow", "IfHealthyBudget"];
        supported(errors, &path.child("unhealthyPodEvictionPolicy"), policy, &known);
    }
}

/// Checks what the controller says of a disruption budget.
pub(super) fn budget_status(object: &Value, errors: &mut FieldErrors) {
    let status = get(object, "status");
    let path = Path::new("status");
    conditions(errors, &path, status);
    for key in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
        non_negative(errors, &path.child(key), int(status, key));
    }
}

/// Checks the duration and the count of a lease.
pub(super) fn lease(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    let duration = int(spec, "leaseDurationSeconds");
    if duration.is_some_and(|duration| duration <= 0) {
        positive(errors, &Path::new("spec.leaseDurationSeconds"), duration);
    }
    let transitions = int(spec, "leaseTransitions");
    if transitions.is_some_and(|transitions| transitions < 0) {
        non_negative(errors, &Path::new("spec.leaseTransitions"), transitions);
    }
}

/// Checks a priority class.
pub(super) fn priority(object: &Value, errors: &mut FieldErrors) {
    let (name, value) = (meta::name(object), int_or_zero(object, "value"));
    if name.starts_with(SYSTEM) {
        if let Some(why) = system_priority(name, value, get(object, "globalDefault") == &Value::Bool(true)) {
            let why = format!(
                "priority class names with '{SYSTEM}' prefix are reserved for system use only. error: {why}"
            );
            errors.push(FieldError::forbidden(&Path::new("metadata.name"), why));
        }
    } else if value > PRIORITY_MAX {
        let why = format!("maximum allowed value of a user defined priority is {PRIORITY_MAX}");
        errors.push(FieldError::forbidden(&Path::new("value"), why));
    }
    let path = Path::new("preemptionPolicy");
    match get(object, "preemptionPolicy").as_str() {
        Some("") => errors.push(FieldError::required(&path, "")),
        Some(policy) => supported(errors, &path, policy, &["PreemptLowerPriority", "Never"]),
        None => {}
    }
}

fn system_priority(name: &str, value: i64, is_default: bool) -> Option<String> {
    let expected = match name {
        "system-node-critical" => 2_000_001_000,
        "system-cluster-critical" => 2_000_000_000,
        _ => return Some(format!("{name} is not a known system priority class")),
    };
    if value != expected {
        Some(format!("value of {name} PriorityClass must be {expected}"))
    } else if is_default {
        Some(format!("globalDefault of {name} PriorityClass must be false"))
    } else {
        None
    }
}

/// Checks what must not change when a priority class is updated.
pub(super) fn priority_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    if int_or_zero(new, "value") != int_or_zero(old, "value") {
        errors.push(FieldError::forbidden(&Path::new("value"), "may not be changed in an update."));
    }
    let (is, was) = (get(new, "preemptionPolicy"), get(old, "preemptionPolicy"));
    if text(new, "preemptionPolicy") != text(old, "preemptionPolicy") {
        immutable(errors, &Path::new("preemptionPolicy"), is, was);
    }
}
