//! Containers, of whichever sort.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors};

use super::mounts::Volumes;
use super::resources::Owner;
use super::{env, mounts, network, probe, resources, security};
use crate::validate::names::dns1123_label;
use crate::validate::place::Place;
use crate::validate::read::{items, named, one_of, part, present, text};

/// What containers need to know of their Pod.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// The volumes that nothing is wrong with.
    pub(super) volumes: Volumes<'a>,
    /// The names of the claims of resources.
    pub(super) claims: HashSet<&'a str>,
    /// How long the Pod may take to end.
    pub(super) grace: Option<i64>,
    /// What the Pod does when a container ends.
    pub(super) restart: &'a str,
    /// Whether users are those of the host.
    pub(super) host_users: bool,
    /// Whether it is a Pod and not a template of Pods.
    pub(super) is_pod: bool,
}

/// Checks `containers`, `initContainers` and `ephemeralContainers`.
pub(super) fn check(spec: &Value, around: &Surroundings<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut names = HashSet::new();
    check_regular(items(spec, "containers"), around, &mut names, &at.child("containers"), errors);
    let initial = items(spec, "initContainers");
    if !initial.is_empty() {
        check_initial(initial, around, &mut names, &at.child("initContainers"), errors);
    }
    let ephemeral = items(spec, "ephemeralContainers");
    if !ephemeral.is_empty() {
        check_ephemeral(ephemeral, around, &names, &at.child("ephemeralContainers"), errors);
    }
}

fn check_regular<'a>(
    containers: &'a [Value],
    around: &Surroundings<'_>,
    names: &mut HashSet<&'a str>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    if containers.is_empty() {
        return at.required(errors, "");
    }
    for (index, container) in containers.iter().enumerate() {
        let at = at.index(index);
        check_common(container, around, &at, errors);
        let name = text(container, "name");
        if !names.insert(name) {
            at.child("name").duplicate(errors, name);
        }
        probe::check(container, around.grace, &at, errors);
        check_restart(container, &at, errors);
    }
    network::check_conflicts(containers, at, errors);
}

fn check_initial<'a>(
    containers: &'a [Value],
    around: &Surroundings<'_>,
    names: &mut HashSet<&'a str>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    for (index, container) in containers.iter().enumerate() {
        let item = at.index(index);
        check_common(container, around, &item, errors);
        check_restart(container, &item, errors);
        let name = text(container, "name");
        if !name.is_empty() && !names.insert(name) {
            item.child("name").duplicate(errors, name);
        }
        network::check_conflicts(std::slice::from_ref(container), at, errors);
        if text(container, "restartPolicy") == "Always" {
            probe::check(container, around.grace, &item, errors);
        } else {
            for field in probe::FIELDS.iter().filter(|field| part(container, field).is_some()) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                item.child(field).forbidden(errors, detail);
            }
        }
    }
}

fn check_ephemeral<'a>(
    containers: &'a [Value],
    around: &Surroundings<'_>,
    others: &HashSet<&'a str>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    const DETAIL: &str = "cannot be set for an Ephemeral Container";
    let mut names = others.clone();
    for (index, container) in containers.iter().enumerate() {
        let at = at.index(index);
        check_common(container, around, &at, errors);
        if !around.is_pod {
            check_image(container, &at, errors);
        }
        let name = text(container, "name");
        if !names.insert(name) {
            at.child("name").duplicate(errors, name);
        }
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            at.child("targetContainerName").not_found(errors, target);
        }
        for field in FORBIDDEN_TO_EPHEMERAL {
            if part(container, field).is_some_and(is_something) {
                at.child(field).forbidden(errors, DETAIL);
            }
        }
        for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
            for field in ["subPath", "subPathExpr"] {
                if !text(mount, field).is_empty() {
                    at.child("volumeMounts").index(index).child(field).forbidden(errors, DETAIL);
                }
            }
        }
    }
}

const FORBIDDEN_TO_EPHEMERAL: [&str; 9] = [
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

fn is_something(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn check_common(container: &Value, around: &Surroundings<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    present(container, "name", at, errors);
    named(container, "name", dns1123_label, at, errors);
    present(container, "image", at, errors);
    one_of(container, "terminationMessagePolicy", &["File", "FallbackToLogsOnError"], at, errors);
    network::check_ports(container, at, errors);
    env::check_variables(container, &at.child("env"), errors);
    env::check_sources(container, &at.child("envFrom"), errors);
    mounts::check(container, &around.volumes, at, errors);
    one_of(container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], at, errors);
    if let Some(resources) = part(container, "resources") {
        resources::check(resources, Owner::Container, &around.claims, &at.child("resources"), errors);
    }
    check_resize(container, around.restart, &at.child("resizePolicy"), errors);
    security::check_container(container, around.host_users, at, errors);
    if around.is_pod {
        check_image(container, at, errors);
    }
}

/// Checks what only matters once a Pod is made: a template may have any image for something else to replace.
fn check_image(container: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let image = text(container, "image");
    if image.trim() != image {
        at.child("image").invalid(errors, image, "must not have leading or trailing whitespace");
    }
}

fn check_resize(container: &Value, restart: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (index, policy) in items(container, "resizePolicy").iter().enumerate() {
        let (resource, found) = (text(policy, "resourceName"), text(policy, "restartPolicy"));
        if !seen.insert(resource) {
            at.index(index).duplicate(errors, resource);
        }
        for (value, supported) in
            [(resource, ["cpu", "memory"]), (found, ["NotRequired", "RestartContainer"])]
        {
            if value.is_empty() {
                at.required(errors, "");
            } else if !supported.contains(&value) {
                at.not_supported(errors, value, &supported);
            }
        }
        if restart == "Never" && found != "NotRequired" {
            at.invalid(errors, found, "must be 'NotRequired' when `restartPolicy` is 'Never'");
        }
    }
}

fn check_restart(container: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const RULES: usize = 20;
    let rules = items(container, "restartPolicyRules");
    let policy = container.get("restartPolicy").and_then(Value::as_str);
    if let Some(policy) = policy.filter(|policy| !matches!(*policy, "Always" | "OnFailure" | "Never")) {
        at.child("restartPolicy").not_supported(errors, policy, &["Always", "OnFailure", "Never"]);
    }
    if policy.is_none() && !rules.is_empty() {
        at.child("restartPolicy").required(errors, "must specify restartPolicy when restart rules are used");
    }
    let at = at.child("restartPolicyRules");
    if rules.len() > RULES {
        errors.push(FieldError::too_many(&at.path(), rules.len(), RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        check_rule(rule, &at.index(index), errors);
    }
}

fn check_rule(rule: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const CODES: usize = 255;
    let action = text(rule, "action");
    if !matches!(action, "Restart" | "RestartAllContainers") {
        at.child("action").not_supported(errors, action, &["Restart", "RestartAllContainers"]);
    }
    let at = at.child("exitCodes");
    let Some(codes) = part(rule, "exitCodes") else {
        return at.required(errors, "must be specified");
    };
    let operator = text(codes, "operator");
    if !matches!(operator, "In" | "NotIn") {
        at.child("operator").not_supported(errors, operator, &["In", "NotIn"]);
    }
    let count = items(codes, "values").len();
    if count > CODES {
        errors.push(FieldError::too_many(&at.child("values").path(), count, CODES));
    }
}

/// Returns the names of containers and of those that run before them.
pub(super) fn names(spec: &Value) -> HashSet<&str> {
    let both = ["containers", "initContainers"].into_iter().flat_map(|key| items(spec, key));
    both.map(|container| text(container, "name")).collect()
}

/// Returns the names of the claims of resources of a Pod.
pub(super) fn claims(spec: &Value) -> HashSet<&str> {
    items(spec, "resourceClaims")
        .iter()
        .map(|claim| text(claim, "name"))
        .filter(|name| !name.is_empty())
        .collect()
}
