//! What can go wrong.

use std::path::PathBuf;

use stanchion_engine::mariadb::{
    ApplyError, CopyError, DemoteError, DrainError, FilesError, InitializeError, OfflineError, ReadyError,
    SqlError, StartError,
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
    Files(Box<FilesError>),
    /// The data directory could not be made.
    #[error(transparent)]
    Initialize(Box<InitializeError>),
    /// The files could not be read, or what does not belong not be saved.
    #[error(transparent)]
    Offline(Box<OfflineError>),
    /// The process could not be started.
    #[error(transparent)]
    Start(Box<StartError>),
    /// The process does not answer.
    #[error(transparent)]
    Ready(Box<ReadyError>),
    /// A statement failed.
    #[error(transparent)]
    Sql(Box<SqlError>),
    /// What was received could not be applied.
    #[error(transparent)]
    Apply(Box<ApplyError>),
    /// What an earlier life received could not be applied.
    #[error(transparent)]
    Drain(Box<DrainError>),
    /// A primary could not be made to stop writing.
    #[error(transparent)]
    Demote(Box<DemoteError>),
    /// The data could not be copied.
    #[error(transparent)]
    Copy(Box<CopyError>),
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
    /// The number under which the database writes could not be changed.
    #[error("cannot change the server id")]
    Number(#[source] mysql_async::Error),
    /// It took too long.
    #[error("cannot change the server id: no answer in time")]
    NumberLate,
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

/// What the server says of a transaction that does not fit: a database, table, column, key or row is there and should
/// not be, or is not and should. A full disk, a lock, and whatever else may pass are not among them.
const MISFITS: [u64; 20] = [
    1007, 1008, 1032, 1049, 1050, 1051, 1054, 1060, 1061, 1062, 1091, 1146, 1304, 1305, 1396, 1451, 1452,
    1535, 1677, 1950,
];

/// Errors of the engine say much, and are seldom: they are kept apart.
macro_rules! kept_apart {
    ($($variant:ident of $error:ident,)*) => {
        $(impl From<$error> for HandError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

kept_apart! {
    Files of FilesError,
    Initialize of InitializeError,
    Offline of OfflineError,
    Start of StartError,
    Ready of ReadyError,
    Sql of SqlError,
    Apply of ApplyError,
    Drain of DrainError,
    Demote of DemoteError,
    Copy of CopyError,
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

    /// Returns whether a transaction that was received does not fit the data: to try again does not help.
    pub(crate) fn is_misfit(&self) -> bool {
        let apply = match self {
            Self::Apply(error) => &**error,
            Self::Drain(error) => match &**error {
                DrainError::Apply(error) => error,
                _ => return false,
            },
            _ => return false,
        };
        matches!(apply, ApplyError::Trouble { trouble, .. } if MISFITS.contains(&trouble.number))
    }

    /// Returns whether commits wait that nobody will acknowledge.
    pub(crate) fn is_held_by_commits(&self) -> bool {
        matches!(self, Self::Sql(error) if matches!(**error, SqlError::Waiting { .. }))
    }

    /// Returns whether a primary writes as before, although it should have stopped.
    pub(crate) fn is_undone_demotion(&self) -> bool {
        matches!(self, Self::Demote(error) if matches!(**error, DemoteError::Undone(_)))
    }
}
