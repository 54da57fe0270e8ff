//! Selectors: which labels ([`Labels`]) or fields ([`Fields`]) an object must have.

mod fields;
mod labels;
mod object;
mod parse;

pub use fields::{FieldTerm, Fields};
pub use labels::{Labels, Operator, Requirement};
pub use object::validate_label_selector;

use thiserror::Error;

/// A selector that cannot be understood, in the words of the server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);

#[cfg(test)]
mod tests;
