//! Where facts come from.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use stanchion_doctor::{CertificateOptions, ClientCertificate, Etcd, EtcdOptions, Tls, read_certificates};
use stanchion_doctor_core::{Check, Facts, Need};

use crate::error::Failure;
use crate::exit::Exit;

/// Where facts come from. Each is optional; what is not given is not looked at.
#[derive(Debug, Args)]
pub(crate) struct Sources {
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
    /// Where snapshots of etcd are kept.
    #[arg(long, value_name = "DIR", requires = "etcd_endpoints")]
    etcd_snapshot_dir: Option<PathBuf>,
    /// Directories with certificates and kubeconfigs, as /etc/kubernetes and /var/lib/kubelet/pki; those in them, too.
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    cert_dir: Vec<PathBuf>,
    /// Servers whose certificates are looked at in a handshake.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    tls_server: Vec<String>,
    /// How long to wait for a connection, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    dial_timeout: u64,
}

impl Sources {
    /// Reads what `checks` need from all that is given.
    pub(crate) async fn read(&self, facts: &mut Facts, checks: &[&Check]) -> Result<(), Failure> {
        let is_needed =
            |of: &[Need]| checks.iter().any(|check| check.needs.iter().any(|need| of.contains(need)));
        let has_certificates = !self.cert_dir.is_empty() || !self.tls_server.is_empty();
        if self.etcd_endpoints.is_empty() && !has_certificates {
            let error = anyhow!("there is nothing to look at");
            return Err(
                Failure::new(Exit::Usage, error).hint("give --etcd-endpoints, --cert-dir or --tls-server")
            );
        }
        if !self.etcd_endpoints.is_empty() {
            self.etcd(is_needed(&[Need::EtcdKeyspace]))?.read(facts).await;
        }
        if has_certificates && is_needed(&[Need::Certificates]) {
            let options = CertificateOptions {
                directories: self.cert_dir.clone(),
                servers: self.tls_server.clone(),
                connect_timeout: Duration::from_secs(self.dial_timeout),
            };
            read_certificates(&options, facts).await;
        }
        Ok(())
    }

    /// Prepares to ask etcd; with `keyspace` also what its keys are of.
    pub(crate) fn etcd(&self, keyspace: bool) -> Result<Etcd, Failure> {
        let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
        if self.etcd_endpoints.is_empty() {
            return Err(usage(anyhow!("no etcd is named")).hint("give --etcd-endpoints"));
        }
        if self.etcd_cert.is_some() && self.etcd_cacert.is_none() {
            return Err(usage(anyhow!("--etcd-cert needs --etcd-cacert, to know whom it is shown to")));
        }
        let client = self.etcd_cert.clone().zip(self.etcd_key.clone());
        let client = client.map(|(certificate, key)| ClientCertificate { certificate, key });
        let options = EtcdOptions {
            endpoints: self.etcd_endpoints.clone(),
            tls: self.etcd_cacert.clone().map(|ca| Tls { ca, client }),
            connect_timeout: Duration::from_secs(self.dial_timeout),
            snapshots: self.etcd_snapshot_dir.clone(),
            keyspace,
        };
        Etcd::new(options).map_err(|error| usage(error.into()))
    }
}
