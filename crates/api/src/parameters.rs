//! Which options of the server people may set.
//!
//! The server takes any unambiguous beginning of an option's name for the option, dashes for underscores, and a few words
//! in front of it. Only whole names with underscores are taken here, so that nothing that is refused comes in by another
//! name; and a name that is the beginning of a refused one is refused too.

use thiserror::Error;

/// Options that the platform sets, or that would undo what failover relies on; in alphabetical order.
pub const FORBIDDEN: &[&str] = &[
    "autoset_my_cnf_dir",
    "basedir",
    "bind_address",
    "binlog_commit_wait_count",
    "binlog_commit_wait_usec",
    "binlog_do_db",
    "binlog_format",
    "binlog_ignore_db",
    "binlog_row_image",
    "bootstrap",
    "chroot",
    "datadir",
    "defaults_extra_file",
    "defaults_file",
    "defaults_group_suffix",
    "enforce_storage_engine",
    "gtid_domain_id",
    "gtid_ignore_duplicates",
    "gtid_pos_auto_engines",
    "gtid_seq_no",
    "gtid_strict_mode",
    "init_file",
    "init_rpl_role",
    "init_slave",
    "innodb_data_home_dir",
    "innodb_doublewrite",
    "innodb_flush_log_at_trx_commit",
    "innodb_force_recovery",
    "innodb_log_group_home_dir",
    "innodb_read_only",
    "innodb_undo_directory",
    "log_basename",
    "log_bin",
    "log_bin_index",
    "log_error",
    "log_slave_updates",
    "master_info_file",
    "pid_file",
    "plugin_dir",
    "plugin_load",
    "plugin_load_add",
    "plugin_maturity",
    "port",
    "read_only",
    "relay_log",
    "relay_log_index",
    "relay_log_info_file",
    "relay_log_purge",
    "relay_log_recovery",
    "replicate_do_db",
    "replicate_do_table",
    "replicate_events_marked_for_skip",
    "replicate_ignore_db",
    "replicate_ignore_table",
    "replicate_rewrite_db",
    "replicate_same_server_id",
    "replicate_wild_do_table",
    "replicate_wild_ignore_table",
    "report_host",
    "report_password",
    "report_port",
    "report_user",
    "rpl_semi_sync_master_enabled",
    "rpl_semi_sync_master_timeout",
    "rpl_semi_sync_master_wait_no_slave",
    "rpl_semi_sync_master_wait_point",
    "rpl_semi_sync_slave_delay_master",
    "rpl_semi_sync_slave_enabled",
    "rpl_semi_sync_slave_kill_conn_timeout",
    "server_id",
    "slave_exec_mode",
    "slave_load_tmpdir",
    "slave_net_timeout",
    "slave_skip_errors",
    "socket",
    "sql_log_bin",
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_cipher",
    "ssl_crl",
    "ssl_crlpath",
    "ssl_key",
    "sync_binlog",
    "sync_master_info",
    "sync_relay_log",
    "sync_relay_log_info",
    "tc_heuristic_recover",
    "tls_version",
    "tmpdir",
    "unix_socket",
    "user",
    "wsrep_cluster_address",
    "wsrep_on",
    "wsrep_provider",
];

/// Words that may stand in front of an option's name and change what it means.
pub(crate) const PREFIXES: &[&str] = &["disable_", "enable_", "loose_", "maximum_", "skip_"];

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
    #[error("the value of {name:?} has control characters, or more than {LONGEST_VALUE} bytes")]
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
    if let Some(forbidden) = FORBIDDEN.iter().find(|forbidden| forbidden.starts_with(name)) {
        return Err(ParameterError::Forbidden { name: name.to_owned(), forbidden });
    }
    if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(ParameterError::Value { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failover_relies_on_is_refused_under_every_name() {
        for name in ["server_id", "server_i", "ssl", "read_only", "log_bin"] {
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
        let error = check_parameter("sql_mode", "x\nserver_id=1").expect_err("a line break");
        assert!(matches!(error, ParameterError::Value { .. }), "{error}");
    }

    #[test]
    fn others_are_taken() {
        for name in ["innodb_buffer_pool_size", "max_connections", "sql_mode", "slave_parallel_threads"] {
            assert_eq!(check_parameter(name, "1"), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(FORBIDDEN.is_sorted());
    }
}
