//! Failures as a user meets them: what happened, why, and what to do.

use std::error::Error;

use stanchion_store::OpenError;
use stanchion_store::log::LogError;
use stanchion_store::server::ServeError;
use stanchion_store::snapshot::RestoreError;

use crate::exit::Exit;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    exit: Exit,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure that ends with `exit`.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), exit, hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Returns how the command ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the error and its causes, outermost first. A cause that an outer text repeats is left out.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for cause in self.error.chain() {
            let text = cause.to_string();
            if !texts.iter().any(|outer| outer.contains(&text)) {
                texts.push(text);
            }
        }
        texts
    }

    /// Returns what to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failure, error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let exit = match error {
            LogError::Io { .. } | LogError::InUse { .. } => Exit::Storage,
            LogError::Missing { .. } | LogError::Foreign { .. } | LogError::NotEmpty { .. } => Exit::Usage,
            LogError::Manifest { .. }
            | LogError::MissingSegment { .. }
            | LogError::Header { .. }
            | LogError::Damaged { .. }
            | LogError::Record { .. }
            | LogError::History { .. } => Exit::Unhealthy,
        };
        Self::new(exit, error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Log(error) => error.into(),
            OpenError::Thread { .. } => Self::new(Exit::Failure, error),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Log(error) => error.into(),
            RestoreError::NotASnapshot { .. } | RestoreError::Checksum { .. } => {
                Self::new(Exit::Unhealthy, error)
            }
            RestoreError::Read { .. } => Self::new(Exit::Storage, error),
        }
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        // The message is etcd's; the rest of the status says nothing to a person.
        let mut error = anyhow::anyhow!("the server refused: {}", status.message());
        if let Some(source) = status.source() {
            error = anyhow::anyhow!("{source}").context(error);
        }
        Self::new(Exit::Unavailable, error)
    }
}
