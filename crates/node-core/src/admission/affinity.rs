//! Whether a node is one that a Pod wants to run on.

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, PodSpec};

use super::Place;

/// Returns whether the labels that a Pod selects and the affinity that it requires are met.
pub(super) fn matches(spec: &PodSpec, place: &Place<'_>) -> bool {
    let selected =
        spec.node_selector.iter().flatten().all(|(key, value)| place.labels.get(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    selected
        && required.is_none_or(|required| required.node_selector_terms.iter().any(|term| meets(term, place)))
}

/// Returns whether a node meets all of a term; an empty term is met by none.
fn meets(term: &NodeSelectorTerm, place: &Place<'_>) -> bool {
    let labels = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let label = |one: &NodeSelectorRequirement| holds(one, place.labels.get(&one.key).map(String::as_str));
    // There is one field.
    let field = |one: &NodeSelectorRequirement| one.key == "metadata.name" && holds(one, Some(place.name));
    !(labels.is_empty() && fields.is_empty()) && labels.iter().all(label) && fields.iter().all(field)
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = value.is_some_and(|value| values.iter().any(|one| one == value));
    let numbers = || Some((value?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
    match requirement.operator.as_str() {
        "In" => among,
        "NotIn" => !among,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(is, bound)| is > bound),
        "Lt" => numbers().is_some_and(|(is, bound)| is < bound),
        // The API takes no others.
        _ => false,
    }
}
