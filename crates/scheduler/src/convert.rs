//! Objects of the API as the core takes them. Each change of an object is converted once.
//!
//! What cannot be taken is an error that names the field; the Pod is then not scheduled, and its owner is told.

mod node;
mod pod;
mod relation;
mod storage;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use stanchion_machinery::quantity::{Quantity, QuantityError};
use stanchion_machinery::selector::{Labels, Operator, Requirement, SelectorError};
use stanchion_scheduler_core::{LabelSet, Resources, Selector};
use thiserror::Error;

pub(crate) use self::node::{node, node_terms};
pub(crate) use self::pod::{Converted, pod};
pub(crate) use self::storage::{BIND_COMPLETED, SELECTED_NODE, budget, claim, storage_class, volume};

/// Something in an object that cannot be taken.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// A selector that says nothing sensible.
    #[error("cannot read {field}")]
    Selector {
        /// Where it stands.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: SelectorError,
    },
    /// An amount that is none.
    #[error("cannot read the amount of {resource}")]
    Quantity {
        /// Of what.
        resource: String,
        /// What is wrong with it.
        #[source]
        source: QuantityError,
    },
    /// A word that is not one of those that are known.
    #[error("{field}: {value:?} is not supported")]
    Word {
        /// Where it stands.
        field: &'static str,
        /// The word.
        value: String,
    },
    /// Something that this scheduler does not do.
    #[error("{field} is not supported by this scheduler")]
    Unsupported {
        /// What.
        field: &'static str,
    },
}

type Map = BTreeMap<String, String>;

/// Returns labels.
pub(crate) fn labels(labels: Option<&Map>) -> LabelSet {
    LabelSet::new(labels.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// Returns a `LabelSelector`; none selects nothing.
pub(crate) fn selector(
    selector: Option<&LabelSelector>,
    field: &'static str,
) -> Result<Selector, ConvertError> {
    let Some(selector) = selector else { return Ok(Selector::new(Labels::nothing())) };
    requirements(selector, field).map(|all| Selector::new(Labels::all_of(all)))
}

/// Returns the demands of a `LabelSelector`.
pub(crate) fn requirements(
    selector: &LabelSelector,
    field: &'static str,
) -> Result<Vec<Requirement>, ConvertError> {
    let expressions = selector.match_expressions.iter().flatten();
    let expressions = expressions.map(|one| {
        let values = one.values.clone().unwrap_or_default();
        requirement(&one.key, &one.operator, values, field)
    });
    pairs(selector.match_labels.as_ref(), field).chain(expressions).collect()
}

/// Returns a demand for each of these labels.
pub(crate) fn pairs<'a>(
    labels: Option<&'a Map>,
    field: &'static str,
) -> impl Iterator<Item = Result<Requirement, ConvertError>> + 'a {
    labels.into_iter().flatten().map(move |(key, value)| {
        Requirement::new(key, Operator::Equals, vec![value.clone()])
            .map_err(|source| ConvertError::Selector { field, source })
    })
}

fn requirement(
    key: &str,
    operator: &str,
    values: Vec<String>,
    field: &'static str,
) -> Result<Requirement, ConvertError> {
    let operator = match operator {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        other => return Err(ConvertError::Word { field, value: other.to_owned() }),
    };
    Requirement::new(key, operator, values).map_err(|source| ConvertError::Selector { field, source })
}

/// Returns an amount.
fn quantity(name: &str, amount: &ApiQuantity) -> Result<Quantity, ConvertError> {
    Quantity::parse(amount.0.trim())
        .map_err(|source| ConvertError::Quantity { resource: name.to_owned(), source })
}

type Amounts = BTreeMap<String, ApiQuantity>;

/// Returns amounts of resources, and how many Pods where that is among them.
fn resources(amounts: Option<&Amounts>) -> Result<(Resources, Option<i64>), ConvertError> {
    let mut resources = Resources::default();
    let mut pods = None;
    for (name, amount) in amounts.into_iter().flatten() {
        let amount = quantity(name, amount)?;
        match name.as_str() {
            "cpu" => resources.milli_cpu = amount.milli_value(),
            "memory" => resources.memory = amount.value(),
            "ephemeral-storage" => resources.ephemeral = amount.value(),
            "pods" => pods = Some(amount.value()),
            other => resources.add_extended(&Arc::from(other), amount.value()),
        }
    }
    Ok((resources, pods))
}

/// Returns a time in milliseconds of Unix time.
fn milliseconds(time: &Time) -> i64 {
    time.0.as_millisecond()
}

#[cfg(test)]
mod tests;
