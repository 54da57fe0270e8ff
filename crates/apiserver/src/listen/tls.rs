//! TLS: certificates from files, read again when they change; clients may show a certificate, but need not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::pki::files::Stamp;

/// Which files TLS uses.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the fields are the flags, and all of those name files")]
pub(crate) struct TlsSettings {
    /// The server's certificate and those between it and its authority (`--tls-cert-file`).
    pub(crate) cert_file: PathBuf,
    /// Its key (`--tls-private-key-file`).
    pub(crate) key_file: PathBuf,
    /// Authorities of client certificates (`--client-ca-file`); without, none are asked for.
    pub(crate) client_ca_file: Option<PathBuf>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of that kind.
    #[error("cannot read {what} from {path}: {problem}")]
    Read { what: &'static str, path: PathBuf, problem: String },
    /// The certificate and key cannot be used together.
    #[error("cannot use the certificate {path} with its key")]
    Pair {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("cannot use the authorities in {path}: {problem}")]
    Authority { path: PathBuf, problem: String },
}

/// Gives out acceptors that use the files as they are.
pub(crate) struct TlsSource {
    settings: TlsSettings,
    current: Mutex<([Stamp; 3], TlsAcceptor)>,
}

impl std::fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsSource").field(&self.settings).finish()
    }
}

impl TlsSource {
    /// Reads the files for the first time.
    pub(crate) fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let current = Mutex::new((stamps(&settings), acceptor(&settings)?));
        Ok(Self { settings, current })
    }

    /// Returns an acceptor. When a file has changed all are read again; if that fails, the old ones stay in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let stamps = stamps(&self.settings);
        let mut current = self.current.lock();
        if current.0 != stamps {
            match acceptor(&self.settings) {
                Ok(acceptor) => {
                    tracing::info!(cert_file = %self.settings.cert_file.display(), "read the certificates again");
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

fn stamps(settings: &TlsSettings) -> [Stamp; 3] {
    let authorities = settings.client_ca_file.as_deref().unwrap_or(&settings.cert_file);
    [&settings.cert_file, &settings.key_file, authorities].map(Stamp::of)
}

fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, TlsError> {
    let path = &settings.cert_file;
    let certificates = certificates(path)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key_file).map_err(|error| TlsError::Read {
        what: "a private key",
        path: settings.key_file.clone(),
        problem: error.to_string(),
    })?;
    let pair = |source| TlsError::Pair { path: path.clone(), source };
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?;
    let builder = match &settings.client_ca_file {
        Some(path) => builder.with_client_cert_verifier(verifier(path)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let bad = |problem: String| TlsError::Authority { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| bad(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = |problem: String| TlsError::Read { what: "certificates", path: path.to_owned(), problem };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| read(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| read(error.to_string()))?;
    if found.is_empty() { Err(read("there is none in it".to_owned())) } else { Ok(found) }
}
