//! Why an apply fails, and how the API says so.

use serde_json::Value;
use thiserror::Error;

use super::element::FieldPath;
use super::managed::Entry;
use super::values;
use crate::status::{Cause, Details, Reason, Status};

/// One field that another owns with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The owner in words, such as `"kubectl-client-side-apply" using apps/v1`.
    pub manager: String,
    /// The field.
    pub path: FieldPath,
}

/// An apply that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// Others own fields with other values. Sorted by owner.
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration, or the ownership that the object records, makes no sense.
    #[error("{message}")]
    Invalid {
        /// The reason of the status.
        reason: Reason,
        /// What is wrong.
        message: String,
    },
}

impl ApplyError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::Invalid { reason: Reason::BadRequest, message: message.into() }
    }

    /// A failure that the API tells with code 500 and no reason.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::Invalid { reason: Reason::Unknown, message: message.into() }
    }

    /// Returns the failure as the API tells it.
    pub fn to_status(&self) -> Status {
        match self {
            Self::Conflicts(conflicts) => {
                let causes = conflicts.iter().map(cause).collect();
                let details = Details { causes, ..Details::default() };
                let mut status = Status::new(Reason::Conflict, conflict_message(conflicts));
                status.details = Some(Box::new(details));
                status
            }
            Self::Invalid { reason, message } => Status::new(*reason, message.clone()),
        }
    }
}

fn cause(conflict: &Conflict) -> Cause {
    Cause {
        reason: "FieldManagerConflict".to_owned(),
        message: format!("conflict with {}", conflict.manager),
        field: conflict.path.to_string(),
    }
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, one.path);
    }
    let mut lines = Vec::with_capacity(conflicts.len() + 1);
    for group in conflicts.chunk_by(|a, b| a.manager == b.manager) {
        lines.extend(group.first().map(|first| format!("conflicts with {}:", first.manager)));
        lines.extend(group.iter().map(|conflict| format!("- {}", conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// Names an owner as conflicts do.
pub(super) fn describe(entry: &Entry<'_>) -> String {
    let mut words = values::quote(&entry.manager);
    if !entry.subresource.is_empty() {
        words.push_str(" with subresource ");
        words.push_str(&values::quote(&entry.subresource));
    }
    if !entry.applied {
        words.push_str(" using ");
        words.push_str(&entry.api_version);
    }
    words
}

/// Names an object and its kind as failures of apply do.
pub(super) fn describe_object(object: &Value) -> String {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or("");
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let (namespace, name) = (crate::meta::namespace(object), crate::meta::name(object));
    format!("{namespace}/{name}; {group}/{version}, Kind={}", text("kind"))
}
