//! Paths inside a volume.

use std::fmt;

use thiserror::Error;

/// A relative path that never steps back: it stays below whatever it is joined to, if no symbolic link leads out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SafePath(String);

/// A path that could lead out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// It is absolute.
    #[error("path {0:?} must be relative")]
    Absolute(String),
    /// It steps back.
    #[error("path {0:?} must not contain '..'")]
    StepsBack(String),
    /// It names nothing.
    #[error("path {0:?} names nothing")]
    Empty(String),
    /// It contains a character no path can contain.
    #[error("path {0:?} contains a NUL character")]
    Nul(String),
}

impl SafePath {
    /// Reads a path. Parts that say nothing (`.` and empty ones) are left out.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(PathError::Nul(text.to_owned()));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") {
            return Err(PathError::StepsBack(text.to_owned()));
        }
        if parts.is_empty() {
            return Err(PathError::Empty(text.to_owned()));
        }
        Ok(Self(parts.join("/")))
    }

    /// Returns it as text, with neither a leading nor a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
