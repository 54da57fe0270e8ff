//! Limit ranges and resource quotas.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;
use stanchion_machinery::quantity::Quantity;

use super::checks::each;
use super::quantities::{
    amount, can_overcommit, container_resource_name, is_quota, of_resource, quota_resource_name,
    resource_name,
};
use super::read::{entries, get, is_set, list, spec, strings, text};

const CONFLICTS: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];
const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
/// Above this, ratios are compared by whole numbers.
const MILLI_MAX: i64 = i64::MAX / 1000;

/// Checks a limit range.
pub(super) fn limit_range(object: &Value, errors: &mut FieldErrors) {
    let mut types = HashSet::new();
    for (i, limit) in list(spec(object), "limits").iter().enumerate() {
        let path = Path::new("spec.limits").index(i);
        let kind = text(limit, "type");
        limit_type(kind, &path.child("type"), errors);
        if !types.insert(kind) {
            errors.push(FieldError::duplicate(&path.child("type"), kind));
        }
        limit_names(limit, kind, &path, errors);
        let mut fields = vec!["max", "min", "maxLimitRequestRatio"];
        if kind != "Pod" {
            fields.extend(["default", "defaultRequest"]);
        }
        let resources: BTreeSet<&str> =
            fields.iter().flat_map(|field| entries(limit, field)).map(|(resource, _)| resource).collect();
        for resource in resources {
            limits_of(limit, kind, resource, &path, errors);
        }
    }
}

fn limit_type(kind: &str, path: &Path, errors: &mut FieldErrors) {
    let problems = name::qualified_name(kind);
    if !problems.is_empty() {
        each(errors, path, kind, problems);
    } else if !kind.contains('/') && !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") {
        let why = "must be a standard limit type or fully qualified";
        errors.push(FieldError::invalid(path, kind, why));
    }
}

fn limit_names(limit: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let names = |field: &str, errors: &mut FieldErrors| {
        for (resource, _) in entries(limit, field) {
            let path = path.child(field).key(resource);
            if matches!(kind, "Pod" | "Container") {
                container_resource_name(errors, &path, resource);
            } else {
                resource_name(errors, &path, resource);
            }
        }
    };
    names("max", errors);
    names("min", errors);
    for field in ["default", "defaultRequest"] {
        if kind != "Pod" {
            names(field, errors);
        } else if entries(limit, field).next().is_some() {
            errors
                .push(FieldError::forbidden(&path.child(field), "may not be specified when `type` is 'Pod'"));
        }
    }
    let has_storage = |field| is_set(get(limit, field), "storage");
    if kind == "PersistentVolumeClaim" && !has_storage("min") && !has_storage("max") {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(FieldError::required(&path.child("limits"), why));
    }
    names("maxLimitRequestRatio", errors);
}

fn limits_of(limit: &Value, kind: &str, resource: &str, path: &Path, errors: &mut FieldErrors) {
    let of = |field: &str| get(limit, field).get(resource).map(amount);
    let of_containers = |field: &str| if kind == "Pod" { None } else { of(field) };
    let (min, max) = (of("min"), of("max"));
    let (default, request) = (of_containers("default"), of_containers("defaultRequest"));
    let mut ordered =
        |small: Option<Quantity>, large: Option<Quantity>, at: &str, bad: Which, words: [&str; 2]| {
            if let (Some(small), Some(large)) = (small, large)
                && small.cmp(&large) == Ordering::Greater
            {
                let shown = if bad == Which::Small { small } else { large };
                let why = format!("{} value {small} is greater than {} value {large}", words[0], words[1]);
                errors.push(FieldError::invalid(&path.child(at).key(resource), shown.to_string(), why));
            }
        };
    ordered(min, max, "min", Which::Small, ["min", "max"]);
    ordered(min, request, "defaultRequest", Which::Large, ["min", "default request"]);
    ordered(request, max, "defaultRequest", Which::Small, ["default request", "max"]);
    ordered(request, default, "defaultRequest", Which::Small, ["default request", "default limit"]);
    ordered(min, default, "default", Which::Small, ["min", "default"]);
    ordered(default, max, "default", Which::Large, ["default", "max"]);
    if let Some(ratio) = of("maxLimitRequestRatio") {
        check_ratio(ratio, min, max, &path.child("maxLimitRequestRatio").key(resource), errors);
    }
    if let (Some(default), Some(request)) = (default, request)
        && !can_overcommit(resource)
        && default != request
    {
        let why =
            format!("default value {default} must equal to defaultRequest value {request} in {resource}");
        let path = path.child("defaultRequest").key(resource);
        errors.push(FieldError::invalid(&path, request.to_string(), why));
    }
}

/// Which of two amounts a message shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Small,
    Large,
}

#[expect(clippy::cast_precision_loss, reason = "the server compares ratios as floating point numbers")]
fn check_ratio(
    ratio: Quantity,
    min: Option<Quantity>,
    max: Option<Quantity>,
    path: &Path,
    errors: &mut FieldErrors,
) {
    let shown = ratio.to_string();
    if ratio < Quantity::new(1) {
        errors.push(FieldError::invalid(path, shown.as_str(), format!("ratio {shown} is less than 1")));
    }
    let (Some(min), Some(max)) = (min, max) else { return };
    let is_small = [ratio, min, max].iter().all(|amount| amount.value() < MILLI_MAX);
    let (value, limit) = if is_small {
        (ratio.milli_value() as f64 / 1000.0, max.milli_value() as f64 / min.milli_value() as f64)
    } else {
        (ratio.value() as f64, max.value() as f64 / min.value() as f64)
    };
    if value > limit {
        let why = format!("ratio {shown} is greater than max/min = {limit:.6}");
        errors.push(FieldError::invalid(path, shown, why));
    }
}

/// Checks the amounts of a quota and what they apply to.
pub(super) fn quota(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    amounts(spec, "hard", &Path::new("spec"), errors);
    scopes(spec, errors);
    if is_set(spec, "scopeSelector") {
        scope_selector(spec, errors);
    }
}

/// Checks that a quota keeps its scopes.
pub(super) fn quota_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let set = |object| -> BTreeSet<&str> { strings(spec(object), "scopes").collect() };
    if set(new) != set(old) {
        let scopes: Vec<&str> = strings(spec(new), "scopes").collect();
        errors.push(FieldError::invalid(&Path::new("spec.scopes"), scopes, "field is immutable"));
    }
}

/// Checks what a quota says is used.
pub(super) fn quota_status(object: &Value, errors: &mut FieldErrors) {
    for field in ["hard", "used"] {
        amounts(get(object, "status"), field, &Path::new("status"), errors);
    }
}

fn amounts(parent: &Value, field: &str, path: &Path, errors: &mut FieldErrors) {
    for (resource, value) in entries(parent, field) {
        let path = path.child(field).key(resource);
        quota_resource_name(errors, &path, resource);
        of_resource(errors, &path, resource, value);
    }
}

fn scopes(spec: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.scopes");
    let all: Vec<&str> = strings(spec, "scopes").collect();
    let wrong = |why: &str| FieldError::invalid(&path, all.clone(), why);
    for scope in &all {
        if !SCOPES.contains(scope) {
            errors.push(wrong("unsupported scope"));
        }
        let misfits = entries(spec, "hard").filter(|(resource, _)| !scope_fits(scope, resource));
        errors.extend(misfits.map(|_| wrong("unsupported scope applied to resource")));
    }
    for pair in CONFLICTS {
        if pair.iter().all(|scope| all.contains(scope)) {
            errors.push(wrong("conflicting scopes"));
        }
    }
}

fn scope_selector(spec: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.scopeSelector.matchExpressions");
    let selector = get(spec, "scopeSelector");
    let mut seen = Vec::new();
    for term in list(selector, "matchExpressions") {
        let (scope, operator) = (text(term, "scopeName"), text(term, "operator"));
        if !SCOPES.contains(&scope) {
            errors.push(FieldError::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        }
        for _ in entries(spec, "hard").filter(|(resource, _)| !scope_fits(scope, resource)) {
            let why = "unsupported scope applied to resource";
            errors.push(FieldError::invalid(&path, selector.clone(), why));
        }
        let only_exists =
            SCOPES.contains(&scope) && !matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if only_exists && operator != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(FieldError::invalid(&path.child("operator"), operator, why));
        }
        scope_values(term, operator, &path, errors);
        seen.push(scope);
    }
    for pair in CONFLICTS {
        if pair.iter().all(|scope| seen.contains(scope)) {
            let scopes = get(spec, "scopes").clone();
            errors.push(FieldError::invalid(&path, scopes, "conflicting scopes"));
        }
    }
}

fn scope_values(term: &Value, operator: &str, path: &Path, errors: &mut FieldErrors) {
    let values = list(term, "values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(FieldError::required(&path.child("values"), why));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(FieldError::invalid(&path.child("values"), values.to_vec(), why));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => errors.push(FieldError::invalid(
            &path.child("operator"),
            operator,
            "not a valid selector operator",
        )),
    }
}

fn scope_fits(scope: &str, resource: &str) -> bool {
    if !is_quota(resource) {
        return true;
    }
    let is_compute = matches!(
        resource,
        "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory"
    );
    match scope {
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => resource == "pods" || is_compute,
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}
