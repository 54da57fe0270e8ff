//! The cluster's certificates, both ways: read again when the files change, so that a renewal needs no restart.
//!
//! A cluster has one authority and one certificate, which is good for the name of the cluster. Agents know each other by it:
//! who listens shows it, who asks shows it, and addresses do not matter.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Certificates that cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of that kind.
    #[error("cannot read {what} from {path}")]
    Read {
        /// What was looked for.
        what: &'static str,
        /// In which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate does not go with its key, or the authority is none.
    #[error("cannot use the certificates in {directory}")]
    Use {
        /// Where they are.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// The authority cannot check anybody.
    #[error("cannot use the authority in {directory}")]
    Authority {
        /// Where it is.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: VerifierBuilderError,
    },
    /// The cluster's name is no name of a server.
    #[error("{name:?} cannot be the name in a certificate")]
    Name {
        /// The name.
        name: String,
    },
}

/// When the files were changed last: authority, certificate, key.
pub(crate) type Stamps = [Option<SystemTime>; 3];

/// The certificates of a cluster, as files in one directory.
#[derive(Clone)]
pub(crate) struct Certificates(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    name: ServerName<'static>,
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Current {
    stamps: Stamps,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificates").field(&self.0.directory).finish()
    }
}

impl Certificates {
    /// Reads the files for the first time.
    pub(crate) fn load(directory: &Path, cluster: &str) -> Result<Self, TlsError> {
        let name = ServerName::try_from(cluster.to_owned())
            .map_err(|_| TlsError::Name { name: cluster.to_owned() })?;
        let current = Mutex::new(Current::read(directory)?);
        Ok(Self(Arc::new(Inner { directory: directory.to_owned(), name, current })))
    }

    /// Returns what takes connections; who connects may show a certificate of the cluster.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current().acceptor
    }

    /// Returns what makes connections, and the name that the other side has to show.
    pub(crate) fn connector(&self) -> (TlsConnector, ServerName<'static>) {
        (self.current().connector, self.0.name.clone())
    }

    /// Returns what changes when the files do.
    pub(crate) fn stamps(&self) -> Stamps {
        stamps(&self.0.directory)
    }

    /// Reads the files again if one has changed; if that fails, the old ones stay in use.
    fn current(&self) -> Current {
        let stamps = stamps(&self.0.directory);
        let mut current = self.0.current.lock();
        if current.stamps != stamps {
            match Current::read(&self.0.directory) {
                Ok(read) => *current = read,
                Err(error) => {
                    tracing::error!(%error, "the changed certificates cannot be used; the old ones stay");
                    current.stamps = stamps;
                }
            }
        }
        current.clone()
    }
}

impl Current {
    fn read(directory: &Path) -> Result<Self, TlsError> {
        let stamps = stamps(directory);
        let used = |source| TlsError::Use { directory: directory.to_owned(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(directory)?);
        let chain = certificates(&directory.join("tls.crt"))?;
        let key = key(&directory.join("tls.key"))?;
        let server = server(&provider, &roots, chain.clone(), key.clone_key(), directory)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(used)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(used)?;
        let connector = TlsConnector::from(Arc::new(client));
        Ok(Self { stamps, acceptor: TlsAcceptor::from(Arc::new(server)), connector })
    }
}

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    directory: &Path,
) -> Result<ServerConfig, TlsError> {
    let used = |source| TlsError::Use { directory: directory.to_owned(), source };
    // The kubelet's probes show nothing; what they may not see is refused later.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|source| TlsError::Authority { directory: directory.to_owned(), source })?;
    ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(used)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(used)
}

fn roots(directory: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&directory.join("ca.crt"))? {
        roots.add(certificate).map_err(|source| TlsError::Use { directory: directory.to_owned(), source })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Read { what: "certificates", path: path.to_owned(), source };
    CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::Read {
        what: "a private key",
        path: path.to_owned(),
        source,
    })
}

fn stamps(directory: &Path) -> Stamps {
    ["ca.crt", "tls.crt", "tls.key"]
        .map(|file| std::fs::metadata(directory.join(file)).and_then(|metadata| metadata.modified()).ok())
}
