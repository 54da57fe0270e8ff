//! The connection to a served store, or to etcd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::error::Failure;
use crate::exit::Exit;

/// Where the store is served; the names are etcdctl's.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// The server's URL.
    #[arg(
        long,
        visible_alias = "endpoints",
        env = "ETCDCTL_ENDPOINTS",
        default_value = "http://127.0.0.1:2379"
    )]
    endpoint: String,
    /// The authority that the server's certificate comes from (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CACERT")]
    cacert: Option<PathBuf>,
    /// The client's certificate (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// The client's private key (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_KEY", requires = "cert")]
    key: Option<PathBuf>,
    /// How long to wait for the connection, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    dial_timeout: u64,
    /// How long to wait for an answer, in seconds. A defragmentation or a snapshot of a large store takes its time.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    command_timeout: u64,
}

impl Connection {
    /// Returns the server's URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Connects for maintenance.
    pub(crate) async fn maintenance(&self) -> Result<MaintenanceClient<Channel>, Failure> {
        Ok(MaintenanceClient::new(self.connect().await?).max_decoding_message_size(usize::MAX))
    }

    /// Connects for keys.
    pub(crate) async fn kv(&self) -> Result<KvClient<Channel>, Failure> {
        Ok(KvClient::new(self.connect().await?))
    }

    async fn connect(&self) -> Result<Channel, Failure> {
        let endpoint = self.describe()?;
        endpoint.connect().await.map_err(|error| {
            let error = anyhow::Error::new(error).context(format!("cannot connect to {}", self.endpoint));
            Failure::new(Exit::Unavailable, error).hint(
                "check that the server runs (`stanchion store serve`) and that --endpoint, --cacert, --cert and --key fit it",
            )
        })
    }

    fn describe(&self) -> Result<Endpoint, Failure> {
        let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
        if self.endpoint.contains(',') {
            return Err(usage(anyhow::anyhow!("{:?} names several servers; give one", self.endpoint)));
        }
        let url = if self.endpoint.contains("://") {
            self.endpoint.clone()
        } else {
            format!("http://{}", self.endpoint)
        };
        let endpoint = Endpoint::from_shared(url.clone())
            .with_context(|| format!("{:?} is no URL of a server", self.endpoint))
            .map_err(usage)?
            .connect_timeout(Duration::from_secs(self.dial_timeout))
            .timeout(Duration::from_secs(self.command_timeout));
        if !url.starts_with("https://") {
            return Ok(endpoint);
        }
        let mut tls = ClientTlsConfig::new();
        if let Some(path) = &self.cacert {
            tls = tls.ca_certificate(Certificate::from_pem(read(path).map_err(usage)?));
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls.identity(Identity::from_pem(read(cert).map_err(usage)?, read(key).map_err(usage)?));
        }
        endpoint.tls_config(tls).context("the certificates cannot be used").map_err(usage)
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
