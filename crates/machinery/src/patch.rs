//! Patches: RFC 6902 ([`json`]), RFC 7386 ([`merge`]) and Kubernetes' own strategic merge ([`strategic`]).
//!
//! A document that a patch failed on is in no defined state; callers throw it away.

pub mod json;
pub mod merge;
pub mod strategic;

use thiserror::Error;

use crate::status::{Details, Reason, Status};

/// A patch that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatchError {
    /// The patch is no patch.
    #[error("{0}")]
    Malformed(String),
    /// The patch asks for too much.
    #[error("Request entity is too large: {0}")]
    TooLarge(String),
    /// The patch does not fit the document. Clients are not told why.
    #[error("{0}")]
    Rejected(String),
    /// The patch does not fit the kind.
    #[error("{0}")]
    Unmergeable(String),
}

impl PatchError {
    /// Returns what clients are told.
    pub fn status(&self) -> Status {
        let message = self.to_string();
        let (reason, message) = match self {
            Self::Malformed(_) => (Reason::BadRequest, message),
            Self::TooLarge(_) => (Reason::RequestEntityTooLarge, message),
            Self::Rejected(_) => {
                (Reason::Invalid, "the server rejected our request due to an error in our request".to_owned())
            }
            Self::Unmergeable(_) => (Reason::Unknown, message),
        };
        let details = matches!(self, Self::Rejected(_)).then(Box::<Details>::default);
        Status { details, ..Status::new(reason, message) }
    }
}

#[cfg(test)]
mod tests;
