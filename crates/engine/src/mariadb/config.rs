//! The option file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use stanchion_ha_core::ServerId;
use thiserror::Error;

use super::layout::Layout;
use super::parameters::{self, Refused};

/// A commit waits so long for an acknowledgement, in milliseconds: a year, which is for ever here. The greatest value that
/// the server takes would overflow when it is made nanoseconds.
const ACKNOWLEDGE_TIMEOUT: u64 = 31_536_000_000;
/// After so many seconds of silence a replica gives a connection up and makes another, which cannot be broken off while the
/// other side accepts and says nothing. So it is longer than it takes to fence: twice the patience with missing heartbeats.
const NET_TIMEOUT: u32 = 10;

/// A receiver that is stopped takes leave of its primary for at most so many seconds: 0 would be for ever.
const LEAVE_TIMEOUT: u32 = 1;

/// What a person may change with parameters.
const DEFAULTS: &[(&str, &str)] = &[
    ("innodb_buffer_pool_size", "128M"),
    ("innodb_log_file_size", "64M"),
    ("max_connections", "200"),
    ("max_binlog_size", "256M"),
    ("binlog_expire_logs_seconds", "604800"),
    ("slave_parallel_threads", "8"),
    ("character_set_server", "utf8mb4"),
    // The text of each statement beside the rows that it changed: a quarter of what is replicated, and nobody applies it.
    ("binlog_annotate_row_events", "OFF"),
];

/// What keeps acknowledged writes, and roles where the manager puts them.
const OWN: &[(&str, &str)] = &[
    ("log_bin", "binlog"),
    ("log_bin_index", "binlog.index"),
    ("relay_log", "relay"),
    ("relay_log_index", "relay.index"),
    // Received transactions survive a restart; the agent has them applied before anything else.
    ("relay_log_recovery", "OFF"),
    ("relay_log_purge", "ON"),
    ("log_slave_updates", "ON"),
    ("binlog_format", "ROW"),
    ("binlog_checksum", "CRC32"),
    ("sync_binlog", "1"),
    ("innodb_flush_log_at_trx_commit", "1"),
    ("innodb_doublewrite", "ON"),
    ("gtid_domain_id", "0"),
    ("gtid_strict_mode", "ON"),
    ("rpl_semi_sync_master_enabled", "OFF"),
    ("rpl_semi_sync_master_wait_point", "AFTER_SYNC"),
    ("rpl_semi_sync_master_wait_no_slave", "ON"),
    ("slave_parallel_mode", "optimistic"),
    ("skip_slave_start", "ON"),
    ("read_only", "ON"),
    ("skip_name_resolve", "ON"),
    ("symbolic_links", "OFF"),
];

/// Certificates of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Who signs the certificates of the cluster.
    pub ca: PathBuf,
    /// The certificate of this instance.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// How a server starts from what its last life left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Commits what the binary log holds.
    Keep,
    /// Rolls back what is prepared and not committed, and cuts the binary log there.
    CutBack,
}

/// How a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    server: ServerId,
    address: SocketAddr,
    tls: Option<Tls>,
    parameters: BTreeMap<String, String>,
}

/// A configuration with parameters that a person may not set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigError(pub Vec<Refused>);

impl Config {
    /// Checks the parameters, and says all that is wrong with them.
    ///
    /// The server listens at `address`; without certificates nobody can replicate from it over accounts that require one.
    pub fn new(
        server: ServerId,
        address: SocketAddr,
        tls: Option<Tls>,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let refused: Vec<_> =
            parameters.iter().filter_map(|(name, value)| parameters::check(name, value).err()).collect();
        if !refused.is_empty() {
            return Err(ConfigError(refused));
        }
        let parameters =
            parameters.iter().map(|(name, value)| (parameters::normalize(name), value.clone())).collect();
        Ok(Self { server, address, tls, parameters })
    }

    /// Returns the number of the server.
    pub fn server(&self) -> ServerId {
        self.server
    }

    /// Returns where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificates.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Returns the option file.
    ///
    /// `alone` is for a server that nobody but its maker is to reach.
    pub(crate) fn render(&self, layout: &Layout, recovery: Recovery, user: &str, alone: bool) -> String {
        let mut file = OptionFile::default();
        file.group("client");
        file.set("socket", &layout.socket().to_string_lossy());
        file.set("user", "root");
        file.group("mariadbd");
        for (name, value) in DEFAULTS {
            if !self.parameters.contains_key(*name) {
                file.set(name, value);
            }
        }
        for (name, value) in &self.parameters {
            file.set(name, value);
        }
        for (name, value) in OWN {
            file.set(name, value);
        }
        file.set("user", user);
        file.set("server_id", &self.server.0.to_string());
        file.set("datadir", &layout.data().to_string_lossy());
        file.set("socket", &layout.socket().to_string_lossy());
        file.set("pid_file", &layout.pid_file().to_string_lossy());
        file.set("tmpdir", &layout.temporary().to_string_lossy());
        file.set("rpl_semi_sync_master_timeout", &ACKNOWLEDGE_TIMEOUT.to_string());
        file.set("slave_net_timeout", &NET_TIMEOUT.to_string());
        file.set("rpl_semi_sync_slave_kill_conn_timeout", &LEAVE_TIMEOUT.to_string());
        let (role, acknowledges) = match recovery {
            Recovery::Keep => ("MASTER", "OFF"),
            Recovery::CutBack => ("SLAVE", "ON"),
        };
        file.set("init_rpl_role", role);
        file.set("rpl_semi_sync_slave_enabled", acknowledges);
        if alone {
            file.set("skip_networking", "ON");
            return file.0;
        }
        file.set("bind_address", &self.address.ip().to_string());
        file.set("port", &self.address.port().to_string());
        file.set("report_host", &self.address.ip().to_string());
        file.set("report_port", &self.address.port().to_string());
        if let Some(Tls { ca, certificate, key }) = &self.tls {
            file.set("ssl_ca", &ca.to_string_lossy());
            file.set("ssl_cert", &certificate.to_string_lossy());
            file.set("ssl_key", &key.to_string_lossy());
        }
        file.0
    }
}

#[derive(Default)]
struct OptionFile(String);

impl OptionFile {
    fn group(&mut self, name: &str) {
        writeln!(self.0, "[{name}]").expect("a String takes all that is written");
    }

    fn set(&mut self, name: &str, value: &str) {
        let value = value.replace('\\', "\\\\");
        writeln!(self.0, "{name}=\"{value}\"").expect("a String takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use stanchion_ha_core::ServerId;

    use super::{Config, DEFAULTS, Layout, OWN, Recovery};
    use crate::mariadb::parameters;

    fn config(parameters: &[(&str, &str)]) -> Config {
        let parameters: BTreeMap<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::new(ServerId(3), ([127, 0, 0, 1], 3306).into(), None, &parameters).expect("nothing owned")
    }

    #[test]
    fn a_person_overrides_a_default_once() {
        let file = config(&[("innodb-buffer-pool-size", "1G")]).render(
            &Layout::new("/v"),
            Recovery::Keep,
            "mysql",
            false,
        );
        assert_eq!(file.matches("innodb_buffer_pool_size").count(), 1);
        assert!(file.contains("innodb_buffer_pool_size=\"1G\""));
        assert!(file.contains("init_rpl_role=\"MASTER\""));
        assert!(file.contains("datadir=\"/v/data\""));
    }

    #[test]
    fn what_is_set_here_is_owned_and_a_default_is_not() {
        for (name, _) in OWN {
            assert!(parameters::check(name, "1").is_err(), "{name}");
        }
        for (name, value) in DEFAULTS {
            assert_eq!(parameters::check(name, value), Ok(()), "{name}");
        }
    }
}
