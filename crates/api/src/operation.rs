//! What a person, or a part of Stanchion, asks to be done once: an annotation on the cluster.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The annotation. The result stands in `status.operation`.
pub const OPERATION: &str = "stanchion.dev/operation";

/// Something that is asked for once, as JSON in the annotation [`OPERATION`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// Which request this is: one with another id is another request.
    pub id: String,
    /// What.
    pub kind: OperationKind,
    /// Who is to be the primary; without it the best one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How long it may take; without it the cluster's `switchoverDeadline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u32>,
    /// Whether acknowledged writes may be lost, if it must be.
    #[serde(default)]
    pub allow_data_loss: bool,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    /// The primary hands over in order; it goes on if the deadline passes.
    Switchover,
    /// The primary is given up.
    Failover,
}

/// An annotation that is no operation.
#[derive(Debug, Error)]
#[error("the annotation {OPERATION} is no operation")]
pub struct OperationError(#[source] serde_json::Error);

impl Operation {
    /// Reads the text of an annotation.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        serde_json::from_str(text).map_err(OperationError)
    }

    /// Returns the text of the annotation.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain fields are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_and_unknown_words_are_not() {
        let text = r#"{"id":"a","kind":"switchover","to":"orders-1","deadlineSeconds":30}"#;
        let operation = Operation::parse(text).expect("an operation");
        assert_eq!(operation.kind, OperationKind::Switchover);
        assert_eq!(Operation::parse(&operation.to_text()).expect("an operation"), operation);
        assert!(Operation::parse(r#"{"id":"a","kind":"restart"}"#).is_err());
        assert!(Operation::parse(r#"{"id":"a","kind":"failover","force":true}"#).is_err());
    }
}
