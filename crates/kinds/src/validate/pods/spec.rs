//! The spec of a Pod or of a template of Pods.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use super::containers::{self, Surroundings};
use super::resources::{self, Owner};
use super::{network, scheduling, security, volumes};
use crate::defaults::pods::amount::read;
use crate::validate::names::{dns1123_label, dns1123_subdomain};
use crate::validate::place::Place;
use crate::validate::read::{
    entries, in_range, int, items, map, named, none_or_one_of, one_of, part, present, text,
};

/// Checks a spec. `pod` is the name of the Pod, if it is the spec of one; `made` are claims that something makes.
pub(super) fn check(
    spec: &Value,
    pod: Option<&str>,
    made: &[Value],
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let grace = int(spec, "terminationGracePeriodSeconds");
    if grace.is_none() {
        at.child("terminationGracePeriodSeconds").required(errors, "");
    }
    let around = Surroundings {
        volumes: volumes::check(spec, pod, made, &at.child("volumes"), errors),
        claims: containers::claims(spec),
        grace,
        restart: text(spec, "restartPolicy"),
        host_users: spec.get("hostUsers").and_then(Value::as_bool) != Some(false),
        is_pod: pod.is_some(),
    };
    check_claims(spec, &at.child("resourceClaims"), errors);
    containers::check(spec, &around, at, errors);
    if let Some(total) = part(spec, "resources") {
        check_resources(spec, total, &around, &at.child("resources"), errors);
    }
    network::check_host_network(spec, pod.is_some(), at, errors);
    one_of(spec, "restartPolicy", &["Always", "OnFailure", "Never"], at, errors);
    network::check_policy(spec, at, errors);
    if let Some(labels) = part(spec, "nodeSelector") {
        errors.extend(stanchion_machinery::name::labels(labels, &at.child("nodeSelector").path()));
    }
    security::check_pod(spec, at, errors);
    scheduling::check_affinity(spec, at, errors);
    network::check_dns(spec, at, errors);
    scheduling::check_gates(spec, at, errors);
    scheduling::check_spreading(spec, at, errors);
    security::check_host_users(spec, at, errors);
    check_rest(spec, at, errors);
}

fn check_rest(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    named(spec, "serviceAccountName", dns1123_subdomain, at, errors);
    named(spec, "nodeName", dns1123_subdomain, at, errors);
    in_range(spec, "activeDeadlineSeconds", 1..=i64::from(i32::MAX), at, errors);
    named(spec, "hostname", dns1123_label, at, errors);
    named(spec, "subdomain", dns1123_label, at, errors);
    check_hostname_override(spec, at, errors);
    scheduling::check_tolerations(spec, at, errors);
    network::check_aliases(spec, at, errors);
    named(spec, "priorityClassName", dns1123_subdomain, at, errors);
    if let Some(class) = spec.get("runtimeClassName").and_then(Value::as_str) {
        at.child("runtimeClassName").invalid_for(errors, class, dns1123_subdomain(class));
    }
    none_or_one_of(spec, "preemptionPolicy", &["PreemptLowerPriority", "Never"], at, errors);
    if map(spec, "overhead").is_some() {
        resources::check_overhead(spec, at, errors);
    }
    if let Some(os) = part(spec, "os") {
        let at = at.child("os");
        match text(os, "name") {
            "" => at.child("name").required(errors, "cannot be empty"),
            "linux" | "windows" => {}
            other => at.not_supported(errors, other, &["linux", "windows"]),
        }
    }
}

fn check_hostname_override(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(name) = spec.get("hostnameOverride").and_then(Value::as_str) else { return };
    let at_name = at.child("hostnameOverride");
    if name.len() > 64 {
        at_name.invalid(errors, name, "must be no more than 64 characters");
    }
    at_name.invalid_for(errors, name, dns1123_subdomain(name));
    for key in ["hostNetwork", "setHostnameAsFQDN"] {
        if spec.get(key).and_then(Value::as_bool) == Some(true) {
            at_name.forbidden(errors, format!("may not be specified when {key} is true"));
        }
    }
}

fn check_claims(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (index, claim) in items(spec, "resourceClaims").iter().enumerate() {
        let at = at.index(index);
        let name = text(claim, "name");
        present(claim, "name", &at, errors);
        if !name.is_empty() && !seen.insert(name) {
            at.child("name").duplicate(errors, name);
        } else {
            named(claim, "name", dns1123_label, &at, errors);
        }
        let (direct, template) = (part(claim, "resourceClaimName"), part(claim, "resourceClaimTemplateName"));
        if direct.is_some() && template.is_some() {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
            at.invalid(errors, claim.clone(), detail);
        }
        if direct.is_none() && template.is_none() {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            at.invalid(errors, claim.clone(), detail);
        }
        named(claim, "resourceClaimName", dns1123_subdomain, &at, errors);
        named(claim, "resourceClaimTemplateName", dns1123_subdomain, &at, errors);
    }
}

fn check_resources(
    spec: &Value,
    total: &Value,
    around: &Surroundings<'_>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    if part(total, "claims").is_some() {
        at.child("claims").forbidden(errors, "claims cannot be set for Resources at pod-level");
    }
    resources::check(total, Owner::Pod, &around.claims, at, errors);
    let limits = map(total, "limits");
    for (index, container) in items(spec, "containers").iter().enumerate() {
        let Some(resources) = part(container, "resources") else { continue };
        for (name, own) in entries(resources, "limits") {
            let limit = limits.and_then(|limits| limits.get(name)).and_then(read);
            let (Some(limit), Some(own)) = (limit, read(own)) else { continue };
            if own > limit {
                let detail = format!("must be less than or equal to pod limits of {limit}");
                let at = at.child("containers");
                let at = at.index(index);
                at.key(name).child("limits").invalid(errors, own.to_string(), detail);
            }
        }
    }
}
