//! What can be wrong with a log; every error names the file, and the place in it.

use std::io;
use std::path::PathBuf;

use stanchion_store_core::batch::SegmentHeaderError;
use stanchion_store_core::keyspace::ReplayError;
use stanchion_store_core::record::RecordError;

/// A log that cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused an operation.
    #[error("cannot {doing} {path}")]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("{path} is in use by another process; stop it, or give another --data-dir")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no store.
    #[error("there is no store in {path}; `stanchion store serve --data-dir` creates one")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error("{path} holds {what}, not a store of stanchion; give an empty --data-dir")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The directory that a store is to be restored into is not empty.
    #[error("{path} is not empty; a store is restored only into a new or empty directory")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The manifest is damaged or of another version.
    #[error("{path}: the manifest is {problem}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A segment that the manifest or its neighbours call for is not there.
    #[error("{path}: the segment is missing")]
    MissingSegment {
        /// Where it should be.
        path: PathBuf,
    },
    /// The head of a segment is damaged.
    #[error("{path}: offset 0: {source}")]
    Header {
        /// The segment.
        path: PathBuf,
        /// What is wrong.
        source: SegmentHeaderError,
    },
    /// A batch is damaged, and acknowledged data is lost with it.
    #[error("{path}: offset {offset}: {problem}; restore a snapshot, or the file from a copy")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A record inside a whole batch is damaged.
    #[error("{path}: offset {offset}: {source}")]
    Record {
        /// The segment.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        source: RecordError,
    },
    /// The records do not make a history.
    #[error("{path}: offset {offset}: {source}")]
    History {
        /// The segment.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        source: ReplayError,
    },
}

impl LogError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// Whether the disk, or the user's share of it, is full.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// Renders the error with its causes, for a place that holds one text.
    pub fn chain(&self) -> String {
        use std::error::Error;
        let mut text = self.to_string();
        if let Self::Io { .. } = self
            && let Some(source) = self.source()
        {
            text.push_str(": ");
            text.push_str(&source.to_string());
        }
        text
    }
}
