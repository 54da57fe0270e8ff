//! Which options of the server people may set.
//!
//! The server takes any unambiguous beginning of an option's name for the option, dashes for underscores, and a few words
//! in front of it. Only whole names with underscores are taken here, so that nothing that is refused comes in by another
//! name; and a name that is the beginning of a refused one is refused too.

use thiserror::Error;

/// Options that the platform sets, or that would undo what failover relies on; in alphabetical order. One with a star at
/// its end stands for all that begin like it.
pub const FORBIDDEN: &[&str] = &[
    "aria_log_dir_path",
    "basedir",
    "bind_address",
    "binlog_checksum",
    "binlog_commit_wait_*",
    "binlog_do_db",
    "binlog_format",
    "binlog_ignore_db",
    "bootstrap",
    "chroot",
    "console",
    "datadir",
    "defaults_*",
    "encrypt_binlog",
    "enforce_storage_engine",
    "extra_port",
    "gdb",
    "general_log_file",
    "grant_tables",
    "gtid_*",
    "init_connect",
    "init_file",
    "init_rpl_role",
    "init_slave",
    "innodb_data_file_path",
    "innodb_data_home_dir",
    "innodb_doublewrite",
    "innodb_fast_shutdown",
    "innodb_flush_log_at_trx_commit",
    "innodb_force_recovery",
    "innodb_log_group_home_dir",
    "innodb_read_only",
    "innodb_temp_data_file_path",
    "innodb_tmpdir",
    "innodb_undo_directory",
    "language",
    "lc_messages_dir",
    "log_basename",
    "log_bin*",
    "log_error",
    "log_slave_updates",
    "log_tc",
    "master_info_file",
    "master_retry_count",
    "name_resolve",
    "networking",
    "old_mode",
    "pid_file",
    "plugin_*",
    "port",
    "read_only",
    "relay_log*",
    "replicate_*",
    "report_*",
    "rpl_semi_sync_*",
    "safe_mode",
    "safe_user_create",
    "server_id",
    "slave_exec_mode",
    "slave_load_tmpdir",
    "slave_net_timeout",
    "slave_parallel_mode",
    "slave_run_triggers_for_rbr",
    "slave_skip_errors",
    "slave_sql_verify_checksum",
    "slave_start",
    "slave_transaction_retr*",
    "slow_query_log_file",
    "socket",
    "sql_log_bin",
    "ssl*",
    "symbolic_links",
    "sync_binlog",
    "sync_master_info",
    "sync_relay_log*",
    "tc_heuristic_recover",
    "tmpdir",
    "unix_socket",
    "user",
    "wsrep*",
];

/// Words that may stand in front of an option's name and change what it means.
pub(crate) const PREFIXES: &[&str] = &["autoset_", "disable_", "enable_", "loose_", "maximum_", "skip_"];

/// Options that are whole, though others that are refused begin like them.
pub(crate) const WHOLE: &[&str] = &["general_log", "old", "slow_query_log"];

/// The longest name of an option; the server's own are shorter.
const LONGEST_NAME: usize = 64;
/// The longest value, as in the schema.
const LONGEST_VALUE: usize = 1024;

/// An option of the server that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// It is not a name of an option.
    #[error("{name:?} is no name of an option: write it whole, in lower case, with underscores")]
    Name {
        /// What was given.
        name: String,
    },
    /// There is a word in front of it.
    #[error("{name:?} begins with {prefix:?}: write the option itself, with ON, OFF or its value")]
    Prefix {
        /// What was given.
        name: String,
        /// The word.
        prefix: &'static str,
    },
    /// The platform sets it.
    #[error("{name:?} cannot be set: Stanchion sets {forbidden}, or failover relies on how it is")]
    Forbidden {
        /// What was given.
        name: String,
        /// Which option that is, or could be taken for.
        forbidden: &'static str,
    },
    /// The value cannot stand in an option file.
    #[error("the value of {name:?} has quotes, control characters, or more than {LONGEST_VALUE} bytes")]
    Value {
        /// Whose.
        name: String,
    },
}

/// Checks that an option may be set, and that its value can stand in an option file.
pub fn check_parameter(name: &str, value: &str) -> Result<(), ParameterError> {
    let is_name = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    if !is_name {
        return Err(ParameterError::Name { name: name.to_owned() });
    }
    if let Some(prefix) = PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return Err(ParameterError::Prefix { name: name.to_owned(), prefix });
    }
    if let Some(forbidden) = FORBIDDEN.iter().find(|forbidden| is_refused(name, forbidden)) {
        return Err(ParameterError::Forbidden { name: name.to_owned(), forbidden });
    }
    if value.len() > LONGEST_VALUE || value.chars().any(|c| c.is_control() || matches!(c, '"' | '\'')) {
        return Err(ParameterError::Value { name: name.to_owned() });
    }
    Ok(())
}

/// Returns whether a name is a refused option, or could be taken for one.
fn is_refused(name: &str, forbidden: &str) -> bool {
    let family = forbidden.strip_suffix('*');
    let whole = family.unwrap_or(forbidden);
    family.is_some_and(|family| name.starts_with(family)) || whole.starts_with(name) && !WHOLE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failover_relies_on_is_refused_under_every_name() {
        for name in ["server_id", "server_i", "ssl", "ssl_ca", "read_only", "log_bin", "gtid_strict_mode"] {
            let error = check_parameter(name, "1").expect_err(name);
            assert!(matches!(error, ParameterError::Forbidden { .. }), "{error}");
        }
        for name in ["server-id", "Server_id", "", "a b", "x\ny", "[mysqld]", "1x"] {
            let error = check_parameter(name, "1").expect_err(name);
            assert!(matches!(error, ParameterError::Name { .. }), "{error}");
        }
        for name in ["loose_server_id", "skip_log_bin", "disable_log_bin"] {
            let error = check_parameter(name, "1").expect_err(name);
            assert!(matches!(error, ParameterError::Prefix { .. }), "{error}");
        }
        for value in ["x\nserver_id=1", "it's"] {
            let error = check_parameter("sql_mode", value).expect_err(value);
            assert!(matches!(error, ParameterError::Value { .. }), "{error}");
        }
    }

    #[test]
    fn others_are_taken() {
        for name in
            ["innodb_buffer_pool_size", "max_connections", "sql_mode", "slow_query_log", "max_binlog_size"]
        {
            assert_eq!(check_parameter(name, "1"), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(FORBIDDEN.is_sorted());
    }
}
