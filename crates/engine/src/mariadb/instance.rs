//! The SQL side of a server.
//!
//! An [`Instance`] connects by the Unix socket when it is first asked, and again whenever it must; it stays good over
//! restarts of the server. Each statement has a deadline. One that misses it has its connection given up and goes on in the
//! server; one that was frozen carries it out when it thaws. So after [`SqlError::Deadline`] of a statement that changes
//! something nobody knows what is.
//!
//! Checks have connections of their own: what hangs elsewhere does not keep them waiting.

mod applying;
mod following;
mod handover;
mod ownership;
mod primary;
mod receiver;
mod sql;
mod track;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stanchion_ha_core::Position;

use super::layout::Layout;
use sql::{Lane, field, number, position};
use track::Track;

pub use applying::{ApplyError, DrainError};
pub use following::{Positions, Receiving, Replication, Source, Trouble};
pub use handover::DemoteError;
pub use primary::{DumpThread, SemiSync};
pub use sql::SqlError;

/// A check takes a millisecond; a server that has not answered for so long hangs.
const CHECK: Duration = Duration::from_secs(1);
/// A statement that changes something and waits for nobody.
const CHANGE: Duration = Duration::from_secs(5);
/// Stopping replication waits for transactions that are being applied.
const STOP_REPLICATION: Duration = Duration::from_secs(30);

/// The SQL side of a server.
#[derive(Clone, Debug)]
pub struct Instance {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    layout: Layout,
    /// For what only looks.
    checks: Lane,
    /// For what changes something or may wait.
    work: Lane,
    track: Mutex<Track>,
    /// Whether a nudge is under way.
    nudging: AtomicBool,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it refuses to write for others than administrators.
    pub read_only: bool,
    /// The last transaction in its binary log: written by itself, or applied.
    pub executed: Position,
    /// The last transaction that replication applied, or was told to begin from.
    pub replicated: Position,
    /// Whether its commits wait for acknowledgements.
    pub requires_acknowledgement: bool,
    /// Whether it acknowledges when it follows.
    pub acknowledges: bool,
}

impl Instance {
    /// Speaks to the server of a layout, once it runs.
    pub fn new(layout: &Layout) -> Self {
        let socket = layout.socket();
        let inner = Inner {
            layout: layout.clone(),
            checks: Lane::new(&socket),
            work: Lane::new(&socket),
            track: Mutex::new(Track::default()),
            nudging: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Looks how the server is: one statement.
    pub async fn check(&self) -> Result<Health, SqlError> {
        let sql = "SELECT @@GLOBAL.read_only + 0 AS read_only, @@GLOBAL.gtid_binlog_pos AS executed, \
                   @@GLOBAL.gtid_slave_pos AS replicated, \
                   @@GLOBAL.rpl_semi_sync_master_enabled + 0 AS requires, \
                   @@GLOBAL.rpl_semi_sync_slave_enabled + 0 AS acknowledges";
        let row = self.inner.checks.row("look how the database is", sql, CHECK).await?;
        Ok(Health {
            read_only: field(&row, "read_only")? == "1",
            executed: position(&row, "executed")?,
            replicated: position(&row, "replicated")?,
            requires_acknowledgement: field(&row, "requires")? == "1",
            acknowledges: field(&row, "acknowledges")? == "1",
        })
    }

    /// Returns the last transaction in the binary log.
    pub async fn executed(&self) -> Result<Position, SqlError> {
        let sql = "SELECT @@GLOBAL.gtid_binlog_pos AS executed";
        position(&self.inner.checks.row("read the position", sql, CHECK).await?, "executed")
    }

    /// Tries whether the server answers, on both kinds of connections: they are kept, so that clients who take all that the
    /// server has do not keep its agent out.
    pub(crate) async fn knock(&self) -> Result<(), SqlError> {
        const WHAT: &str = "see whether the database answers";
        for lane in [&self.inner.checks, &self.inner.work] {
            lane.row(WHAT, "SELECT '1' AS one", CHECK).await?;
        }
        Ok(())
    }

    /// Has the server read its certificates again. Connections that stand go on with the old ones.
    pub async fn reload_certificates(&self) -> Result<(), SqlError> {
        let sql = "FLUSH NO_WRITE_TO_BINLOG SSL";
        self.inner.checks.rows("read the certificates again", &[sql], CHECK).await.map(drop)
    }

    /// Returns whether the last step of a backup has waited for commits for longer than `bound`.
    pub(crate) async fn holds_up_backup(&self, bound: Duration) -> Result<bool, SqlError> {
        let sql = format!(
            "SELECT COUNT(*) AS waiting FROM information_schema.PROCESSLIST WHERE \
             INFO = 'BACKUP STAGE BLOCK_COMMIT' AND STATE LIKE 'Waiting for%' AND TIME_MS >= {}",
            bound.as_millis()
        );
        let row = self.inner.checks.row("see how a backup goes", &sql, CHECK).await?;
        Ok(number(&row, "waiting")? > 0)
    }

    /// Writes down what a server holds that neither follows nor writes, so that a copy of it says where it was taken.
    ///
    /// A backup goes by what replication applied, and by the last transaction in the binary log only if that has the server's
    /// own number. That of a primary was its term's; after a restart, and until it writes in a new term, it is not.
    pub async fn settle_position(&self) -> Result<(), SqlError> {
        let health = self.check().await?;
        if health.executed == health.replicated || self.slave_status().await?.is_some() {
            return Ok(());
        }
        let set = format!("SET GLOBAL gtid_slave_pos = '{}'", health.executed);
        self.change("write down the position", &[&set]).await
    }

    /// Begins the stream of transactions of a server that holds a copy, where the copy was taken, and returns that place.
    ///
    /// `noted` is where the source's binary log was. A source that followed somebody may have applied more by the time its
    /// tables were taken: with each transaction it writes down in a table of the same engine which one that was, and so
    /// the copy's own table is right. A primary does not write that down, and its commits stand still for the copy.
    pub(crate) async fn begin_copy(
        &self,
        noted: Position,
        source_followed: bool,
    ) -> Result<Position, SqlError> {
        let replicated = self.check().await?.replicated;
        let at = if source_followed || replicated.sequence() > noted.sequence() { replicated } else { noted };
        if at != Position::START {
            let state = format!("SET GLOBAL gtid_binlog_state = '{at}'");
            let replicated = format!("SET GLOBAL gtid_slave_pos = '{at}'");
            self.change("begin where the copy was taken", &["RESET MASTER", &state, &replicated]).await?;
        }
        Ok(at)
    }

    async fn change(&self, what: &'static str, statements: &[&str]) -> Result<(), SqlError> {
        self.inner.work.rows(what, statements, CHANGE).await.map(|_| ())
    }

    fn track<T>(&self, with: impl FnOnce(&mut Track) -> T) -> T {
        with(&mut self.inner.track.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
