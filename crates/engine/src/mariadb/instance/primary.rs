//! Being primary.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mysql_async::Row;
use stanchion_ha_core::{Position, ServerId};
use tokio::time::{Instant, sleep};

use super::sql::{field, number};
use super::{CHANGE, CHECK, Instance, STOP_REPLICATION, SqlError};
use crate::mariadb::accounts::{NUDGE_TABLE, REPLICATION_PREFIX, replication_user, server_of};
use crate::mariadb::text::literal;

/// How often it is looked whether a connection is gone that was killed.
const LOOK: Duration = Duration::from_millis(2);
/// A group of commits never gets this large, so it always waits for as long as the brake says.
const GROUP: u32 = 100_000;

/// How acknowledgements come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemiSync {
    /// How many replicas that acknowledge are connected.
    pub clients: u64,
    /// How many commits wait for an acknowledgement. In a group of commits one waits for all.
    pub waiting_sessions: u64,
    /// For how long they have been waiting without any having been acknowledged, as far as looks tell.
    pub waiting: Duration,
}

/// A replica's connection to a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpThread {
    /// The replica.
    pub server: ServerId,
    /// The number of the connection.
    pub connection: u64,
}

impl Instance {
    /// Leaves whoever is followed, for good, and has commits wait for acknowledgements or not. The server stays read-only.
    ///
    /// Returns the last transaction that it holds, which the new era begins behind. Refuses if something that was received
    /// is not applied.
    pub async fn promote(&self, acknowledgements: bool) -> Result<Position, SqlError> {
        const WHAT: &str = "become primary";
        // Applying goes on until it is sure that nothing is left: once both have stopped, what is left is as good as lost.
        self.stop_receiver(WHAT, &["STOP SLAVE IO_THREAD"]).await?;
        let positions = self.positions().await?;
        if positions.received.sequence() > positions.applied.sequence() {
            let (received, applied) = (positions.received, positions.applied);
            return Err(SqlError::Unapplied { what: WHAT, received, applied });
        }
        let statements = ["STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL rpl_semi_sync_slave_enabled = OFF"];
        self.inner.work.rows(WHAT, &statements, STOP_REPLICATION).await?;
        self.settle_position().await?;
        self.require_acknowledgements(acknowledgements).await
    }

    /// Has commits wait for acknowledgements, or not any more, and returns the position behind which all do.
    ///
    /// Commits that wait return when they need not any more: that is for a topology that says so.
    pub async fn require_acknowledgements(&self, required: bool) -> Result<Position, SqlError> {
        let value = if required { "ON" } else { "OFF" };
        let set = format!("SET GLOBAL rpl_semi_sync_master_enabled = {value}");
        self.change("change whether commits wait for acknowledgements", &[&set]).await?;
        // What was written before is in the binary log by now.
        self.executed().await
    }

    /// Has commits not wait any more, if none does.
    pub(super) async fn require_none(&self, what: &'static str) -> Result<(), SqlError> {
        let sessions = self.semi_sync().await?.waiting_sessions;
        if sessions > 0 {
            return Err(SqlError::Waiting { what, sessions });
        }
        self.change(what, &["SET GLOBAL rpl_semi_sync_master_enabled = OFF"]).await
    }

    /// Lets clients write.
    pub async fn set_writable(&self) -> Result<(), SqlError> {
        self.change("become writable", &["SET GLOBAL read_only = OFF"]).await
    }

    /// Looks how acknowledgements come in.
    pub async fn semi_sync(&self) -> Result<SemiSync, SqlError> {
        // Whatever is asked for of the status, the server adds it all up; so it is asked once.
        let sql = "SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync\\_master\\_%'";
        let rows = self.inner.checks.rows("look how acknowledgements come in", &[sql], CHECK).await?;
        let value = |name: &'static str| {
            let is = |row: &&Row| field(row, "Variable_name").is_ok_and(|found| found == name);
            number(rows.iter().find(is).ok_or(SqlError::Lacks(name))?, "Value")
        };
        let waiting_sessions = value("Rpl_semi_sync_master_wait_sessions")?;
        let acknowledged = value("Rpl_semi_sync_master_yes_tx")?;
        let waiting = self.track(|track| track.waiting(waiting_sessions, acknowledged, Instant::now()));
        Ok(SemiSync { clients: value("Rpl_semi_sync_master_clients")?, waiting_sessions, waiting })
    }

    /// Writes a transaction of its own, so that something comes that can be acknowledged. Returns at once.
    ///
    /// A replica that already has a transaction when it begins to acknowledge never does so for that one, but for the next,
    /// and that frees all before it. With a single writer, no next one comes by itself.
    pub fn nudge(&self) {
        if self.inner.nudging.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            // It waits as all commits do. To give it up would commit it without.
            let sql = format!("UPDATE {NUDGE_TABLE} SET count = count + 1 WHERE id = 1");
            if let Err(error) = inner.work.alone("write something to acknowledge", &sql).await {
                tracing::debug!(%error, "no nudge");
            }
            inner.nudging.store(false, Ordering::Release);
        });
    }

    /// Refuses the connections of exactly these servers, and lets others in again.
    ///
    /// Returns the last transaction written when they were gone: whatever they acknowledged is not behind it.
    pub async fn bar(&self, barred: &BTreeSet<ServerId>) -> Result<Position, SqlError> {
        const WHAT: &str = "refuse connections of replicas";
        let until = Instant::now() + CHANGE;
        let sql = format!(
            "SELECT User AS user, JSON_VALUE(Priv, '$.account_locked') AS locked FROM mysql.global_priv \
             WHERE User LIKE '{}%' AND Host = '%'",
            REPLICATION_PREFIX.replace('_', "\\\\_")
        );
        let accounts = self.inner.work.rows(WHAT, &[&sql], CHANGE).await?;
        let mut statements = vec!["SET SESSION sql_log_bin = OFF".to_owned()];
        for account in &accounts {
            let Some(server) = server_of(&field(account, "user")?) else { continue };
            let (is, wanted) =
                (matches!(field(account, "locked")?.as_str(), "1" | "true"), barred.contains(&server));
            if is != wanted {
                let lock = if wanted { "LOCK" } else { "UNLOCK" };
                let account = literal(&replication_user(server));
                statements.push(format!("ALTER USER {account}@'%' ACCOUNT {lock}"));
            }
        }
        if statements.len() > 1 {
            statements.push("SET SESSION sql_log_bin = ON".to_owned());
            let statements: Vec<_> = statements.iter().map(String::as_str).collect();
            self.inner.work.rows(WHAT, &statements, CHANGE).await?;
        }
        loop {
            let threads = self.connections_of(WHAT, barred).await?;
            if threads.is_empty() {
                return self.executed().await;
            }
            if Instant::now() >= until {
                return Err(SqlError::Deadline { what: WHAT, after: CHANGE });
            }
            self.kill(WHAT, &threads).await?;
            sleep(LOOK).await;
        }
    }

    /// Returns the replicas that are connected. Which of them acknowledge the server does not say; how many, it does.
    pub async fn dump_threads(&self) -> Result<Vec<DumpThread>, SqlError> {
        let sql =
            "SELECT ID AS id, USER AS user FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'";
        let rows = self.inner.checks.rows("look who is connected", &[sql], CHECK).await?;
        let mut threads = Vec::new();
        for row in &rows {
            if let Some(server) = server_of(&field(row, "user")?) {
                threads.push(DumpThread { server, connection: number(row, "id")? });
            }
        }
        Ok(threads)
    }

    /// Has each group of commits wait for `pause` before it is written, or for nothing.
    pub async fn brake(&self, pause: Duration) -> Result<(), SqlError> {
        let count = if pause.is_zero() { 0 } else { GROUP };
        let pause = format!("SET GLOBAL binlog_commit_wait_usec = {}", pause.as_micros());
        let count = format!("SET GLOBAL binlog_commit_wait_count = {count}");
        self.change("slow down commits", &[&pause, &count]).await
    }

    /// Returns all connections of servers, whatever they do.
    async fn connections_of(
        &self,
        what: &'static str,
        servers: &BTreeSet<ServerId>,
    ) -> Result<Vec<u64>, SqlError> {
        let sql = "SELECT ID AS id, USER AS user FROM information_schema.PROCESSLIST";
        let mut connections = Vec::new();
        for row in &self.inner.work.rows(what, &[sql], CHANGE).await? {
            if server_of(&field(row, "user")?).is_some_and(|server| servers.contains(&server)) {
                connections.push(number(row, "id")?);
            }
        }
        Ok(connections)
    }

    /// Kills connections; that one is gone already is no failure.
    pub(super) async fn kill(&self, what: &'static str, connections: &[u64]) -> Result<(), SqlError> {
        const NO_SUCH_THREAD: u16 = 1094;
        for connection in connections {
            match self.inner.work.rows(what, &[&format!("KILL CONNECTION {connection}")], CHANGE).await {
                Err(error) if error.number() != Some(NO_SUCH_THREAD) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
