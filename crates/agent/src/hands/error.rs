//! What can go wrong.

use std::path::PathBuf;

use stanchion_engine::mariadb::{
    ApplyError, CopyError, DemoteError, DrainError, FilesError, InitializeError, OfflineError,
    ReadyError, SqlError, StartError,
};
use stanchion_ha_core::InstanceName;
use thiserror::Error;
use tokio::task::JoinError;

use crate::marker::MarkerError;

/// Something that was done to the database failed.
#[derive(Debug, Error)]
pub(crate) enum HandError {
    /// Files could not be put in order.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The data directory could not be made.
    #[error(transparent)]
    Initialize(#[from] InitializeError),
    /// The files could not be read, or what does not belong not be saved.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The process could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The process does not answer.
    #[error(transparent)]
    Ready(#[from] ReadyError),
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// What was received could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// What an earlier life received could not be applied.
    #[error(transparent)]
    Drain(#[from] DrainError),
    /// A primary could not be made to stop writing.
    #[error(transparent)]
    Demote(#[from] DemoteError),
    /// The data could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The marker could not be set or removed.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// A password could not be read.
    #[error("cannot read the password in {path}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Nobody knows the number of an instance that is to be refused.
    #[error("cannot refuse {0}: its number as a server is not known")]
    Stranger(InstanceName),
    /// Another agent could not be reached.
    #[error("cannot reach the agent of the source")]
    Connect(#[source] std::io::Error),
    /// Another agent does not answer in its protocol.
    #[error("cannot ask the agent of the source for a copy")]
    Ask(#[from] hyper::Error),
    /// Another agent refuses.
    #[error("the agent of the source answers {status}: {said}")]
    Refused {
        /// The status.
        status: http::StatusCode,
        /// Its words.
        said: String,
    },
    /// Another agent does not answer in time.
    #[error("the agent of the source does not answer")]
    Late,
    /// A task ended early.
    #[error("a task ended early")]
    Task(#[from] JoinError),
}

impl HandError {
    /// Returns the error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }

    /// Returns whether a primary writes as before, although it should have stopped.
    pub(crate) fn is_undone_demotion(&self) -> bool {
        matches!(self, Self::Demote(DemoteError::Undone(_)))
    }
}
