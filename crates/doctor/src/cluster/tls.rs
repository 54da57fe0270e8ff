//! What a kubeconfig says of certificates.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;

use super::Cluster;

/// Whom a client trusts, and as whom it comes.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// Where the server is, as `host:port`, if it is reached directly and over TLS.
    address: Option<String>,
    /// Whether its certificate is to have another name than that of its address.
    by_other_name: bool,
    /// The authorities, in DER.
    authorities: Vec<Vec<u8>>,
    /// The client's own certificate, in PEM in base64.
    embedded: Option<String>,
    /// A file with it.
    file: Option<PathBuf>,
}

impl Tls {
    pub(super) fn of(config: &Config) -> Self {
        let url = &config.cluster_url;
        let is_direct = url.scheme_str() == Some("https") && config.proxy_url.is_none();
        let address =
            url.host().filter(|_| is_direct).map(|host| format!("{host}:{}", url.port_u16().unwrap_or(443)));
        Self {
            address,
            by_other_name: config.tls_server_name.is_some() || config.accept_invalid_certs,
            authorities: config.root_cert.clone().unwrap_or_default(),
            embedded: config.auth_info.client_certificate_data.clone(),
            file: config.auth_info.client_certificate.as_ref().map(PathBuf::from),
        }
    }

    /// Knows an address and nothing else.
    #[cfg(test)]
    pub(super) fn at(address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::default() }
    }
}

impl Cluster {
    /// Returns where a handshake with the API server is possible, and whether its certificate need not hold that name.
    pub(crate) fn tls_address(&self) -> Option<(String, bool)> {
        Some((self.tls.address.clone()?, self.tls.by_other_name))
    }

    /// Returns the authorities that the kubeconfig trusts, in DER.
    pub(crate) fn authorities(&self) -> &[Vec<u8>] {
        &self.tls.authorities
    }

    /// Returns the certificate of the kubeconfig's user in PEM, if it has one, or why it cannot be read.
    pub(crate) fn client_certificate(&self) -> Option<Result<Vec<u8>, String>> {
        match (&self.tls.embedded, &self.tls.file) {
            (Some(embedded), _) => {
                Some(STANDARD.decode(embedded).map_err(|error| format!("it is no base64: {error}")))
            }
            (None, Some(file)) => {
                Some(std::fs::read(file).map_err(|error| format!("{}: {error}", file.display())))
            }
            (None, None) => None,
        }
    }
}
