//! What failed: one error for a system call, and how a chain of errors becomes one line.

use std::io;

/// A system call failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}")]
pub struct SystemError {
    /// What was being done, to which object.
    pub doing: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Names what was being done when a call failed.
pub(crate) trait Doing<T> {
    /// Wraps the error; `what` continues the word "cannot".
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SystemError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SystemError> {
        self.map_err(|error| SystemError { doing: what(), source: error.into() })
    }
}

/// Returns an error that has no system call behind it.
pub(crate) fn refusal(doing: impl Into<String>, why: impl Into<String>) -> SystemError {
    SystemError { doing: doing.into(), source: io::Error::other(why.into()) }
}

/// Returns `error` and its sources on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        line.push_str(": ");
        line.push_str(&source.to_string());
        next = source.source();
    }
    line
}
