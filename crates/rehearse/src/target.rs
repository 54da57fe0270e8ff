//! What can be written to: a database behind one address.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

/// Where a database is, and as whom to come in.
#[derive(Clone, Debug)]
pub struct Access {
    /// A name or an address; a name is resolved for each connection.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// The database that the tables are in.
    pub database: String,
}

/// A password that does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Tells the rows of one writer from those of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RunId(i64);

impl RunId {
    /// Makes one that nobody else has.
    pub fn random() -> Self {
        // So many bits are exact in every dialect, and in JSON.
        let number = RandomState::new().build_hasher().finish() >> 12;
        Self(i64::try_from(number).expect("52 bits fit"))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row as it was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The row's key, which the database gave it; goes up.
    pub id: i64,
    /// The number that was written.
    pub number: u64,
}

/// Why something did not succeed.
#[derive(Debug, Error)]
pub enum Failure {
    /// A connection took too long.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// There was no connection.
    #[error("no connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// A statement took too long; its outcome is unknown.
    #[error("no answer within {0:?}")]
    StatementTimeout(Duration),
    /// The connection broke under a statement, whose outcome is unknown.
    #[error("the connection was lost")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// The database answered with an error.
    #[error("refused by the database")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Returns the failure with its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // Some libraries repeat the text of their source in their own.
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }
}

/// A database that can be connected to.
pub trait Target: Clone + Send + Sync + 'static {
    /// An open connection.
    type Session: Session;

    /// Opens a connection. The caller sets the deadline: dropping the future gives up.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, Failure>> + Send;
}

/// An open connection. After a failure, or after a future that was dropped, it is not used again.
pub trait Session: Send + 'static {
    /// Creates the table, unless it is there.
    fn prepare(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Writes one row, and returns when the database has acknowledged it.
    fn write(&mut self, run: RunId, number: u64) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Returns up to `most` rows of a run behind an id, in the order of their ids.
    fn read(
        &mut self,
        run: RunId,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<Stored>, Failure>> + Send;

    /// Removes the rows of a run with ids up to this one.
    fn remove(&mut self, run: RunId, up_to: i64) -> impl Future<Output = Result<(), Failure>> + Send;
}
