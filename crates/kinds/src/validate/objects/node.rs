//! Nodes.

use std::collections::HashSet;

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::address;
use super::checks::{each, supported};
use super::quantities::of_resource;
use super::read::{entries, get, list, spec, strings, text};

/// Checks a new node.
pub(super) fn create(node: &Value, errors: &mut FieldErrors) {
    taints(node, errors);
    resources(node, errors);
    networks(node, errors);
}

/// Checks a node that is updated, its status too.
pub(super) fn update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    resources(new, errors);
    let mut seen = HashSet::new();
    for (i, item) in list(get(new, "status"), "addresses").iter().enumerate() {
        if !seen.insert((text(item, "type"), text(item, "address"))) {
            let value = json!({ "Type": text(item, "type"), "Address": text(item, "address") });
            errors.push(FieldError::duplicate(&Path::new("status.addresses").index(i), value));
        }
    }
    let (is, was) = (spec(new), spec(old));
    let networks = list(was, "podCIDRs");
    if !networks.is_empty() && networks != list(is, "podCIDRs") {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(FieldError::forbidden(&Path::new("spec.podCIDRs"), why));
    }
    let provider = text(was, "providerID");
    if !provider.is_empty() && provider != text(is, "providerID") {
        let why = "node updates may not change providerID except from \"\" to valid";
        errors.push(FieldError::forbidden(&Path::new("spec.providerID"), why));
    }
    taints(new, errors);
    if text(is, "externalID") != text(was, "externalID") {
        errors.push(FieldError::forbidden(&Path::new("spec.externalID"), "may not be updated"));
    }
}

fn taints(node: &Value, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (i, taint) in list(spec(node), "taints").iter().enumerate() {
        let path = Path::new("metadata.taints").index(i);
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        each(errors, &path.child("key"), key, name::qualified_name(key));
        let problems = name::label_value(value);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(&path.child("value"), value, problems.join(";")));
        }
        if effect.is_empty() {
            errors.push(FieldError::required(&path.child("effect"), ""));
        } else {
            let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            supported(errors, &path.child("effect"), effect, &known);
        }
        if !seen.insert((key, effect)) {
            let time = get(taint, "timeAdded");
            let shown = json!({ "Key": key, "Value": value, "Effect": effect, "TimeAdded": time });
            let mut error = FieldError::duplicate(&path, shown);
            "taints must be unique by key and effect pair".clone_into(&mut error.detail);
            errors.push(error);
        }
    }
}

fn resources(node: &Value, errors: &mut FieldErrors) {
    for field in ["capacity", "allocatable"] {
        for (resource, value) in entries(get(node, "status"), field) {
            let path = Path::new("status").child(field).child(resource);
            of_resource(errors, &path, resource, value);
        }
    }
}

/// Checks the networks of the pods of a node.
pub(super) fn networks(node: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.podCIDRs");
    let all: Vec<&str> = strings(spec(node), "podCIDRs").collect();
    for (i, network) in all.iter().enumerate() {
        address::legacy_cidr(errors, &path.index(i), network, &[]);
    }
    if all.len() < 2 {
        return;
    }
    let both = all.iter().any(|network| network.contains(':')) && all.iter().any(|n| !n.contains(':'));
    if !both || all.len() > 2 {
        let why = "may specify no more than one CIDR for each IP family";
        errors.push(FieldError::invalid(&path, all.clone(), why));
    }
    let mut seen = HashSet::new();
    for (i, network) in all.iter().enumerate() {
        if !seen.insert(network) {
            errors.push(FieldError::duplicate(&path.index(i), *network));
        }
    }
}
