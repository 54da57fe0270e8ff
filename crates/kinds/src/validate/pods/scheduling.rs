//! Where Pods may and may not run: tolerations, affinity, spreading.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use super::selector;
use crate::validate::names::{dns1123_label, dns1123_subdomain, label_value, qualified_name};
use crate::validate::place::Place;
use crate::validate::read::{entries, int, items, map, none_or_one_of, part, text, texts};

/// Checks `tolerations`.
pub(super) fn check_tolerations(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, toleration) in items(spec, "tolerations").iter().enumerate() {
        check_toleration(toleration, &at.child("tolerations").index(index), errors);
    }
}

fn check_toleration(toleration: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|k| text(toleration, k));
    if !key.is_empty() {
        at.child("key").invalid_for(errors, key, qualified_name(key));
    } else if operator != "Exists" {
        let detail =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        at.child("operator").invalid(errors, operator, detail);
    }
    if int(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        at.child("effect").invalid(errors, effect, detail);
    }
    match operator {
        "" | "Equal" => {
            let reasons = label_value(value);
            if !reasons.is_empty() {
                at.child("operator").invalid(errors, value, reasons.join(";"));
            }
        }
        "Exists" => {
            if !value.is_empty() {
                at.child("operator").invalid(
                    errors,
                    value,
                    "value must be empty when `operator` is 'Exists'",
                );
            }
        }
        other => at.child("operator").not_supported(errors, other, &["Equal", "Exists"]),
    }
    if !matches!(effect, "" | "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        at.child("effect").not_supported(errors, effect, &effects);
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks `affinity`.
pub(super) fn check_affinity(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(affinity) = part(spec, "affinity") else { return };
    let at = at.child("affinity");
    if let Some(nodes) = part(affinity, "nodeAffinity") {
        check_node_affinity(nodes, &at.child("nodeAffinity"), errors);
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = part(affinity, key) else { continue };
        let at = at.child(key);
        for (index, term) in items(pods, REQUIRED).iter().enumerate() {
            check_pod_term(term, &at.child(REQUIRED).index(index), errors);
        }
        for (index, weighted) in items(pods, PREFERRED).iter().enumerate() {
            let at = at.child(PREFERRED);
            let at = at.index(index);
            check_weight(weighted, &at, errors);
            let term = part(weighted, "podAffinityTerm").unwrap_or(&Value::Null);
            check_pod_term(term, &at.child("podAffinityTerm"), errors);
        }
    }
}

fn check_weight(term: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let weight = int(term, "weight").unwrap_or(0);
    if !(1..=100).contains(&weight) {
        at.child("weight").invalid(errors, weight, "must be in the range 1-100");
    }
}

fn check_node_affinity(affinity: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(required) = part(affinity, REQUIRED) {
        let at = at.child(REQUIRED);
        let at = at.child("nodeSelectorTerms");
        let terms = items(required, "nodeSelectorTerms");
        if terms.is_empty() {
            at.required(errors, "must have at least one node selector term");
        }
        for (index, term) in terms.iter().enumerate() {
            check_node_term(term, true, &at.index(index), errors);
        }
    }
    for (index, preferred) in items(affinity, PREFERRED).iter().enumerate() {
        let at = at.child(PREFERRED);
        let at = at.index(index);
        check_weight(preferred, &at, errors);
        let term = part(preferred, "preference").unwrap_or(&Value::Null);
        check_node_term(term, false, &at.child("preference"), errors);
    }
}

fn check_node_term(term: &Value, values: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, requirement) in items(term, "matchExpressions").iter().enumerate() {
        check_node_requirement(requirement, values, &at.child("matchExpressions").index(index), errors);
    }
    for (index, requirement) in items(term, "matchFields").iter().enumerate() {
        check_node_field(requirement, &at.child("matchFields").index(index), errors);
    }
}

fn check_node_requirement(requirement: &Value, values: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    let count = items(requirement, "values").len();
    let at_values = at.child("values");
    match text(requirement, "operator") {
        "In" | "NotIn" => {
            if count == 0 {
                at_values.required(errors, "must be specified when `operator` is 'In' or 'NotIn'");
            }
        }
        "Exists" | "DoesNotExist" => {
            if count > 0 {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                at_values.forbidden(errors, detail);
            }
        }
        "Gt" | "Lt" => {
            if count != 1 {
                at_values.required(errors, "must be specified single value when `operator` is 'Lt' or 'Gt'");
            }
        }
        other => at.child("operator").invalid(errors, other, "not a valid selector operator"),
    }
    let key = text(requirement, "key");
    at.child("key").invalid_for(errors, key, qualified_name(key));
    if values {
        for (index, value) in texts(requirement, "values").enumerate() {
            at_values.index(index).invalid_for(errors, value, label_value(value));
        }
    }
}

fn check_node_field(requirement: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    match text(requirement, "operator") {
        "In" | "NotIn" => {
            if items(requirement, "values").len() != 1 {
                let detail =
                    "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                at.child("values").required(errors, detail);
            }
        }
        other => at.child("operator").invalid(errors, other, "not a valid selector operator"),
    }
    let key = text(requirement, "key");
    if key != "metadata.name" {
        return at.child("key").invalid(errors, key, "not a valid field selector key");
    }
    for (index, value) in texts(requirement, "values").enumerate() {
        at.child("values").index(index).invalid_for(errors, value, dns1123_subdomain(value));
    }
}

fn check_pod_term(term: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for key in ["labelSelector", "namespaceSelector"] {
        if let Some(found) = part(term, key) {
            selector::check(found, &at.child(key), errors);
        }
    }
    for name in texts(term, "namespaces") {
        at.child("namespace").invalid_for(errors, name, dns1123_label(name));
    }
    check_label_keys(term, at, errors);
    let key = text(term, "topologyKey");
    if key.is_empty() {
        at.child("topologyKey").required(errors, "can not be empty");
    }
    at.child("topologyKey").invalid_for(errors, key, qualified_name(key));
}

fn check_label_keys(term: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let selector = part(term, "labelSelector");
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
        if items(term, list).is_empty() {
            continue;
        }
        if selector.is_none() {
            at.child(list).forbidden(errors, "must not be specified when labelSelector is not set");
            continue;
        }
        for (index, key) in texts(term, list).enumerate() {
            at.child(list).index(index).invalid_for(errors, key, qualified_name(key));
        }
    }
    if let Some(selector) = selector {
        check_merged_keys(term, selector, at, errors);
    }
    let mismatched: HashSet<&str> = texts(term, "mismatchLabelKeys").collect();
    for (index, key) in texts(term, "matchLabelKeys").enumerate() {
        if mismatched.contains(key) {
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            at.child("matchLabelKeys").index(index).invalid(errors, key, detail);
        }
    }
}

/// Finds keys that a selector had already before the label of the Pod was put into it for `matchLabelKeys`.
fn check_merged_keys(term: &Value, selector: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let listed: HashMap<&str, usize> = texts(term, "matchLabelKeys").zip(0..).collect();
    if listed.is_empty() {
        return;
    }
    let mut seen: HashSet<&str> = entries(selector, "matchLabels").map(|(key, _)| key).collect();
    for requirement in items(selector, "matchExpressions") {
        let key = text(requirement, "key");
        if let Some(index) = listed.get(key)
            && seen.contains(key)
        {
            at.index(*index).invalid(errors, key, "exists in both matchLabelKeys and labelSelector");
        }
        seen.insert(key);
    }
}

/// Checks `topologySpreadConstraints`.
pub(super) fn check_spreading(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashMap::new();
    let constraints = items(spec, "topologySpreadConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let pair = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        *seen.entry(pair).or_insert(0) = index;
    }
    for (index, constraint) in constraints.iter().enumerate() {
        let at = at.child("topologySpreadConstraints");
        let at = at.index(index);
        let pair = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        let again = seen.get(&pair).is_some_and(|last| *last > index);
        check_constraint(constraint, pair, again, &at, errors);
    }
}

fn check_constraint(
    constraint: &Value,
    (key, action): (&str, &str),
    again: bool,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let skew = int(constraint, "maxSkew").unwrap_or(0);
    if skew <= 0 {
        at.child("maxSkew").invalid(errors, skew, "must be greater than zero");
    }
    if key.is_empty() {
        at.child("topologyKey").required(errors, "can not be empty");
    }
    if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
        at.child("whenUnsatisfiable").not_supported(errors, action, &["DoNotSchedule", "ScheduleAnyway"]);
    }
    if again {
        at.child("{topologyKey, whenUnsatisfiable}").duplicate(errors, format!("{{{key}, {action}}}"));
    }
    if let Some(domains) = int(constraint, "minDomains") {
        if domains <= 0 {
            at.child("minDomains").invalid(errors, domains, "must be greater than zero");
        }
        if action != "DoNotSchedule" {
            let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            at.child("minDomains").invalid(errors, domains, detail);
        }
    }
    for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        none_or_one_of(constraint, policy, &["Honor", "Ignore"], at, errors);
    }
    let selector = part(constraint, "labelSelector");
    if selector.is_none() && !items(constraint, "matchLabelKeys").is_empty() {
        at.child("matchLabelKeys").forbidden(errors, "must not be specified when labelSelector is not set");
    }
    for (index, key) in texts(constraint, "matchLabelKeys").enumerate() {
        at.child("matchLabelKeys").index(index).invalid_for(errors, key, qualified_name(key));
    }
    if let Some(selector) = selector {
        check_merged_keys(constraint, selector, &at.child("matchLabelKeys"), errors);
        selector::check(selector, &at.child("labelSelector"), errors);
    }
}

/// Checks `schedulingGates` and `readinessGates`.
pub(super) fn check_gates(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, gate) in items(spec, "readinessGates").iter().enumerate() {
        let condition = text(gate, "conditionType");
        let reasons = qualified_name(condition);
        if !reasons.is_empty() {
            at.child("readinessGates")
                .index(index)
                .child("conditionType")
                .invalid_for(errors, condition, reasons);
        }
    }
    let mut seen = HashSet::new();
    for (index, gate) in items(spec, "schedulingGates").iter().enumerate() {
        let at = at.child("schedulingGates");
        let at = at.index(index);
        let name = text(gate, "name");
        at.invalid_for(errors, name, qualified_name(name));
        if !seen.insert(name) {
            at.duplicate(errors, name);
        }
    }
}

/// Returns the terms that nodes must fulfil.
pub(super) fn required_terms(affinity: Option<&Value>) -> &[Value] {
    affinity
        .and_then(|affinity| part(affinity, REQUIRED))
        .map_or(&[], |required| items(required, "nodeSelectorTerms"))
}

/// Returns whether a term of a selector of nodes only got more requirements.
pub(super) fn only_adds(new: &Value, old: &Value) -> bool {
    ["matchExpressions", "matchFields"].iter().all(|key| {
        let (new, old) = (items(new, key), items(old, key));
        new.len() >= old.len() && new.iter().zip(old).all(|(new, old)| new == old)
    })
}

/// Returns whether labels that nodes must have only got more.
pub(super) fn only_adds_labels(new: &Value, old: &Value) -> bool {
    entries(old, "nodeSelector")
        .all(|(key, value)| map(new, "nodeSelector").and_then(|labels| labels.get(key)) == Some(value))
}
