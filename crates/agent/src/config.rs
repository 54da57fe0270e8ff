//! What the operator wrote for an agent (`agent.json`), parsed once into types.
//!
//! Unknown keys are errors. All problems of a file are reported together, each with its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// Where the operator mounts the passwords.
const SECRETS: &str = "/etc/stanchion/secrets";
/// Where the operator mounts the cluster's certificates.
const TLS: &str = "/etc/stanchion/tls";
/// The port of MariaDB.
const DATABASE_PORT: u16 = 3306;
/// The port of agents.
const AGENT_PORT: u16 = 8377;
/// The grace period that Pods have by default.
const GRACE_SECONDS: u64 = 30;

/// How to reach the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The members' URLs.
    pub endpoints: Vec<String>,
    /// The authority of the members' certificates and the client's own certificate; none for `http` endpoints.
    pub tls: Option<StoreTls>,
}

/// The files of the connection to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreTls {
    /// The file of the authority, PEM.
    pub authority: PathBuf,
    /// The file of the client's certificate, PEM.
    pub certificate: PathBuf,
    /// The file of its key, PEM.
    pub key: PathBuf,
}

/// What an agent is told by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The cluster's name in its namespace.
    pub cluster: String,
    /// How to reach the store.
    pub store: StoreConfig,
    /// The data volume.
    pub data_directory: PathBuf,
    /// The volume for temporary files, if it is another.
    pub temporary_directory: Option<PathBuf>,
    /// Where the passwords are: `replication-password`, `app-password`.
    pub secrets_directory: PathBuf,
    /// Where the certificates are: `ca.crt`, `tls.crt`, `tls.key`.
    pub tls_directory: PathBuf,
    /// Options of the database that a person chose.
    pub parameters: BTreeMap<String, String>,
    /// Where the database listens on the Pod's address.
    pub database_port: u16,
    /// Where the agent listens on the Pod's address.
    pub agent_port: u16,
    /// The application's database.
    pub database: String,
    /// The application's user.
    pub user: String,
    /// How long the Pod may take to end.
    pub grace: Duration,
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is no JSON object.
    #[error("the configuration is no JSON object: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// What it says cannot be meant.
    #[error("the configuration has {} problems: {}", problems.len(), problems.join("; "))]
    Invalid {
        /// All of them, each with its place.
        problems: Vec<String>,
    },
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Parses the content of a file.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| ConfigError::Malformed { problem: error.to_string() })?;
        let Value::Object(map) = value else {
            return Err(ConfigError::Malformed { problem: "something else stands there".to_owned() });
        };
        let mut problems = Vec::new();
        let config = Self::from_map(map, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigError::Invalid { problems }),
        }
    }

    /// Returns what the map says; none if something is missing. Whatever is wrong is added to `problems`.
    fn from_map(map: Map<String, Value>, problems: &mut Vec<String>) -> Option<Self> {
        let mut fields = Fields { prefix: "", map, problems };
        let cluster = fields.required("cluster");
        let store: Option<Map<String, Value>> = fields.required("store");
        let data_directory = fields.required("dataDirectory");
        let temporary_directory = fields.optional("temporaryDirectory");
        let secrets_directory = fields.optional("secretsDirectory").unwrap_or_else(|| SECRETS.into());
        let tls_directory = fields.optional("tlsDirectory").unwrap_or_else(|| TLS.into());
        let parameters = fields.optional("parameters").unwrap_or_default();
        let database_port = fields.port("databasePort", DATABASE_PORT);
        let agent_port = fields.port("agentPort", AGENT_PORT);
        let database = fields.required("database");
        let user = fields.required("user");
        let grace = fields.optional("graceSeconds").unwrap_or(GRACE_SECONDS);
        if database_port == agent_port {
            fields.problems.push("databasePort and agentPort are the same".to_owned());
        }
        fields.finish();
        let store = store.and_then(|store| StoreConfig::from_map(store, problems));
        Some(Self {
            cluster: cluster?,
            store: store?,
            data_directory: data_directory?,
            temporary_directory,
            secrets_directory,
            tls_directory,
            parameters,
            database_port,
            agent_port,
            database: database?,
            user: user?,
            grace: Duration::from_secs(grace),
        })
    }
}

impl StoreConfig {
    fn from_map(map: Map<String, Value>, problems: &mut Vec<String>) -> Option<Self> {
        let mut fields = Fields { prefix: "store.", map, problems };
        let endpoints: Option<Vec<String>> = fields.required("endpoints");
        let ca_file: Option<PathBuf> = fields.optional("caFile");
        let cert_file: Option<PathBuf> = fields.optional("certFile");
        let key_file: Option<PathBuf> = fields.optional("keyFile");
        if endpoints.as_ref().is_some_and(Vec::is_empty) {
            fields.problems.push("store.endpoints is empty".to_owned());
        }
        let secure = endpoints.iter().flatten().any(|url| url.starts_with("https://"));
        let tls = match (ca_file, cert_file, key_file) {
            (Some(authority), Some(certificate), Some(key)) => Some(StoreTls { authority, certificate, key }),
            (None, None, None) if !secure => None,
            (_, _, _) => {
                fields.problems.push(
                    "store needs caFile, certFile and keyFile together, and https endpoints need all of them"
                        .to_owned(),
                );
                None
            }
        };
        fields.finish();
        Some(Self { endpoints: endpoints?, tls })
    }
}

/// The fields of an object that have not been read yet.
struct Fields<'a> {
    prefix: &'static str,
    map: Map<String, Value>,
    problems: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn optional<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.map.remove(key)?;
        match serde_json::from_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(format!("{}{key}: {error}", self.prefix));
                None
            }
        }
    }

    fn required<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        if !self.map.contains_key(key) {
            self.problems.push(format!("{}{key} is missing", self.prefix));
        }
        self.optional(key)
    }

    fn port(&mut self, key: &str, default: u16) -> u16 {
        let port = self.optional(key).unwrap_or(default);
        if port == 0 {
            self.problems.push(format!("{}{key}: 0 is no port", self.prefix));
        }
        port
    }

    fn finish(self) {
        let unknown = self.map.keys().map(|key| format!("{}{key} is unknown", self.prefix));
        self.problems.extend(unknown);
    }
}

#[cfg(test)]
mod tests;
