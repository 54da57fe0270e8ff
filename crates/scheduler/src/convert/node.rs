//! Nodes, and selectors over them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node as ApiNode, NodeSelectorTerm, Taint as ApiTaint};
use stanchion_machinery::selector::{Labels, Requirement};
use stanchion_scheduler_core::{Effect, Image, NameRequirement, Node, NodeTerm, Selector, Taint};

use super::{ConvertError, labels, requirement, resources};

/// Converts a node. An amount that cannot be read counts as nothing, so that nothing is put there on its account.
pub(crate) fn node(node: &ApiNode) -> Node {
    let name: Arc<str> = node.metadata.name.as_deref().unwrap_or_default().into();
    let spec = node.spec.as_ref();
    let status = node.status.as_ref();
    let amounts = resources(status.and_then(|status| status.allocatable.as_ref()));
    let (allocatable, pods) = amounts.unwrap_or_else(|error| {
        tracing::warn!(node = %name, error = &error as &dyn std::error::Error, "a node takes no Pods");
        Default::default()
    });
    let images = status.and_then(|status| status.images.as_ref()).into_iter().flatten().map(|image| Image {
        names: image.names.iter().flatten().map(|name| Arc::from(name.as_str())).collect(),
        size: image.size_bytes.unwrap_or(0),
    });
    let taints = spec.and_then(|spec| spec.taints.as_ref()).into_iter().flatten();
    Node {
        labels: labels(node.metadata.labels.as_ref()),
        taints: taints.filter_map(|taint| self::taint(&name, taint)).collect(),
        unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
        allocatable,
        pods: pods.unwrap_or(0),
        images: images.collect(),
        name,
    }
}

fn taint(node: &str, taint: &ApiTaint) -> Option<Taint> {
    let Ok(effect) = effect(&taint.effect) else {
        tracing::warn!(node, effect = taint.effect, "a taint has an effect that is not known");
        return None;
    };
    let value = taint.value.as_deref().unwrap_or_default();
    Some(Taint { key: taint.key.as_str().into(), value: value.into(), effect })
}

/// Reads the effect of a taint.
pub(super) fn effect(word: &str) -> Result<Effect, ConvertError> {
    match word {
        "NoSchedule" => Ok(Effect::NoSchedule),
        "PreferNoSchedule" => Ok(Effect::PreferNoSchedule),
        "NoExecute" => Ok(Effect::NoExecute),
        other => Err(ConvertError::Word { field: "effect of a taint", value: other.to_owned() }),
    }
}

/// Converts the terms of a selector of nodes.
pub(crate) fn node_terms(
    terms: &[NodeSelectorTerm],
    field: &'static str,
) -> Result<Vec<NodeTerm>, ConvertError> {
    terms.iter().map(|term| node_term(term, field)).collect()
}

/// Converts a term of a selector of nodes.
pub(super) fn node_term(term: &NodeSelectorTerm, field: &'static str) -> Result<NodeTerm, ConvertError> {
    let expressions = term.match_expressions.iter().flatten();
    let expressions: Vec<Requirement> = expressions
        .map(|one| requirement(&one.key, &one.operator, one.values.clone().unwrap_or_default(), field))
        .collect::<Result<_, _>>()?;
    let fields = term.match_fields.iter().flatten().map(|one| {
        let is = match one.operator.as_str() {
            "In" => true,
            "NotIn" => false,
            other => return Err(ConvertError::Word { field, value: other.to_owned() }),
        };
        match (one.key.as_str(), one.values.as_deref()) {
            ("metadata.name", Some([name])) => Ok(NameRequirement { is, name: name.as_str().into() }),
            (other, _) => Err(ConvertError::Word { field, value: other.to_owned() }),
        }
    });
    let names = fields.collect::<Result<_, _>>()?;
    Ok(NodeTerm { labels: Selector::new(Labels::all_of(expressions)), names })
}
