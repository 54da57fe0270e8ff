//! MariaDB as a target.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};

use crate::statement::{self, TABLE};
use crate::target::{Access, Failure, RunId, Session, Stored, Target};

/// The client asks the server for both after connecting, unless it is told: two answers less to wait for.
const MAX_ALLOWED_PACKET: usize = 1024 * 1024;
const WAIT_TIMEOUT_SECONDS: usize = 28_800;

/// A MariaDB behind an address. Connections are not encrypted.
#[derive(Clone, Debug)]
pub struct MariaDb {
    options: Opts,
}

impl MariaDb {
    /// Prepares connections.
    pub fn new(access: &Access) -> Self {
        let builder = OptsBuilder::default()
            .ip_or_hostname(access.host.as_str())
            .tcp_port(access.port)
            .user(Some(access.user.as_str()))
            .pass(Some(access.password.expose()))
            .db_name(Some(access.database.as_str()))
            .prefer_socket(false)
            .max_allowed_packet(Some(MAX_ALLOWED_PACKET))
            .wait_timeout(Some(WAIT_TIMEOUT_SECONDS));
        Self { options: builder.into() }
    }
}

impl Target for MariaDb {
    type Session = Conn;

    async fn connect(&self) -> Result<Conn, Failure> {
        Conn::new(self.options.clone()).await.map_err(|error| Failure::Connect(Box::new(error)))
    }
}

impl Session for Conn {
    async fn prepare(&mut self) -> Result<(), Failure> {
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {TABLE} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
             run BIGINT NOT NULL, number BIGINT NOT NULL, KEY (run, id)) ENGINE = InnoDB"
        );
        self.query_drop(create).await.map_err(failure)
    }

    async fn write(&mut self, run: RunId, number: u64) -> Result<(), Failure> {
        self.query_drop(statement::insert(run, number)).await.map_err(failure)
    }

    async fn read(&mut self, run: RunId, after: i64, most: u32) -> Result<Vec<Stored>, Failure> {
        let stored = |(id, number)| Stored { id, number };
        self.query_map(statement::page(run, after, most), stored).await.map_err(failure)
    }

    async fn remove(&mut self, run: RunId, up_to: i64) -> Result<(), Failure> {
        self.query_drop(statement::remove(run, up_to)).await.map_err(failure)
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Server(error) => Failure::Refused(Box::new(error)),
        error => Failure::Lost(Box::new(error)),
    }
}
