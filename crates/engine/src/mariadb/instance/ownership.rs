//! Accounts and the application's database.

use std::time::Duration;

use super::sql::field;
use super::{CHANGE, Instance, SqlError};
use crate::mariadb::accounts::ReplicationAccounts;
use crate::mariadb::password::Password;
use crate::mariadb::text::{database_of_grant, identifier, literal};

/// Accounts are a few statements an instance and wait for nobody, but for a disk that may be slow: a database whose accounts
/// are not made in time is ended.
const ACCOUNTS: Duration = Duration::from_mins(1);
/// A statement that is replicated waits for its acknowledgement.
const REPLICATED: Duration = Duration::from_secs(30);

impl Instance {
    /// Makes the replication accounts what they should be, on this instance alone. Whoever is barred stays so.
    pub async fn ensure_replication_accounts(&self, accounts: &ReplicationAccounts) -> Result<(), SqlError> {
        let mut statements = vec!["SET SESSION sql_log_bin = OFF".to_owned()];
        statements.extend(accounts.statements());
        statements.push("SET SESSION sql_log_bin = ON".to_owned());
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        self.inner.work.rows("make replication accounts", &statements, ACCOUNTS).await.map(|_| ())
    }

    /// Makes the application's database and its account on a primary, and replicates both. Writes nothing if all is there.
    ///
    /// The account may do everything in its database and nothing beside it: above all, it cannot write to what is
    /// read-only.
    pub async fn ensure_application(
        &self,
        database: &str,
        user: &str,
        password: &Password,
    ) -> Result<(), SqlError> {
        const WHAT: &str = "make the application's database";
        let (name, hash) = (literal(user), literal(&password.hash()));
        let granted = literal(&database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"));
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}) AS made, \
             EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = {name} AND Host = '%') AS account, \
             EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = {name} AND Host = '%' \
             AND JSON_VALUE(Priv, '$.authentication_string') = {hash}) AS current, \
             EXISTS (SELECT 1 FROM mysql.db WHERE User = {name} AND Host = '%' AND Db = {granted} \
             AND Select_priv = 'Y') AS granted",
            literal(database)
        );
        let row = self.inner.work.row(WHAT, &sql, CHANGE).await?;
        let is = |name| field(&row, name).map(|value| value == "1");
        let mut statements = Vec::new();
        if !is("made")? {
            statements.push(format!("CREATE DATABASE IF NOT EXISTS {}", identifier(database)));
        }
        if !is("account")? {
            statements.push(format!("CREATE USER {name}@'%' IDENTIFIED BY PASSWORD {hash}"));
        } else if !is("current")? {
            statements.push(format!("ALTER USER {name}@'%' IDENTIFIED BY PASSWORD {hash}"));
        }
        if !is("granted")? {
            let database = database_of_grant(database);
            statements.push(format!("GRANT ALL PRIVILEGES ON {database}.* TO {name}@'%'"));
        }
        if statements.is_empty() {
            return Ok(());
        }
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        self.inner.work.rows(WHAT, &statements, REPLICATED).await.map(|_| ())
    }
}
