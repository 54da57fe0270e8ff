//! Connections and statements.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use stanchion_ha_core::{Position, PositionError};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// So many statements of a lane are under way at once; others wait, within their deadlines.
const AT_ONCE: usize = 3;
/// A connection may be idle for so long, in seconds: the server's own limit, 365 days.
const IDLE: usize = 31_536_000;
/// Larger than any answer here.
const PACKET: usize = 16 * 1024 * 1024;

/// A statement that failed.
#[derive(Debug, Error)]
pub enum SqlError {
    /// The server could not be connected to.
    #[error("cannot {what}: cannot connect to the database")]
    Connect {
        /// What was being done.
        what: &'static str,
        /// Why.
        #[source]
        source: mysql_async::Error,
    },
    /// The server refused a statement, or the connection broke.
    #[error("cannot {what}")]
    Statement {
        /// What was being done.
        what: &'static str,
        /// Why.
        #[source]
        source: mysql_async::Error,
    },
    /// There was no answer in time. What was asked may still take effect.
    #[error("cannot {what}: no answer for {after:?}")]
    Deadline {
        /// What was being done.
        what: &'static str,
        /// For how long it was waited.
        after: Duration,
    },
    /// The answer lacks something.
    #[error("the database's answer has no {0}")]
    Lacks(&'static str),
    /// The answer has a position that cannot be one.
    #[error("the database's position is not one of a cluster")]
    Position(#[from] PositionError),
    /// It is writable, and what was asked is for those who are not.
    #[error("cannot {what}: the database is writable")]
    Writable {
        /// What was being done.
        what: &'static str,
    },
    /// Commits wait for acknowledgements, and would return without.
    #[error("cannot {what}: {sessions} commits wait for acknowledgements and would return without")]
    Waiting {
        /// What was being done.
        what: &'static str,
        /// How many.
        sessions: u64,
    },
    /// Something that was received is not applied, and would be lost.
    #[error("cannot {what}: received is {received}, and applied only {applied}")]
    Unapplied {
        /// What was being done.
        what: &'static str,
        /// The last transaction that was received.
        received: Position,
        /// The last transaction that was applied.
        applied: Position,
    },
}

impl SqlError {
    /// Returns the server's number for the error, if the server gave one.
    pub fn number(&self) -> Option<u16> {
        match self {
            Self::Connect { source: mysql_async::Error::Server(error), .. }
            | Self::Statement { source: mysql_async::Error::Server(error), .. } => Some(error.code),
            Self::Connect { .. }
            | Self::Statement { .. }
            | Self::Deadline { .. }
            | Self::Lacks(_)
            | Self::Position(_)
            | Self::Writable { .. }
            | Self::Waiting { .. }
            | Self::Unapplied { .. } => None,
        }
    }
}

/// A few connections for one kind of statements.
pub(crate) struct Lane {
    opts: Opts,
    permits: Semaphore,
    idle: Mutex<Vec<Conn>>,
}

impl Lane {
    pub(crate) fn new(socket: &Path) -> Self {
        let opts = OptsBuilder::default()
            .socket(Some(socket.to_string_lossy()))
            .prefer_socket(false)
            .user(Some("root"))
            .max_allowed_packet(Some(PACKET))
            .wait_timeout(Some(IDLE))
            .setup(vec![format!("SET SESSION wait_timeout = {IDLE}")]);
        Self { opts: opts.into(), permits: Semaphore::new(AT_ONCE), idle: Mutex::new(Vec::new()) }
    }

    /// Carries out statements on one connection, and returns the rows of the last.
    ///
    /// A connection on which something failed is not used again, so that nothing of a session is left over.
    pub(crate) async fn rows(
        &self,
        what: &'static str,
        statements: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Row>, SqlError> {
        let until = Instant::now() + deadline;
        let late = || SqlError::Deadline { what, after: deadline };
        let Ok(permit) = timeout_at(until, self.permits.acquire()).await else { return Err(late()) };
        let mut again = true;
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => match timeout_at(until, Conn::new(self.opts.clone())).await {
                    Err(_) => return Err(late()),
                    Ok(connection) => connection.map_err(|source| SqlError::Connect { what, source })?,
                },
            };
            let outcome = timeout_at(until, run(&mut connection, statements)).await;
            // Dropping the connection leaves the statement to the server: to kill one that waits for an acknowledgement would
            // commit it without.
            let Ok(outcome) = outcome else { return Err(late()) };
            match outcome {
                Ok(rows) => {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                    drop(permit);
                    return Ok(rows);
                }
                // A connection of a server's earlier life: nothing of this has been asked yet.
                Err(Failed { first: true, source }) if was_kept && again && !is_answer(&source) => {
                    again = false;
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                Err(Failed { source, .. }) => return Err(SqlError::Statement { what, source }),
            }
        }
    }

    /// Carries out a statement on a connection of its own, for as long as it takes.
    pub(crate) async fn alone(&self, what: &'static str, statement: &str) -> Result<(), SqlError> {
        let mut connection =
            Conn::new(self.opts.clone()).await.map_err(|source| SqlError::Connect { what, source })?;
        connection.query_drop(statement).await.map_err(|source| SqlError::Statement { what, source })?;
        connection.disconnect().await.map_err(|source| SqlError::Statement { what, source })
    }

    /// Carries out a statement and returns its first row.
    pub(crate) async fn row(
        &self,
        what: &'static str,
        statement: &str,
        deadline: Duration,
    ) -> Result<Row, SqlError> {
        let rows = self.rows(what, &[statement], deadline).await?;
        rows.into_iter().next().ok_or(SqlError::Lacks("row"))
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

struct Failed {
    /// Whether it was the first statement.
    first: bool,
    source: mysql_async::Error,
}

async fn run(connection: &mut Conn, statements: &[&str]) -> Result<Vec<Row>, Failed> {
    let mut rows = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        rows = connection.query(*statement).await.map_err(|source| Failed { first: number == 0, source })?;
    }
    Ok(rows)
}

fn is_answer(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(_))
}

/// Returns a column as text; what is NULL is empty.
pub(crate) fn field(row: &Row, name: &'static str) -> Result<String, SqlError> {
    match row.get_opt::<Value, _>(name) {
        Some(Ok(Value::NULL)) => Ok(String::new()),
        Some(Ok(Value::Bytes(bytes))) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Some(Ok(Value::Int(number))) => Ok(number.to_string()),
        Some(Ok(Value::UInt(number))) => Ok(number.to_string()),
        Some(Ok(_) | Err(_)) | None => Err(SqlError::Lacks(name)),
    }
}

/// Returns a column as a position.
pub(crate) fn position(row: &Row, name: &'static str) -> Result<Position, SqlError> {
    Ok(field(row, name)?.parse()?)
}

/// Returns a column as a number; what is NULL is 0.
pub(crate) fn number(row: &Row, name: &'static str) -> Result<u64, SqlError> {
    let text = field(row, name)?;
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| SqlError::Lacks(name)) }
}
