//! What must not change when a Service is updated.

use serde_json::{Map, Value};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};

use super::read::{get, int_or_zero, list, spec, text};
use super::service::is_headless;
use crate::defaults::objects::service::needs_health_check;

const ONCE: &str = "may not change once set";

/// Checks that addresses, families, class and health check stay as far as they must.
pub(super) fn check(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let (new, old) = (spec(new), spec(old));
    if text(new, "type") != "ExternalName" && text(old, "type") != "ExternalName" {
        let (is_headless, was_headless) = (is_headless(new), is_headless(old));
        if !(is_headless && was_headless) {
            addresses(new, old, errors);
        }
        if !is_headless && !was_headless {
            families(new, old, errors);
        }
    }
    if text(new, "type") == "LoadBalancer" && text(old, "type") == "LoadBalancer" {
        let class = get(new, "loadBalancerClass");
        if class != get(old, "loadBalancerClass") {
            errors.push(FieldError::invalid(&Path::new("spec.loadBalancerClass"), class.clone(), ONCE));
        }
    }
    let empty = Map::new();
    let needs_check = |service: &Value| needs_health_check(service.as_object().unwrap_or(&empty));
    let port = |service| int_or_zero(service, "healthCheckNodePort");
    if needs_check(new) && needs_check(old) && port(new) != port(old) {
        errors.push(FieldError::forbidden(&Path::new("spec.healthCheckNodePort"), "field is immutable"));
    }
}

fn addresses(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.clusterIPs");
    let (is, was) = (list(new, "clusterIPs"), list(old, "clusterIPs"));
    let wrong =
        |i: usize, why: &str| FieldError::invalid(&path.index(i), get(new, "clusterIPs").clone(), why);
    if is.len() == was.len() {
        let changed = is.iter().zip(was).enumerate().filter(|(_, (is, was))| is != was);
        errors.extend(changed.map(|(i, _)| wrong(i, ONCE)));
        return;
    }
    match (is.first(), was.first()) {
        (None, Some(_)) => errors.push(wrong(0, "primary clusterIP can not be unset")),
        (Some(is), Some(was)) if is != was => errors.push(wrong(0, ONCE)),
        (None | Some(_), _) => {}
    }
    if was.len() > is.len() && is.len() == 1 {
        single_stack(new, "clusterIP", errors);
    }
}

fn families(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.ipFamilies").index(0);
    let (is, was) = (list(new, "ipFamilies"), list(old, "ipFamilies"));
    let wrong = |shown: &str, why: &str| FieldError::invalid(&path, get(new, shown).clone(), why);
    if is.len() == was.len() {
        let changed = is.iter().zip(was).filter(|(is, was)| is != was);
        errors.extend(changed.map(|_| wrong("ipFamilies", ONCE)));
        return;
    }
    if was.len() > is.len() && list(new, "clusterIPs").is_empty() {
        errors.push(wrong("ipFamilies", "primary ipFamily can not be unset"));
    }
    if let (Some(is), Some(was)) = (is.first(), was.first())
        && is != was
    {
        errors.push(wrong("clusterIPs", ONCE));
    }
    if was.len() > is.len() && is.len() == 1 {
        single_stack(new, "ipFamily", errors);
    }
}

fn single_stack(new: &Value, what: &str, errors: &mut FieldErrors) {
    let policy = get(new, "ipFamilyPolicy");
    if policy != "SingleStack" {
        let why = format!("must be set to 'SingleStack' when releasing the secondary {what}");
        errors.push(FieldError::invalid(&Path::new("spec.ipFamilyPolicy"), policy.clone(), why));
    }
}
