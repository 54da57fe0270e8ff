//! What containers and Pods request and are limited to.

use std::collections::HashSet;

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors};
use stanchion_machinery::quantity::Quantity;

use crate::defaults::pods::amount::read;
use crate::qos;
use crate::validate::names::{dns1123_label, qualified_name};
use crate::validate::place::Place;
use crate::validate::read::{entries, items, map, named, text};

/// Whose resources they are, which says which resources there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A container, or what running a Pod costs beyond its containers.
    Container,
    /// A whole Pod.
    Pod,
}

/// Checks `resources`; `claims` are the names of the claims of the Pod.
pub(super) fn check(
    resources: &Value,
    owner: Owner,
    claims: &HashSet<&str>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let mut seen = Seen::default();
    check_amounts(map(resources, "limits"), owner, &at.child("limits"), &mut seen, errors);
    check_amounts(map(resources, "requests"), owner, &at.child("requests"), &mut seen, errors);
    for (name, value) in entries(resources, "requests") {
        if let Some(request) = read(value) {
            check_against_limit(name, request, resources, at, errors);
        }
    }
    if seen.huge && !seen.compute {
        at.forbidden(errors, "HugePages require cpu or memory");
    }
    check_claims(resources, claims, &at.child("claims"), errors);
}

/// Checks amounts that are not bound to a limit, such as `overhead`.
pub(super) fn check_overhead(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let at = at.child("overhead");
    check_amounts(map(spec, "overhead"), Owner::Container, &at.child("limits"), &mut Seen::default(), errors);
}

#[derive(Default)]
struct Seen {
    huge: bool,
    compute: bool,
}

fn check_amounts(
    list: Option<&Map<String, Value>>,
    owner: Owner,
    at: &Place<'_>,
    seen: &mut Seen,
    errors: &mut FieldErrors,
) {
    for (name, value) in list.into_iter().flatten() {
        let at = at.key(name);
        check_name(name, owner, &at, errors);
        let amount = match Quantity::from_value(value) {
            Ok(amount) => amount,
            Err(problem) => {
                at.invalid(errors, value.clone(), problem.to_string());
                continue;
            }
        };
        if amount.is_negative() {
            at.invalid(errors, amount.to_string(), "must be greater than or equal to 0");
        }
        if is_extended(name) && !amount.is_integer() {
            at.invalid(errors, amount.to_string(), "must be an integer");
        }
        if let Some(page) = name.strip_prefix("hugepages-") {
            seen.huge = true;
            let page = Quantity::parse(page).map_or(0, Quantity::value);
            let divides = page > 0 && amount.value() % page == 0;
            if !divides {
                let detail = format!("{amount} is not positive integer multiple of {name}");
                at.invalid(errors, amount.to_string(), detail);
            }
        }
        seen.compute |= qos::is_compute(name);
    }
}

/// Native resources have no domain, or one of Kubernetes.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && qualified_name(&format!("requests.{name}")).is_empty()
}

fn can_be_overcommitted(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

fn check_name(name: &str, owner: Owner, at: &Place<'_>, errors: &mut FieldErrors) {
    if matches!(name, "cpu" | "memory") {
        return;
    }
    let is_huge = name.starts_with("hugepages-");
    let reasons = qualified_name(name);
    let is_bad = !reasons.is_empty();
    at.invalid_for(errors, name, reasons);
    let is_storage = name == "ephemeral-storage";
    if !is_bad && !name.contains('/') && !is_huge && !is_storage && !is_standard(name) {
        at.invalid(errors, name, "must be a standard resource type or fully qualified");
        if owner == Owner::Pod {
            return;
        }
    }
    match owner {
        Owner::Pod => {
            if !is_bad && !is_huge {
                at.not_supported(errors, name, &["cpu", "hugepages-", "memory"]);
            }
        }
        Owner::Container if !name.contains('/') => {
            if !is_huge && !is_storage {
                at.invalid(errors, name, "must be a standard resource for containers");
            }
        }
        Owner::Container => {
            if !is_native(name) && !is_extended(name) {
                at.invalid(errors, name, "doesn't follow extended resource name standard");
            }
        }
    }
}

/// Resources without a domain that something other than a container may have.
fn is_standard(name: &str) -> bool {
    matches!(
        name,
        "requests.cpu"
            | "requests.memory"
            | "requests.ephemeral-storage"
            | "limits.cpu"
            | "limits.memory"
            | "limits.ephemeral-storage"
            | "pods"
            | "resourcequotas"
            | "services"
            | "replicationcontrollers"
            | "secrets"
            | "configmaps"
            | "persistentvolumeclaims"
            | "storage"
            | "requests.storage"
            | "services.nodeports"
            | "services.loadbalancers"
    )
}

fn check_against_limit(
    name: &str,
    request: Quantity,
    resources: &Value,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let limit = map(resources, "limits").and_then(|limits| limits.get(name));
    let Some(limit) = limit else {
        if !can_be_overcommitted(name) {
            at.child("limits").required(errors, "Limit must be set for non overcommitable resources");
        }
        return;
    };
    let Some(limit) = read(limit) else { return };
    let detail = if request != limit && !can_be_overcommitted(name) {
        format!("must be equal to {name} limit of {limit}")
    } else if request > limit {
        format!("must be less than or equal to {name} limit of {limit}")
    } else {
        return;
    };
    at.child("requests").invalid(errors, request.to_string(), detail);
}

fn check_claims(resources: &Value, known: &HashSet<&str>, at: &Place<'_>, errors: &mut FieldErrors) {
    let (mut seen, mut names) = (HashSet::new(), HashSet::new());
    for (index, claim) in items(resources, "claims").iter().enumerate() {
        let at = at.index(index);
        let (name, request) = (text(claim, "name"), text(claim, "request"));
        if name.is_empty() {
            at.required(errors, "");
            continue;
        }
        named(claim, "request", dns1123_label, &at, errors);
        let first = names.insert(name);
        if seen.contains(&(name, "")) || request.is_empty() && !first {
            at.duplicate(errors, name);
        } else if !seen.insert((name, request)) {
            at.duplicate(errors, format!("{name}/{request}"));
        }
        if !known.contains(name) {
            let mut known: Vec<&str> = known.iter().copied().collect();
            known.sort_unstable();
            let rest = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            let detail = format!("must be one of the names in pod.spec.resourceClaims{rest}");
            errors.push(FieldError { detail, ..FieldError::not_found(&at.path(), name) });
        }
    }
}
