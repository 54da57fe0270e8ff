//! Where an etcd is and how to speak to it, for every command that asks one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use stanchion_doctor::{ClientCertificate, Etcd, EtcdOptions, Tls};

use crate::error::Failure;
use crate::exit::Exit;

/// Where an etcd is, and how to speak to it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// Members of etcd; the others are found through them.
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "ETCDCTL_ENDPOINTS")]
    etcd_endpoints: Vec<String>,
    /// The authority that the members' certificates come from (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CACERT", requires = "etcd_endpoints")]
    etcd_cacert: Option<PathBuf>,
    /// The client's certificate for etcd (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CERT", requires = "etcd_key")]
    etcd_cert: Option<PathBuf>,
    /// The client's private key for etcd (PEM).
    #[arg(long, value_name = "FILE", env = "ETCDCTL_KEY", requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,
    /// A file that says how a member is started, as /etc/kubernetes/manifests/etcd.yaml or etcd's own.
    #[arg(long, value_name = "FILE", requires = "etcd_endpoints")]
    etcd_config: Option<PathBuf>,
    /// How long to wait for a connection, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    dial_timeout: u64,
}

impl Connection {
    /// Returns whether an etcd is named at all.
    pub(crate) fn is_given(&self) -> bool {
        !self.etcd_endpoints.is_empty()
    }

    /// Returns how long to wait for a connection.
    pub(crate) fn dial_timeout(&self) -> Duration {
        Duration::from_secs(self.dial_timeout)
    }

    /// Returns how to ask etcd, with nothing to look at but what its members say; refuses what does not go together.
    pub(crate) fn options(&self) -> Result<EtcdOptions, Failure> {
        let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
        if self.etcd_endpoints.is_empty() {
            return Err(usage(anyhow!("no etcd is named")).hint("give --etcd-endpoints"));
        }
        if self.etcd_cert.is_some() && self.etcd_cacert.is_none() {
            return Err(usage(anyhow!("--etcd-cert needs --etcd-cacert, to know whom it is shown to")));
        }
        let client = self.etcd_cert.clone().zip(self.etcd_key.clone());
        let client = client.map(|(certificate, key)| ClientCertificate { certificate, key });
        Ok(EtcdOptions {
            endpoints: self.etcd_endpoints.clone(),
            tls: self.etcd_cacert.clone().map(|ca| Tls { ca, client }),
            connect_timeout: self.dial_timeout(),
            snapshots: None,
            keyspace: false,
            config: self.etcd_config.clone(),
            growth: None,
        })
    }

    /// Prepares to ask etcd of nothing but what its members say.
    pub(crate) fn open(&self) -> Result<Etcd, Failure> {
        Self::prepare(self.options()?)
    }

    /// Prepares to ask etcd; nobody is asked yet.
    pub(crate) fn prepare(options: EtcdOptions) -> Result<Etcd, Failure> {
        Etcd::new(options).map_err(|error| Failure::new(Exit::Usage, error))
    }
}
