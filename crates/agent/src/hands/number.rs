//! The number under which a database writes: of its instance while it follows, of the term while it is primary.
//!
//! A session keeps the number that was in force when it connected. So whoever is connected when the number changes is cut
//! off, before anybody can write: a transaction with an old number would count as one that does not belong.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};
use stanchion_ha_core::ServerId;

use super::{HandError, Hands};

/// All of it takes a few milliseconds.
const CHANGE: Duration = Duration::from_secs(5);
/// The server's number for: that connection is gone already.
const NO_SUCH_THREAD: u16 = 1094;
/// Whoever may write: not replication, in neither direction, and not who asks.
const SESSIONS: &str = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
    AND COMMAND NOT IN ('Binlog Dump', 'Daemon', 'Killed', 'Slave_IO', 'Slave_SQL', 'Slave_worker') \
    AND USER NOT IN ('system user', 'event_scheduler')";

impl Hands {
    /// Has a read-only database write under this number from now on.
    pub(super) async fn number(&self, number: ServerId) -> Result<(), HandError> {
        match tokio::time::timeout(CHANGE, self.change_number(number)).await {
            Ok(changed) => changed.map_err(HandError::Number),
            Err(_) => Err(HandError::NumberLate),
        }
    }

    async fn change_number(&self, number: ServerId) -> Result<(), mysql_async::Error> {
        let socket = self.layout().socket();
        let opts = OptsBuilder::default()
            .socket(Some(socket.to_string_lossy()))
            .prefer_socket(false)
            .user(Some("root"))
            // Asked for otherwise, by a statement more.
            .max_allowed_packet(Some(1 << 24))
            .wait_timeout(Some(60));
        let mut connection = Conn::new(opts).await?;
        connection.query_drop(format!("SET GLOBAL server_id = {}", number.0)).await?;
        let sessions: Vec<u64> = connection.query(SESSIONS).await?;
        for session in sessions {
            match connection.query_drop(format!("KILL CONNECTION {session}")).await {
                Err(mysql_async::Error::Server(error)) if error.code == NO_SUCH_THREAD => {}
                killed => killed?,
            }
        }
        connection.disconnect().await
    }
}
