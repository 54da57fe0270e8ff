//! Applying what was received.

use std::path::PathBuf;
use std::time::Duration;

use stanchion_ha_core::Position;
use thiserror::Error;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};

use super::following::{Trouble, trouble};
use super::sql::{field, number};
use super::{CHANGE, Instance, STOP_REPLICATION, SqlError};
use crate::mariadb::Layout;
use crate::mariadb::offline::{self, OfflineError, Place, Unapplied};
use crate::mariadb::text::literal;

/// How often it is looked whether something has been applied.
const LOOK: Duration = Duration::from_millis(5);
/// Every so many looks it is looked whether applying goes on at all.
const LOOKS_AT_THREAD: u32 = 20;

/// What was received could not be applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// A statement failed.
    #[error("cannot apply what was received")]
    Sql(#[from] SqlError),
    /// A transaction fails.
    #[error("cannot apply what was received behind {at}: error {}: {}", trouble.number, trouble.text)]
    Trouble {
        /// The last transaction that was applied.
        at: Position,
        /// What it fails of.
        trouble: Trouble,
    },
    /// Applying had stopped, and what was received could not be found.
    #[error("cannot apply what was received")]
    Relay(#[source] Box<DrainError>),
    /// It takes longer than it may.
    #[error("after {after:?} transactions are applied up to {applied}, and {wanted} was received")]
    Deadline {
        /// How long it had.
        after: Duration,
        /// The last transaction that was applied.
        applied: Position,
        /// The last transaction that was received.
        wanted: Position,
    },
}

/// Relay logs that could not be applied after a start.
#[derive(Debug, Error)]
pub enum DrainError {
    /// They could not be read.
    #[error("cannot read what was received in an earlier life")]
    Read(#[from] OfflineError),
    /// The task that reads them ended early.
    #[error("the task that reads relay logs ended early")]
    Task(#[from] JoinError),
    /// A statement failed.
    #[error("cannot apply what was received in an earlier life")]
    Sql(#[from] SqlError),
    /// A transaction could not be applied, or not in time.
    #[error("cannot apply what was received in an earlier life")]
    Apply(#[from] ApplyError),
    /// A file has no name in its directory.
    #[error("{} is no relay log", .0.display())]
    Name(PathBuf),
}

impl Instance {
    /// Waits until all that was received is applied, and returns the last of it. Receiving should have stopped.
    pub async fn apply_received(&self, deadline: Duration) -> Result<Position, ApplyError> {
        let until = Instant::now() + deadline;
        let received = self.positions().await?.received;
        let health = self.check().await?;
        if health.executed.reaches(received) && health.replicated.reaches(received) {
            return Ok(received);
        }
        if self.is_applying(health.replicated).await.is_ok() {
            return self.applied_to(received, until, deadline).await;
        }
        // To start it as usual would throw away what is not applied, now that receiving has stopped, too.
        let layout = self.inner.layout.clone();
        match self.drain_relay_log(&layout, until.saturating_duration_since(Instant::now())).await {
            Ok(applied) if applied.reaches(received) => Ok(applied),
            Ok(applied) => Err(ApplyError::Deadline { after: deadline, applied, wanted: received }),
            Err(DrainError::Apply(error)) => Err(error),
            Err(DrainError::Sql(error)) => Err(error.into()),
            Err(error @ (DrainError::Read(_) | DrainError::Task(_) | DrainError::Name(_))) => {
                Err(ApplyError::Relay(Box::new(error)))
            }
        }
    }

    /// Applies what an earlier life of the server received and did not apply, and returns the last transaction that the
    /// server holds then.
    ///
    /// To be called after each start, before replication begins: to begin throws away what is not applied, though it may
    /// have been acknowledged. If it fails, transactions that were acknowledged may be missing.
    pub async fn drain_relay_log(&self, layout: &Layout, deadline: Duration) -> Result<Position, DrainError> {
        const WHAT: &str = "apply what was received in an earlier life";
        let until = Instant::now() + deadline;
        let applied = self.executed().await?;
        let look = layout.clone();
        let unapplied = tokio::task::spawn_blocking(move || offline::unapplied(&look, applied)).await??;
        let Some(Unapplied { begin: Place { file, offset }, last }) = unapplied else { return Ok(applied) };
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| DrainError::Name(file.clone()))?;
        tracing::info!(%applied, received = %last, file = name, offset, "applying what an earlier life received");
        let threads = "SELECT @@GLOBAL.slave_parallel_threads AS threads";
        let threads = number(&self.inner.work.row(WHAT, threads, CHANGE).await?, "threads")?;
        // Where the server thinks it was is not up to date after a crash; the ids in the file are. The address is not used.
        // Threads that apply in parallel bring down the server when they begin by a place and not by an id.
        let begin = format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_USE_GTID = no, RELAY_LOG_FILE = {}, RELAY_LOG_POS = {offset}",
            literal(&name)
        );
        self.stop_replication(WHAT).await?;
        let alone = "SET GLOBAL slave_parallel_threads = 0";
        self.change(WHAT, &[alone, &begin, "START SLAVE SQL_THREAD"]).await?;
        let applied = self.applied_to(last, until, deadline).await;
        let again = format!("SET GLOBAL slave_parallel_threads = {threads}");
        self.inner.work.rows(WHAT, &["STOP SLAVE", &again], STOP_REPLICATION).await?;
        let applied = applied?;
        self.change(WHAT, &["RESET SLAVE ALL"]).await?;
        Ok(applied)
    }

    async fn applied_to(
        &self,
        wanted: Position,
        until: Instant,
        deadline: Duration,
    ) -> Result<Position, ApplyError> {
        let mut looks: u32 = 0;
        loop {
            let health = self.check().await?;
            // The first is set before the storage engine has committed, the second with it.
            if health.executed.reaches(wanted) && health.replicated.reaches(wanted) {
                return Ok(health.executed);
            }
            let applied = health.replicated;
            looks += 1;
            if looks.is_multiple_of(LOOKS_AT_THREAD) {
                self.is_applying(applied).await?;
            }
            if Instant::now() >= until {
                return Err(ApplyError::Deadline { after: deadline, applied, wanted });
            }
            sleep(LOOK).await;
        }
    }

    async fn is_applying(&self, at: Position) -> Result<(), ApplyError> {
        let Some(row) = self.slave_status().await? else {
            let trouble = Trouble { number: 0, text: "no primary is set".to_owned() };
            return Err(ApplyError::Trouble { at, trouble });
        };
        if field(&row, "Slave_SQL_Running")? == "Yes" {
            return Ok(());
        }
        let trouble = trouble(&row, "Last_SQL_Errno", "Last_SQL_Error")?;
        let stopped = || Trouble { number: 0, text: "applying was stopped".to_owned() };
        Err(ApplyError::Trouble { at, trouble: trouble.unwrap_or_else(stopped) })
    }
}
