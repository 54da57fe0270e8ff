//! Label selectors.

use std::collections::BTreeMap;

use serde::Deserialize;
use stanchion_machinery::selector::{Labels, Operator, Requirement};

/// Which objects are meant, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels they have.
    pub match_labels: BTreeMap<String, String>,
    /// What else holds of their labels.
    pub match_expressions: Vec<Expression>,
}

/// One thing that holds of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expression {
    /// Of which label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values that the operator is about.
    pub values: Vec<String>,
}

/// A selector that can be held against labels.
#[derive(Clone, Debug)]
pub struct Selector(Labels);

impl LabelSelector {
    /// Understands it. None if it cannot be understood: then nothing can be said of what it selects.
    pub fn compile(&self) -> Option<Selector> {
        let mut all = Vec::new();
        for (key, value) in &self.match_labels {
            all.push(Requirement::new(key, Operator::In, vec![value.clone()]).ok()?);
        }
        for expression in &self.match_expressions {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            all.push(Requirement::new(&expression.key, operator, expression.values.clone()).ok()?);
        }
        Some(Selector(if all.is_empty() { Labels::everything() } else { Labels::all_of(all) }))
    }

    /// Returns whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Selector {
    /// Understands the selector of a Service, which is labels alone.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() }.compile()
    }

    /// Returns whether labels are meant.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.matches(|key| labels.get(key).map(String::as_str))
    }
}
