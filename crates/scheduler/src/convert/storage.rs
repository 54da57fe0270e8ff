//! Claims, volumes, storage classes and disruption budgets.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, TopologySelectorTerm};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass as ApiStorageClass;
use stanchion_machinery::quantity::Quantity;
use stanchion_machinery::selector::{Labels, Operator, Requirement};
use stanchion_scheduler_core::{
    AccessMode, AccessModes, Budget, Claim, ClaimState, Selector, StorageClass, Volume,
};

use super::{ConvertError, labels, node_terms, quantity, selector};

/// Says that the binding of a claim is complete.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Names the node that a volume is to be made for.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

fn modes(modes: Option<&Vec<String>>) -> Result<AccessModes, ConvertError> {
    let mode = |mode: &String| match mode.as_str() {
        "ReadWriteOnce" => Ok(AccessMode::ReadWriteOnce),
        "ReadOnlyMany" => Ok(AccessMode::ReadOnlyMany),
        "ReadWriteMany" => Ok(AccessMode::ReadWriteMany),
        "ReadWriteOncePod" => Ok(AccessMode::ReadWriteOncePod),
        other => Err(ConvertError::Word { field: "accessModes", value: other.to_owned() }),
    };
    modes.into_iter().flatten().map(mode).collect()
}

fn text(text: Option<&String>) -> Arc<str> {
    text.map(String::as_str).unwrap_or_default().into()
}

fn filled(text: Option<&String>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty()).map(|text| text.as_str().into())
}

/// Converts a claim.
pub(crate) fn claim(claim: &PersistentVolumeClaim) -> Result<Claim, ConvertError> {
    let meta = &claim.metadata;
    let spec = claim.spec.clone().unwrap_or_default();
    let noted = |name: &str| meta.annotations.as_ref().and_then(|notes| notes.get(name));
    let lost = claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost");
    let state = match filled(spec.volume_name.as_ref()) {
        Some(volume) if lost => ClaimState::Lost(volume),
        Some(volume) if noted(BIND_COMPLETED).is_some() => ClaimState::Bound(volume),
        Some(_) => ClaimState::Promised,
        None => ClaimState::Pending { selected_node: filled(noted(SELECTED_NODE)) },
    };
    let request = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get("storage"));
    Ok(Claim {
        namespace: text(meta.namespace.as_ref()),
        name: text(meta.name.as_ref()),
        state,
        class: text(spec.storage_class_name.as_ref()),
        deleting: meta.deletion_timestamp.is_some(),
        request: request.map_or(Ok(0), |amount| quantity("storage", amount).map(Quantity::value))?,
        modes: modes(spec.access_modes.as_ref())?,
        block: spec.volume_mode.as_deref() == Some("Block"),
        selector: spec
            .selector
            .as_ref()
            .map(|given| selector(Some(given), "the selector of a claim"))
            .transpose()?,
    })
}

/// Converts a volume.
pub(crate) fn volume(volume: &PersistentVolume) -> Result<Volume, ConvertError> {
    let meta = &volume.metadata;
    let spec = volume.spec.clone().unwrap_or_default();
    let capacity = spec.capacity.as_ref().and_then(|capacity| capacity.get("storage"));
    let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    let nodes =
        required.map(|required| node_terms(&required.node_selector_terms, "the node affinity of a volume"));
    let claim =
        spec.claim_ref.as_ref().map(|claim| (text(claim.namespace.as_ref()), text(claim.name.as_ref())));
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    Ok(Volume {
        name: text(meta.name.as_ref()),
        class: text(spec.storage_class_name.as_ref()),
        capacity: capacity.map_or(Ok(0), |amount| quantity("storage", amount).map(Quantity::value))?,
        modes: modes(spec.access_modes.as_ref())?,
        block: spec.volume_mode.as_deref() == Some("Block"),
        labels: labels(meta.labels.as_ref()),
        nodes: nodes.transpose()?,
        claim,
        available: meta.deletion_timestamp.is_none()
            && phase.is_none_or(|phase| matches!(phase, "" | "Available" | "Pending")),
    })
}

/// Converts a storage class.
pub(crate) fn storage_class(class: &ApiStorageClass) -> Result<StorageClass, ConvertError> {
    let topologies = class.allowed_topologies.iter().flatten().map(topology).collect::<Result<_, _>>()?;
    Ok(StorageClass {
        name: text(class.metadata.name.as_ref()),
        provisioner: class.provisioner.as_str().into(),
        waits: class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"),
        topologies,
    })
}

fn topology(term: &TopologySelectorTerm) -> Result<Selector, ConvertError> {
    let field = "allowedTopologies";
    let one = |key: &str, values: &[String]| {
        Requirement::new(key, Operator::In, values.to_vec())
            .map_err(|source| ConvertError::Selector { field, source })
    };
    let expressions = term.match_label_expressions.iter().flatten();
    let all = expressions.map(|given| one(&given.key, &given.values)).collect::<Result<_, _>>()?;
    Ok(Selector::new(Labels::all_of(all)))
}

/// Converts a budget.
pub(crate) fn budget(budget: &PodDisruptionBudget) -> Result<Budget, ConvertError> {
    let given = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let status = budget.status.as_ref();
    let disrupted = status.and_then(|status| status.disrupted_pods.as_ref());
    Ok(Budget {
        namespace: text(budget.metadata.namespace.as_ref()),
        name: text(budget.metadata.name.as_ref()),
        selector: selector(given, "the selector of a disruption budget")?,
        allowed: status.map_or(0, |status| status.disruptions_allowed.unwrap_or(0)),
        disrupted: disrupted.into_iter().flatten().map(|(name, _)| name.as_str().into()).collect(),
    })
}
