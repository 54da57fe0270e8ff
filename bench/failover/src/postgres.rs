//! PostgreSQL as a target of the writer.

use std::error::Error as _;

use stanchion_rehearse::statement::{self, TABLE};
use stanchion_rehearse::{Access, Failure, RunId, Session, Stored, Target};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

/// A PostgreSQL behind an address.
#[derive(Clone, Debug)]
pub(crate) struct Postgres(Config);

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct PostgresSession {
    client: Client,
    /// Reads and writes the socket.
    _connection: JoinSet<()>,
}

impl Postgres {
    pub(crate) fn new(access: &Access) -> Self {
        let mut config = Config::new();
        config.host(&access.host).port(access.port).user(&access.user).dbname(&access.database);
        config.password(access.password.expose());
        Self(config)
    }
}

impl PostgresSession {
    /// Runs statements.
    pub(crate) async fn execute(&mut self, statements: &str) -> Result<(), Failure> {
        self.client.batch_execute(statements).await.map_err(failure)
    }
}

impl Target for Postgres {
    type Session = PostgresSession;

    async fn connect(&self) -> Result<PostgresSession, Failure> {
        let connected = self.0.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| Failure::Connect(Box::new(error)))?;
        let mut task = JoinSet::new();
        // An error shows at the statement that meets it.
        task.spawn(async move { connection.await.unwrap_or_default() });
        Ok(PostgresSession { client, _connection: task })
    }
}

impl Session for PostgresSession {
    async fn prepare(&mut self) -> Result<(), Failure> {
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {TABLE} (id BIGSERIAL PRIMARY KEY, run BIGINT NOT NULL, number BIGINT NOT NULL)"
        );
        let index = format!("CREATE INDEX IF NOT EXISTS {TABLE}_run ON {TABLE} (run, id)");
        self.execute(&format!("{table}; {index}")).await
    }

    async fn write(&mut self, run: RunId, number: u64) -> Result<(), Failure> {
        self.execute(&statement::insert(run, number)).await
    }

    async fn read(&mut self, run: RunId, after: i64, most: u32) -> Result<Vec<Stored>, Failure> {
        let rows = self.client.simple_query(&statement::page(run, after, most)).await.map_err(failure)?;
        let stored = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let (id, number) = (row.get(0)?.parse().ok()?, row.get(1)?.parse().ok()?);
                Some(Stored { id, number })
            }
            _ => None,
        };
        Ok(rows.iter().filter_map(stored).collect())
    }

    async fn remove(&mut self, run: RunId, up_to: i64) -> Result<(), Failure> {
        self.execute(&statement::remove(run, up_to)).await
    }
}

fn failure(error: Error) -> Failure {
    if error.as_db_error().is_some() && error.source().is_some() {
        Failure::Refused(Box::new(error))
    } else {
        Failure::Lost(Box::new(error))
    }
}
