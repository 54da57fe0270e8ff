//! Which parameters a person may set.
//!
//! Everything may be set that the platform does not own. What it owns decides where files are, who may connect, or whether
//! an acknowledged write can be lost. This is one catalogue.

use thiserror::Error;

/// A parameter that a person may not set, and why.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    /// Its name, or what the names of a family begin with, ending in `*`.
    pub name: &'static str,
    /// Why.
    pub why: &'static str,
}

/// A parameter that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// It is not a name of a parameter.
    #[error("{0:?} is not a name of a parameter: it takes a-z, 0-9, _ and -")]
    Name(String),
    /// The platform owns it.
    #[error("parameter {name} cannot be set: {why}")]
    Owned {
        /// Which.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// MariaDB would take it for one that the platform owns.
    #[error("parameter {name} cannot be set: it abbreviates {owned}, and {why}")]
    Abbreviates {
        /// Which.
        name: String,
        /// What it stands for.
        owned: &'static str,
        /// Why.
        why: &'static str,
    },
    /// Its value cannot stand in an option file.
    #[error("parameter {0} has a value with a quote or a control character")]
    Value(String),
}

const FILES: &str = "files are where the platform expects them";
const NETWORK: &str = "addresses and certificates are given by the platform";
const STREAM: &str = "failover relies on the stream of transactions as the platform sets it up";
const DURABLE: &str = "an acknowledged write would not survive a crash";
const ROLE: &str = "who writes and who follows is decided by the failover manager";
const FILTER: &str = "replicas would not hold all that the primary holds";
const CODE: &str = "it runs statements or code behind the platform's back";
const OFFLINE: &str = "positions are read from the files while the server is down";
const ACCESS: &str = "the platform's own accounts rely on it";
const BRAKE: &str = "the platform sets it while the server runs";

/// All that a person may not set.
pub const OWNED: &[Owned] = &[
    Owned { name: "aria_log_dir_path", why: FILES },
    Owned { name: "basedir", why: FILES },
    Owned { name: "bind_address", why: NETWORK },
    Owned { name: "binlog_checksum", why: OFFLINE },
    Owned { name: "binlog_commit_wait_*", why: BRAKE },
    Owned { name: "binlog_do_db", why: FILTER },
    Owned { name: "binlog_format", why: STREAM },
    Owned { name: "binlog_ignore_db", why: FILTER },
    Owned { name: "bootstrap", why: CODE },
    Owned { name: "chroot", why: FILES },
    Owned { name: "console", why: FILES },
    Owned { name: "datadir", why: FILES },
    Owned { name: "defaults_*", why: FILES },
    Owned { name: "encrypt_binlog", why: OFFLINE },
    Owned { name: "extra_port", why: NETWORK },
    Owned { name: "gdb", why: CODE },
    Owned { name: "general_log_file", why: FILES },
    Owned { name: "gtid_*", why: STREAM },
    Owned { name: "init_connect", why: CODE },
    Owned { name: "init_file", why: CODE },
    Owned { name: "init_rpl_role", why: ROLE },
    Owned { name: "init_slave", why: CODE },
    Owned { name: "innodb_data_file_path", why: FILES },
    Owned { name: "innodb_data_home_dir", why: FILES },
    Owned { name: "innodb_doublewrite", why: DURABLE },
    Owned { name: "innodb_fast_shutdown", why: DURABLE },
    Owned { name: "innodb_flush_log_at_trx_commit", why: DURABLE },
    Owned { name: "innodb_force_recovery", why: DURABLE },
    Owned { name: "innodb_log_group_home_dir", why: FILES },
    Owned { name: "innodb_read_only", why: ROLE },
    Owned { name: "innodb_temp_data_file_path", why: FILES },
    Owned { name: "innodb_tmpdir", why: FILES },
    Owned { name: "innodb_undo_directory", why: FILES },
    Owned { name: "language", why: FILES },
    Owned { name: "lc_messages_dir", why: FILES },
    Owned { name: "log_basename", why: FILES },
    Owned { name: "log_bin*", why: STREAM },
    Owned { name: "log_error", why: FILES },
    Owned { name: "log_slave_updates", why: STREAM },
    Owned { name: "log_tc", why: FILES },
    Owned { name: "master_info_file", why: FILES },
    Owned { name: "master_retry_count", why: ROLE },
    Owned { name: "name_resolve", why: ACCESS },
    Owned { name: "networking", why: NETWORK },
    Owned { name: "old_mode", why: STREAM },
    Owned { name: "pid_file", why: FILES },
    Owned { name: "plugin_*", why: CODE },
    Owned { name: "port", why: NETWORK },
    Owned { name: "read_only", why: ROLE },
    Owned { name: "relay_log*", why: STREAM },
    Owned { name: "replicate_*", why: FILTER },
    Owned { name: "report_*", why: NETWORK },
    Owned { name: "rpl_semi_sync_*", why: ROLE },
    Owned { name: "safe_mode", why: CODE },
    Owned { name: "safe_user_create", why: ACCESS },
    Owned { name: "server_id", why: STREAM },
    Owned { name: "slave_exec_mode", why: FILTER },
    Owned { name: "slave_load_tmpdir", why: FILES },
    Owned { name: "slave_net_timeout", why: ROLE },
    Owned { name: "slave_parallel_mode", why: STREAM },
    Owned { name: "slave_run_triggers_for_rbr", why: FILTER },
    Owned { name: "slave_skip_errors", why: FILTER },
    Owned { name: "slave_sql_verify_checksum", why: STREAM },
    Owned { name: "slave_start", why: ROLE },
    Owned { name: "slow_query_log_file", why: FILES },
    Owned { name: "socket", why: FILES },
    Owned { name: "sql_log_bin", why: FILTER },
    Owned { name: "ssl*", why: NETWORK },
    Owned { name: "symbolic_links", why: FILES },
    Owned { name: "sync_binlog", why: DURABLE },
    Owned { name: "sync_master_info", why: STREAM },
    Owned { name: "sync_relay_log*", why: STREAM },
    Owned { name: "tc_heuristic_recover", why: DURABLE },
    Owned { name: "tmpdir", why: FILES },
    Owned { name: "unix_socket", why: ACCESS },
    Owned { name: "user", why: FILES },
    Owned { name: "wsrep*", why: STREAM },
    Owned { name: "grant_tables", why: ACCESS },
    Owned { name: "slave_transaction_retr*", why: STREAM },
];

/// Names that are whole though longer ones that are owned begin with them.
const WHOLE: &[&str] = &["general_log", "old", "slow_query_log"];
/// What MariaDB takes away from the front of a name.
const PREFIXES: &[&str] = &["loose_", "skip_", "disable_", "enable_", "maximum_", "autoset_"];

/// Returns a parameter's name as MariaDB's variables are called.
pub fn normalize(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('-', "_")
}

/// Checks that a person may set a parameter to a value.
pub fn check(name: &str, value: &str) -> Result<(), Refused> {
    let normal = normalize(name);
    let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if normal.is_empty() || !normal.bytes().all(letters) {
        return Err(Refused::Name(name.to_owned()));
    }
    let mut bare = normal.as_str();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)) {
        bare = rest;
    }
    for owned in OWNED {
        if let Some(refused) = refuses(owned, &normal, bare) {
            return Err(refused);
        }
    }
    if value.chars().any(|c| c.is_control() || c == '"' || c == '\'') {
        return Err(Refused::Value(normal));
    }
    Ok(())
}

fn refuses(owned: &Owned, name: &str, bare: &str) -> Option<Refused> {
    let (family, is_family) =
        owned.name.strip_suffix('*').map_or((owned.name, false), |family| (family, true));
    if bare == family || (is_family && bare.starts_with(family)) {
        return Some(Refused::Owned { name: name.to_owned(), why: owned.why });
    }
    let abbreviates = family.starts_with(bare) && !WHOLE.contains(&bare);
    abbreviates.then(|| Refused::Abbreviates { name: name.to_owned(), owned: owned.name, why: owned.why })
}

#[cfg(test)]
mod tests {
    use super::{Refused, check};

    #[test]
    fn what_the_platform_owns_is_refused_in_every_spelling() {
        for name in [
            "sync_binlog",
            "sync-binlog",
            "Sync_Binlog",
            "loose-sync-binlog",
            "skip-log-bin",
            "gtid_domain_id",
        ] {
            assert!(matches!(check(name, "1"), Err(Refused::Owned { .. })), "{name}");
        }
        for name in ["skip-networking", "skip-grant-tables", "skip-slave-start", "disable-log-bin", "ssl"] {
            assert!(matches!(check(name, ""), Err(Refused::Owned { .. })), "{name}");
        }
        for name in ["sync_bin", "dat", "read-onl"] {
            assert!(matches!(check(name, "1"), Err(Refused::Abbreviates { .. })), "{name}");
        }
    }

    #[test]
    fn the_rest_is_a_persons() {
        for name in [
            "innodb_buffer_pool_size",
            "max_connections",
            "sql_mode",
            "slow_query_log",
            "character_set_server",
            "innodb_log_file_size",
            "slave_parallel_threads",
            "binlog_expire_logs_seconds",
            "max_binlog_size",
            "innodb_flush_method",
            "event_scheduler",
            "require_secure_transport",
            "innodb_io_capacity",
            "log_warnings",
        ] {
            assert_eq!(check(name, "128M"), Ok(()), "{name}");
        }
    }

    #[test]
    fn values_stay_on_their_line() {
        assert!(matches!(check("sql_mode", "x\nsync_binlog=0"), Err(Refused::Value(_))));
        assert!(matches!(check("sql_mode]\n[x", ""), Err(Refused::Name(_))));
    }
}
