//! Statuses of Pods.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use super::pod::{check_annotation_changes, is_sidecar};
use crate::validate::names::{address, dns1123_subdomain, qualified_name};
use crate::validate::place::Place;
use crate::validate::read::{IMMUTABLE, int, items, part, text};

/// Checks a change of the status of a Pod.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    check_annotation_changes(new, old, errors);
    let [new_spec, old_spec] = [new, old].map(|pod| part(pod, "spec").unwrap_or(&Value::Null));
    let [new, old] = [new, old].map(|pod| part(pod, "status").unwrap_or(&Value::Null));
    let at = Place::new("status");
    check_conditions(new, &at.child("conditions"), errors);
    if text(new_spec, "nodeName") != text(old_spec, "nodeName") {
        at.child("nodeName").forbidden(errors, "may not be changed directly");
    }
    let node = text(new, "nominatedNodeName");
    if node != text(old, "nominatedNodeName") && !node.is_empty() {
        at.child("nominatedNodeName").invalid_for(errors, node, dns1123_subdomain(node));
    }
    if let Some(generation) = int(new, "observedGeneration").filter(|generation| *generation < 0) {
        at.child("observedGeneration").invalid(errors, generation, "must be a non-negative integer");
    }
    let class = text(new, "qosClass");
    if class != text(old, "qosClass") {
        at.child("qosClass").invalid(errors, class, IMMUTABLE);
    }
    check_transitions(new, old, old_spec, &at, errors);
    check_claims(new, new_spec, &at.child("resourceClaimStatuses"), errors);
    check_addresses(new, "podIPs", &at, errors);
    let first = items(new, "hostIPs").first().map(|ip| text(ip, "ip"));
    if let Some(first) = first.filter(|first| *first != text(new, "hostIP")) {
        at.child("hostIPs").index(0).child("ip").invalid(errors, first, "must be equal to `hostIP`");
    }
    check_addresses(new, "hostIPs", &at, errors);
}

fn check_conditions(status: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, condition) in items(status, "conditions").iter().enumerate() {
        let at = at.index(index);
        if let Some(generation) = int(condition, "observedGeneration").filter(|generation| *generation < 0) {
            at.child("observedGeneration").invalid(errors, generation, "must be a non-negative integer");
        }
        let kind = text(condition, "type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            at.child("Type").invalid_for(errors, kind, qualified_name(kind));
        }
    }
}

fn check_transitions(new: &Value, old: &Value, spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let policy = text(spec, "restartPolicy");
    let with_rules: HashSet<&str> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|key| items(spec, key))
        .filter(|container| is_sidecar(container) || part(container, "restartPolicy").is_some())
        .map(|container| text(container, "name"))
        .collect();
    for (key, policy) in [
        ("containerStatuses", policy),
        ("initContainerStatuses", policy),
        ("ephemeralContainerStatuses", "Never"),
    ] {
        if policy == "Always" {
            continue;
        }
        let alive: HashSet<&str> =
            items(new, key).iter().filter(|is| terminated(is).is_none()).map(|is| text(is, "name")).collect();
        for (index, was) in items(old, key).iter().enumerate() {
            let name = text(was, "name");
            let Some(ended) = terminated(was) else { continue };
            let failed = int(ended, "exitCode").unwrap_or(0) != 0;
            if failed && policy == "OnFailure" || with_rules.contains(name) {
                continue;
            }
            if alive.contains(name) {
                let detail = "may not be transitioned to non-terminated state";
                at.child(key).index(index).child("state").forbidden(errors, detail);
            }
        }
    }
}

fn terminated(status: &Value) -> Option<&Value> {
    part(status, "state").and_then(|state| part(state, "terminated"))
}

fn check_claims(status: &Value, spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let known: HashSet<&str> =
        items(spec, "resourceClaims").iter().map(|claim| text(claim, "name")).collect();
    let mut seen = HashSet::new();
    for (index, claim) in items(status, "resourceClaimStatuses").iter().enumerate() {
        let at = at.index(index);
        let at = at.child("name");
        let name = text(claim, "name");
        if !known.contains(name) {
            at.invalid(errors, name, "must match the name of an entry in `spec.resourceClaims`");
        }
        if !seen.insert(name) {
            at.duplicate(errors, name);
        }
    }
}

/// Checks a list of addresses: one for each family of protocols.
fn check_addresses(status: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    let list = items(status, key);
    let at = at.child(key);
    for (index, entry) in list.iter().enumerate() {
        let ip = text(entry, "ip");
        at.index(index).invalid_for(errors, ip, address(ip));
    }
    let families: HashSet<bool> = list
        .iter()
        .filter_map(|entry| text(entry, "ip").parse::<IpAddr>().ok())
        .map(|ip| ip.is_ipv6())
        .collect();
    if list.len() > 2 || list.len() == 2 && families.len() < 2 {
        at.invalid(errors, list.to_vec(), "may specify no more than one IP for each IP family");
    }
}
