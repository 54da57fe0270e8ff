//! TLS: certificates from files, read again when they change, so that a renewal needs no restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The files, as etcd's flags name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The server's certificate and those between it and the authority (`--cert-file`).
    pub cert_file: PathBuf,
    /// Its private key (`--key-file`).
    pub key_file: PathBuf,
    /// Authorities of client certificates (`--trusted-ca-file`).
    pub trusted_ca_file: Option<PathBuf>,
    /// Whether clients have to show a certificate (`--client-cert-auth`).
    pub client_cert_auth: bool,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of that kind.
    #[error("cannot read {what} from {path}: {problem}")]
    Read {
        /// What was looked for.
        what: &'static str,
        /// In which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The certificate and key cannot be used together.
    #[error("cannot use the certificate {path} with its key")]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// Client certificates are asked for, but no authority is named.
    #[error("--client-cert-auth needs --trusted-ca-file: the authority that clients' certificates come from")]
    NoAuthority,
    /// The authorities cannot be used.
    #[error("cannot use the authorities in {path}: {problem}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Gives out acceptors that use the files as they are.
#[derive(Clone)]
pub(super) struct TlsSource(Arc<Inner>);

struct Inner {
    options: TlsOptions,
    current: Mutex<(Vec<Option<SystemTime>>, TlsAcceptor)>,
}

impl std::fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsSource").field(&self.0.options).finish()
    }
}

impl TlsSource {
    /// Reads the files for the first time.
    pub(super) fn load(options: &TlsOptions) -> Result<Self, TlsError> {
        let stamps = stamps(options);
        let acceptor = acceptor(options)?;
        let options = options.clone();
        Ok(Self(Arc::new(Inner { options, current: Mutex::new((stamps, acceptor)) })))
    }

    /// Returns an acceptor. When a file has changed all are read again; if that fails, the old ones stay in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let stamps = stamps(&self.0.options);
        let mut current = self.0.current.lock();
        if current.0 != stamps {
            match acceptor(&self.0.options) {
                Ok(acceptor) => {
                    tracing::info!(cert_file = %self.0.options.cert_file.display(), "read the certificates again");
                    current.1 = acceptor;
                }
                Err(error) => {
                    tracing::error!(%error, "the changed certificates cannot be used; the old ones stay");
                }
            }
            current.0 = stamps;
        }
        current.1.clone()
    }
}

fn stamps(options: &TlsOptions) -> Vec<Option<SystemTime>> {
    let TlsOptions { cert_file, key_file, trusted_ca_file, client_cert_auth: _ } = options;
    let files = [Some(cert_file), Some(key_file), trusted_ca_file.as_ref()].into_iter().flatten();
    files.map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok()).collect()
}

fn acceptor(options: &TlsOptions) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates(&options.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&options.key_file).map_err(|error| TlsError::Read {
        what: "a private key",
        path: options.key_file.clone(),
        problem: error.to_string(),
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Pair { path: options.cert_file.clone(), source })?;
    let builder = match (&options.trusted_ca_file, options.client_cert_auth) {
        (None, true) => return Err(TlsError::NoAuthority),
        (Some(path), true) => builder.with_client_cert_verifier(verifier(path)?),
        (_, false) => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|source| TlsError::Pair { path: options.cert_file.clone(), source })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn verifier(path: &Path) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let bad = |problem: String| TlsError::Authority { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| bad(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = |problem: String| TlsError::Read { what: "certificates", path: path.to_owned(), problem };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| read(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| read(error.to_string()))?;
    if found.is_empty() { Err(read("there is none in it".to_owned())) } else { Ok(found) }
}
