//! One member of a remote store.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Certificate, Client, ConnectOptions, Identity, KvClient, LeaseClient, MaintenanceClient, TlsOptions,
    WatchClient,
};

use super::{RemoteOptions, RemoteTls};

/// How long a connection with calls on it may be silent before it is asked for a sign of life. Above the 5 s
/// below which etcd takes such questions for an attack; for the same reason idle connections are not asked.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long the sign of life may take. A watch on a dead connection ends after both.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers may be of any length: a range has no limit of its own, and the server decides how much it sends.
const MAX_ANSWER: usize = usize::MAX;

/// Why a remote store cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No endpoint is given.
    #[error("no endpoint of a store is given")]
    NoEndpoint,
    /// An endpoint is no URL, or the certificates cannot be used for it.
    #[error("cannot use the endpoint {endpoint}")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: etcd_client::Error,
    },
    /// A protected endpoint, and nothing to check its certificate with.
    #[error("the endpoint {endpoint} needs an authority to check its certificate with")]
    NoAuthority {
        /// The endpoint.
        endpoint: String,
    },
    /// A file of the certificates cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// One member, and the clients that share its connection.
pub(super) struct Endpoint {
    url: Arc<str>,
    kv: KvClient,
    lease: LeaseClient,
    watch: WatchClient,
    maintenance: MaintenanceClient,
}

impl Endpoint {
    /// Prepares the connection without making it.
    pub(super) async fn prepare(url: &str, options: &RemoteOptions) -> Result<Self, RemoteError> {
        let mut connect = ConnectOptions::new()
            .with_connect_timeout(options.connect_timeout)
            .with_keep_alive(KEEP_ALIVE, KEEP_ALIVE_TIMEOUT)
            .with_keep_alive_while_idle(false)
            // A member that is cut off from its cluster ends its watches instead of being silent.
            .with_require_leader(true);
        match &options.tls {
            Some(tls) => connect = connect.with_tls(certificates(tls)?),
            None if url.starts_with("https://") => {
                return Err(RemoteError::NoAuthority { endpoint: url.to_owned() });
            }
            None => {}
        }
        let client = Client::connect([url], Some(connect))
            .await
            .map_err(|source| RemoteError::Endpoint { endpoint: url.to_owned(), source })?;
        Ok(Self {
            url: url.into(),
            kv: client.kv_client().max_decoding_message_size(MAX_ANSWER),
            // It has no such setting: a lease with more than 4 MB of keys cannot be listed.
            lease: client.lease_client(),
            watch: client.watch_client().max_decoding_message_size(MAX_ANSWER),
            maintenance: client.maintenance_client(),
        })
    }

    pub(super) fn url(&self) -> &Arc<str> {
        &self.url
    }

    pub(super) fn kv(&self) -> KvClient {
        self.kv.clone()
    }

    pub(super) fn lease(&self) -> LeaseClient {
        self.lease.clone()
    }

    pub(super) fn watch(&self) -> WatchClient {
        self.watch.clone()
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient {
        self.maintenance.clone()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url).finish()
    }
}

fn certificates(tls: &RemoteTls) -> Result<TlsOptions, RemoteError> {
    let RemoteTls { ca_file, client, server_name } = tls;
    let mut options = TlsOptions::new().ca_certificate(Certificate::from_pem(read(ca_file)?));
    if let Some(client) = client {
        let identity = Identity::from_pem(read(&client.cert_file)?, read(&client.key_file)?);
        options = options.identity(identity);
    }
    if let Some(name) = server_name {
        options = options.domain_name(name);
    }
    Ok(options)
}

fn read(path: &Path) -> Result<Vec<u8>, RemoteError> {
    std::fs::read(path).map_err(|source| RemoteError::File { path: path.to_owned(), source })
}
