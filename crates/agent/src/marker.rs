//! Markers: files that say by being there what the next life of an agent has to know.
//!
//! `wrote`: the database was writable and has not handed over. It is on disk before the database becomes writable, and goes
//! only after the database has stopped writing in an orderly way. Whoever finds it at a start has a binary log that may hold
//! what nobody acknowledged.
//!
//! `lost`: something is gone that others count on, be it all files, or what was not yet on the disk when the machine went
//! down. It is on disk before anything is made anew or started, and goes when all is there again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A marker that cannot be set or removed.
#[derive(Debug, Error)]
#[error("cannot {doing} the marker {path}")]
pub(crate) struct MarkerError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl MarkerError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self { doing, path: path.to_owned(), source }
    }
}

/// A marker of one data volume.
#[derive(Clone, Debug)]
pub(crate) struct Marker {
    directory: PathBuf,
    path: PathBuf,
}

impl Marker {
    /// The marker of a database that was writable.
    pub(crate) fn wrote(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join("wrote") }
    }

    /// The marker of files that are gone.
    pub(crate) fn lost(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join("lost") }
    }

    /// Returns whether it is there. What cannot be told counts as there, for that is the careful answer.
    pub(crate) fn is_set(&self) -> bool {
        self.path.try_exists().unwrap_or(true)
    }

    /// Sets it, durably.
    pub(crate) fn set(&self) -> Result<(), MarkerError> {
        let set = || {
            File::create(&self.path)?.sync_all()?;
            File::open(&self.directory)?.sync_all()
        };
        set().map_err(|source| self.error("set", source))
    }

    /// Removes it, durably.
    pub(crate) fn remove(&self) -> Result<(), MarkerError> {
        let remove = || {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            File::open(&self.directory)?.sync_all()
        };
        remove().map_err(|source| self.error("remove", source))
    }

    fn error(&self, doing: &'static str, source: io::Error) -> MarkerError {
        MarkerError { doing, path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_and_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let marker = Marker::wrote(directory.path());
        assert!(!marker.is_set());
        marker.set().expect("it can be set");
        marker.set().expect("it can be set again");
        assert!(marker.is_set());
        marker.remove().expect("it can be removed");
        marker.remove().expect("it can be removed again");
        assert!(!marker.is_set());
    }
}
