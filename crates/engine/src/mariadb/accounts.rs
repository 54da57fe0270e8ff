//! The accounts that the platform owns.
//!
//! Passwords go to the server as hashes, so that no log of statements has them. The accounts are written on each instance by itself, past the binary log: they have no transaction ids, and who is locked is a
//! matter of one instance.

use std::collections::BTreeSet;

use stanchion_ha_core::ServerId;

use super::password::Password;
use super::text::literal;

/// What the names of replication accounts begin with.
pub(crate) const REPLICATION_PREFIX: &str = "replication_";

/// A table of one row that is changed to send something.
pub(crate) const NUDGE_TABLE: &str = "mysql.stanchion_nudge";

/// Who may replicate from an instance.
#[derive(Clone, Debug)]
pub struct ReplicationAccounts {
    /// The servers; each has an account of its own.
    pub servers: BTreeSet<ServerId>,
    /// Their password.
    pub password: Password,
    /// Whether they must show a certificate of the cluster's authority.
    pub certificate: bool,
}

/// Returns the account that a server replicates with.
pub fn replication_user(server: ServerId) -> String {
    format!("{REPLICATION_PREFIX}{}", server.0)
}

/// Returns which server an account belongs to.
pub(crate) fn server_of(user: &str) -> Option<ServerId> {
    user.strip_prefix(REPLICATION_PREFIX)?.parse().ok().map(ServerId)
}

impl ReplicationAccounts {
    /// Returns the statements that make the accounts what they should be, and leave locks as they are.
    pub(crate) fn statements(&self) -> Vec<String> {
        let requires = if self.certificate { "REQUIRE X509" } else { "REQUIRE NONE" };
        let password = literal(&self.password.hash());
        let each = |server: &ServerId| {
            let account = format!("{}@'%'", literal(&replication_user(*server)));
            [
                format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY PASSWORD {password} {requires}"),
                format!("ALTER USER {account} IDENTIFIED BY PASSWORD {password} {requires}"),
                format!("GRANT REPLICATION SLAVE ON *.* TO {account}"),
            ]
        };
        self.servers.iter().flat_map(each).collect()
    }
}

/// Returns the statements for a new data directory: an administrator by the Unix socket alone, nobody
/// unnamed, and the replication accounts.
pub(crate) fn first_statements(user: &str, accounts: &ReplicationAccounts) -> String {
    let user = literal(user);
    let mut lines = vec![
        // In bootstrap accounts are not looked at, nor can they be changed, before this.
        "FLUSH PRIVILEGES".to_owned(),
        "DELETE FROM mysql.global_priv WHERE User = ''".to_owned(),
        "FLUSH PRIVILEGES".to_owned(),
        format!("ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket AS {user}"),
    ];
    lines.extend(accounts.statements());
    lines.push(format!(
        "CREATE TABLE {NUDGE_TABLE} (id TINYINT PRIMARY KEY, count BIGINT NOT NULL) ENGINE=InnoDB"
    ));
    lines.push(format!("INSERT INTO {NUDGE_TABLE} VALUES (1, 0)"));
    lines.iter().flat_map(|line| [line.as_str(), ";\n"]).collect()
}
