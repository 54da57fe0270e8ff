//! Stopping to write, in an orderly way.
//!
//! To become read-only the server waits for statements that are under way, and meanwhile lets no new one begin: two
//! transactions may then wait for each other. So while it waits, the connections of clients are cut: all but those whose
//! transaction is being committed, which would return from their wait for an acknowledgement without one.

use std::time::Duration;

use stanchion_ha_core::Position;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::sql::number;
use super::{CHANGE, Instance, SqlError};

/// How often it is looked which connections there are to cut.
const LOOK: Duration = Duration::from_millis(10);

/// A primary that could not be made read-only in an orderly way.
#[derive(Debug, Error)]
pub enum DemoteError {
    /// It could not, and is writable as before.
    #[error("cannot stop writing; the database is writable as before")]
    Undone(#[source] SqlError),
    /// It could not, and may be read-only or not, now or later.
    #[error("cannot stop writing, nor take that back: {first}")]
    Unknown {
        /// What failed first.
        first: SqlError,
        /// What failed when it was to be taken back.
        #[source]
        source: SqlError,
    },
}

impl Instance {
    /// Makes a primary read-only, cuts the connections of its clients, and returns the last transaction that it wrote.
    ///
    /// If that takes longer than `deadline`, in whole seconds, all is as before, but for the connections.
    pub async fn demote_orderly(&self, deadline: Duration) -> Result<Position, DemoteError> {
        match self.stop_writing(deadline).await {
            Ok(position) => Ok(position),
            Err(first) => match self.take_back().await {
                Ok(()) => Err(DemoteError::Undone(first)),
                Err(source) => Err(DemoteError::Unknown { first, source }),
            },
        }
    }

    async fn stop_writing(&self, deadline: Duration) -> Result<Position, SqlError> {
        const WHAT: &str = "stop writing";
        // The server gives up by itself, so that nothing is left that would become read-only later.
        let patience = deadline.as_secs_f64().ceil().max(1.0);
        let sql = format!("SET STATEMENT lock_wait_timeout = {patience:.0} FOR SET GLOBAL read_only = ON");
        let statements = [sql.as_str()];
        let set = self.inner.work.rows(WHAT, &statements, deadline + CHANGE);
        tokio::pin!(set);
        loop {
            tokio::select! {
                biased;
                outcome = &mut set => {
                    outcome?;
                    break;
                }
                () = sleep(LOOK) => self.cut(WHAT).await?,
            }
        }
        // Commits that were under way are over, and clients are to look for another primary.
        let until = Instant::now() + CHANGE;
        while self.cut_all(WHAT).await? > 0 {
            if Instant::now() >= until {
                return Err(SqlError::Deadline { what: WHAT, after: CHANGE });
            }
            sleep(LOOK).await;
        }
        self.executed().await
    }

    async fn take_back(&self) -> Result<(), SqlError> {
        self.set_writable().await?;
        if self.check().await?.read_only { Err(SqlError::Lacks("writability")) } else { Ok(()) }
    }

    /// Cuts clients that are not committing.
    async fn cut(&self, what: &'static str) -> Result<(), SqlError> {
        self.cut_where(
            what,
            "AND IFNULL(STATE, '') NOT LIKE '%ommit%' AND IFNULL(STATE, '') NOT LIKE '%ACK%' \
                              AND IFNULL(INFO, '') NOT LIKE 'COMMIT%'",
        )
        .await
        .map(|_| ())
    }

    async fn cut_all(&self, what: &'static str) -> Result<usize, SqlError> {
        self.cut_where(what, "").await
    }

    async fn cut_where(&self, what: &'static str, which: &str) -> Result<usize, SqlError> {
        // Clients come over the network; who uses the socket is the administrator.
        let sql = format!(
            "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Binlog Dump', 'Daemon', \
             'Slave_IO', 'Slave_SQL', 'Slave_worker') AND USER NOT IN ('system user', 'root', 'event_scheduler') \
             AND USER NOT LIKE 'replication\\_%' AND COMMAND <> 'Killed' {which}"
        );
        let mut connections = Vec::new();
        for row in &self.inner.work.rows(what, &[&sql], CHANGE).await? {
            connections.push(number(row, "id")?);
        }
        self.kill(what, &connections).await?;
        Ok(connections.len())
    }
}
