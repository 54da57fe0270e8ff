//! One member to ask.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use stanchion_etcd_api::etcdserverpb::cluster_client::ClusterClient;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use thiserror::Error;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// Files of a protected connection, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The authority that the members' certificates come from.
    pub ca: PathBuf,
    /// What to show to members that ask for a certificate.
    pub client: Option<ClientCertificate>,
}

/// A client's certificate and key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An etcd that cannot be asked as it was named.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// No endpoint is named.
    #[error("no endpoint of etcd is given")]
    NoEndpoint,
    /// An endpoint is no URL.
    #[error("{endpoint:?} is no URL of a member of etcd, as http://127.0.0.1:2379 is")]
    Url {
        /// The endpoint.
        endpoint: String,
    },
    /// A protected endpoint, and nothing to check its certificate with.
    #[error("{endpoint} needs an authority to check its certificate with (--etcd-cacert)")]
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
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("cannot use the certificates for {endpoint}")]
    Certificates {
        /// The endpoint.
        endpoint: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
}

/// One member to ask.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: String,
    uri: Uri,
    tls: Option<Tls>,
    channel: Channel,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url).finish()
    }
}

impl Endpoint {
    /// Prepares to connect; the connection is made by the first call.
    pub(super) fn prepare(
        url: &str,
        tls: Option<&Tls>,
        connect_timeout: Duration,
    ) -> Result<Self, EtcdError> {
        let bad = || EtcdError::Url { endpoint: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let is_protected = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad()),
        };
        if uri.host().is_none() {
            return Err(bad());
        }
        let mut endpoint = Channel::builder(uri.clone()).connect_timeout(connect_timeout);
        if is_protected {
            let Some(tls) = tls else { return Err(EtcdError::NoAuthority { endpoint: url.to_owned() }) };
            let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&tls.ca)?));
            if let Some(client) = &tls.client {
                config = config.identity(Identity::from_pem(read(&client.certificate)?, read(&client.key)?));
            }
            let failed = |source| EtcdError::Certificates { endpoint: url.to_owned(), source };
            endpoint = endpoint.tls_config(config).map_err(failed)?;
        }
        let tls = tls.filter(|_| is_protected).cloned();
        Ok(Self { url: url.to_owned(), uri, tls, channel: endpoint.connect_lazy() })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(super) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(super) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EtcdError> {
    std::fs::read(path).map_err(|source| EtcdError::File { path: path.to_owned(), source })
}
