//! Templates of Pods, and the annotations that mean something in them as in Pods.

use std::cell::LazyCell;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use super::{containers, spec};
use crate::validate::names;
use crate::validate::place::Place;
use crate::validate::read::{entries, items, part, text};

/// Marks the Pods that a kubelet made from a file.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
/// Begins the annotations that say the `AppArmor` profile of a container.
pub(super) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Checks a template; `made` are claims that something makes for its Pods.
pub(super) fn check(template: &Value, made: &[Value], at: &Place<'_>, errors: &mut FieldErrors) {
    check_metadata(template, at, errors);
    let spec = part(template, "spec").unwrap_or(&Value::Null);
    let at = at.child("spec");
    spec::check(spec, None, made, &at, errors);
    if !items(spec, "ephemeralContainers").is_empty() {
        at.child("ephemeralContainers").forbidden(errors, "ephemeral containers not allowed in pod template");
    }
}

/// Checks what a template says of its Pods beside their spec. The paths leave out `metadata`, as they always did.
pub(super) fn check_metadata(template: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(metadata) = part(template, "metadata") else { return };
    names::labels(metadata, "labels", at, errors);
    names::annotations(metadata, "annotations", at, errors);
    let spec = part(template, "spec").unwrap_or(&Value::Null);
    check_annotations(metadata, spec, &at.child("annotations"), errors);
}

/// Checks the annotations of a Pod or template that mean something.
pub(super) fn check_annotations(metadata: &Value, spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let known = LazyCell::new(|| {
        let mut names = containers::names(spec);
        names.extend(items(spec, "ephemeralContainers").iter().map(|container| text(container, "name")));
        names
    });
    for (key, value) in entries(metadata, "annotations") {
        let value = value.as_str().unwrap_or("");
        match key {
            MIRROR if text(spec, "nodeName").is_empty() => {
                let detail = "must set spec.nodeName if mirror pod annotation is set";
                at.key(key).invalid(errors, value, detail);
            }
            "controller.kubernetes.io/pod-deletion-cost" if !is_cost(value) => {
                at.key(key).invalid(errors, value, "must be a 32bit integer");
            }
            _ => {}
        }
        if let Some(container) = key.strip_prefix(APP_ARMOR) {
            if !known.contains(container) {
                at.key(key).invalid(errors, container, "container not found");
            }
            let known = matches!(value, "" | "runtime/default" | "unconfined");
            if !known && !value.starts_with("localhost/") {
                at.key(key).invalid(errors, value, format!("invalid AppArmor profile name: {value:?}"));
            }
        }
    }
}

/// A number of 32 bits without a plus or zeros before it.
fn is_cost(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.parse::<i32>().is_ok() && (text == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c)))
}
