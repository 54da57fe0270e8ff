//! Receiving from a primary.

use std::net::SocketAddr;
use std::time::Duration;

use mysql_async::Row;
use stanchion_ha_core::Position;
use tokio::time::Instant;

use super::sql::{field, number, position};
use super::track::{Sign, Track};
use super::{CHECK, Instance, STOP_REPLICATION, SqlError};
use crate::mariadb::config::Tls;
use crate::mariadb::password::Password;
use crate::mariadb::text::literal;

/// The server's number for: the primary does not have what comes next, or has something else there.
const CANNOT_CONTINUE: u64 = 1236;
/// The server's number for: what comes next is out of order with what is held.
const OUT_OF_ORDER: u64 = 1950;

/// Whom to follow, and how.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where the primary listens.
    pub address: SocketAddr,
    /// The account there.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// The certificates to show and to check the primary's with; none for a connection in the clear.
    pub tls: Option<Tls>,
    /// How often the primary is to say that it is there while nothing is written.
    pub heartbeat: Duration,
}

/// The end of what an instance holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// The last transaction that was received, applied or not.
    pub received: Position,
    /// The last transaction that was applied, or written here.
    pub applied: Position,
}

/// Whether the connection to a primary stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiving {
    /// It is not wanted.
    Off,
    /// It is wanted and does not stand.
    Connecting,
    /// It stands.
    On,
}

/// What a thread of replication ended of, or cannot get past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The server's number for it.
    pub number: u64,
    /// The server's words.
    pub text: String,
}

/// How following goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The primary's address, as it was set.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection stands.
    pub receiving: Receiving,
    /// Whether what was received is being applied.
    pub applying: bool,
    /// Whether what comes is acknowledged.
    pub acknowledging: bool,
    /// The end of what is held.
    pub positions: Positions,
    /// For how long nothing has come from the primary, as far as looks tell.
    pub unheard: Duration,
    /// How long the next transaction to apply has been waiting, as far as looks tell.
    pub apply_lag: Duration,
    /// How many transactions are applied in 1000 s, while there has been something to apply all the time.
    pub apply_rate: Option<u64>,
    /// What receiving fails of.
    pub receive_trouble: Option<Trouble>,
    /// What applying fails of.
    pub apply_trouble: Option<Trouble>,
}

impl Replication {
    /// Returns whether it can only go on with a copy: the primary cannot continue from what is held here.
    pub fn needs_copy(&self) -> bool {
        let is =
            |trouble: &Option<Trouble>, number| trouble.as_ref().is_some_and(|found| found.number == number);
        is(&self.receive_trouble, CANNOT_CONTINUE) || is(&self.apply_trouble, OUT_OF_ORDER)
    }

    /// Returns what fails, if something does.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.apply_trouble.as_ref().or(self.receive_trouble.as_ref())
    }
}

impl Instance {
    /// Returns the end of what the server holds.
    ///
    /// Received is exact once receiving has stopped; before, it may be a transaction behind. It never counts what is not in
    /// a file.
    pub async fn positions(&self) -> Result<Positions, SqlError> {
        let status = self.slave_status().await?;
        let applied = self.executed().await?;
        Ok(match status {
            None => Positions { received: applied, applied },
            Some(row) => self.positions_of(&row, applied)?,
        })
    }

    /// Looks how following goes; none if no primary is set.
    pub async fn replication(&self) -> Result<Option<Replication>, SqlError> {
        let Some(row) = self.slave_status().await? else { return Ok(None) };
        let sql = "SELECT (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                   WHERE VARIABLE_NAME = 'SLAVE_RECEIVED_HEARTBEATS') AS heartbeats, \
                   (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                   WHERE VARIABLE_NAME = 'RPL_SEMI_SYNC_SLAVE_STATUS') AS acknowledging, \
                   @@GLOBAL.gtid_binlog_pos AS applied";
        let status = self.inner.checks.row("look how following goes", sql, CHECK).await?;
        let positions = self.positions_of(&row, position(&status, "applied")?)?;
        let sign = Sign {
            heartbeats: number(&status, "heartbeats")?,
            file: field(&row, "Master_Log_File")?,
            offset: number(&row, "Read_Master_Log_Pos")?,
            position: positions.received,
        };
        let now = Instant::now();
        let (unheard, apply_lag, apply_rate) = self.track(|track| {
            let lag = track.lag(positions.received, positions.applied, now);
            (track.unheard(sign, now), lag, track.rate(positions.applied, lag, now))
        });
        Ok(Some(Replication {
            host: field(&row, "Master_Host")?,
            port: u16::try_from(number(&row, "Master_Port")?).map_err(|_| SqlError::Lacks("Master_Port"))?,
            receiving: match field(&row, "Slave_IO_Running")?.as_str() {
                "Yes" => Receiving::On,
                "No" => Receiving::Off,
                _ => Receiving::Connecting,
            },
            applying: field(&row, "Slave_SQL_Running")? == "Yes",
            acknowledging: field(&status, "acknowledging")? == "ON",
            positions,
            unheard,
            apply_lag,
            apply_rate,
            receive_trouble: trouble(&row, "Last_IO_Errno", "Last_IO_Error")?,
            apply_trouble: trouble(&row, "Last_SQL_Errno", "Last_SQL_Error")?,
        }))
    }

    /// Follows a primary from where the server is, instead of whoever it followed before.
    ///
    /// What was received of the old one and not applied is received again: the new one has it. A server that was primary
    /// follows from the last transaction that it wrote.
    pub async fn follow(&self, source: &Source, acknowledge: bool) -> Result<(), SqlError> {
        const WHAT: &str = "follow a primary";
        let health = self.check().await?;
        if !health.read_only {
            return Err(SqlError::Writable { what: WHAT });
        }
        if health.requires_acknowledgement {
            self.require_none(WHAT).await?;
        }
        self.stop_replication(WHAT).await?;
        // What was being applied has ended, so this is where the server is.
        let health = self.check().await?;
        let mut statements = Vec::new();
        if health.executed.sequence() > health.replicated.sequence() {
            statements.push(format!("SET GLOBAL gtid_slave_pos = '{}'", health.executed));
        }
        statements.push(set_acknowledge(acknowledge));
        statements.push(source.statement());
        statements.push("START SLAVE".to_owned());
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        self.track(|track| track.follow(Instant::now()));
        self.change(WHAT, &statements).await?;
        self.track(Track::begun);
        Ok(())
    }

    /// Begins to acknowledge what comes, or stops to. When it returns, nothing more is acknowledged, or everything that comes.
    pub async fn set_acknowledge(&self, acknowledge: bool) -> Result<(), SqlError> {
        const WHAT: &str = "change who acknowledges";
        let is = self.replication().await?.is_some_and(|replication| replication.acknowledging);
        if is == acknowledge && self.check().await?.acknowledges == acknowledge {
            return Ok(());
        }
        let set = set_acknowledge(acknowledge);
        // A primary is told when the connection is made, so it is made anew.
        self.stop_receiver(WHAT, &["STOP SLAVE IO_THREAD", &set]).await?;
        // Where nothing is applied either, a start throws away what was received and maybe acknowledged.
        let replication = self.replication().await?;
        let keeps = replication
            .is_none_or(|now| now.applying || now.positions.applied.reaches(now.positions.received));
        if !keeps {
            return Err(SqlError::Lacks(
                "an applier that runs: to listen again would throw away what was received",
            ));
        }
        self.inner.work.rows(WHAT, &["START SLAVE IO_THREAD"], STOP_REPLICATION).await.map(|_| ())
    }

    /// Listens to nobody any more, and returns the last transaction that was received. What was received goes on being
    /// applied.
    pub async fn stop_receiving(&self) -> Result<Position, SqlError> {
        const WHAT: &str = "stop receiving";
        self.stop_receiver(WHAT, &["STOP SLAVE IO_THREAD"]).await?;
        Ok(self.positions().await?.received)
    }

    pub(super) async fn stop_replication(&self, what: &'static str) -> Result<(), SqlError> {
        self.stop_receiver(what, &["STOP SLAVE"]).await
    }

    fn positions_of(&self, row: &Row, applied: Position) -> Result<Positions, SqlError> {
        let received = position(row, "Gtid_IO_Pos")?;
        // It begins empty, and stays behind what the server writes itself.
        let ahead = received.sequence() > applied.sequence() && self.track(|track| track.counts());
        Ok(Positions { received: if ahead { received } else { applied }, applied })
    }

    pub(super) async fn slave_status(&self) -> Result<Option<Row>, SqlError> {
        let rows = self.inner.checks.rows("look how following goes", &["SHOW SLAVE STATUS"], CHECK).await?;
        Ok(rows.into_iter().next())
    }
}

fn set_acknowledge(acknowledge: bool) -> String {
    format!("SET GLOBAL rpl_semi_sync_slave_enabled = {}", if acknowledge { "ON" } else { "OFF" })
}

pub(super) fn trouble(
    row: &Row,
    number_name: &'static str,
    text_name: &'static str,
) -> Result<Option<Trouble>, SqlError> {
    let number = number(row, number_name)?;
    if number == 0 {
        return Ok(None);
    }
    Ok(Some(Trouble { number, text: field(row, text_name)? }))
}

impl Source {
    fn statement(&self) -> String {
        let heartbeat = self.heartbeat.as_millis();
        let mut sql = format!(
            "CHANGE MASTER TO MASTER_HOST = {}, MASTER_PORT = {}, MASTER_USER = {}, MASTER_PASSWORD = {}, \
             MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = {}.{:03}, MASTER_USE_GTID = slave_pos",
            literal(&self.address.ip().to_string()),
            self.address.port(),
            literal(&self.user),
            literal(self.password.reveal()),
            heartbeat / 1000,
            heartbeat % 1000,
        );
        match &self.tls {
            // The authority signs for this cluster alone, so whoever has its certificate is one of us; an address says less.
            Some(Tls { ca, certificate, key }) => {
                let path = |path: &std::path::Path| literal(&path.to_string_lossy());
                let tls = format!(
                    ", MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 0, MASTER_SSL_CA = {}, \
                     MASTER_SSL_CERT = {}, MASTER_SSL_KEY = {}",
                    path(ca),
                    path(certificate),
                    path(key)
                );
                sql.push_str(&tls);
            }
            None => sql += ", MASTER_SSL = 0",
        }
        sql
    }
}
