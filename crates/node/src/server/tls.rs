//! TLS of the endpoint, and who may ask.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::NodeError;
use crate::options::Credentials;

/// As whom the API server comes.
const API_SERVER: &str = "kube-apiserver-kubelet-client";
/// The group of those who may do everything.
const MASTERS: &str = "system:masters";

/// Makes an acceptor that lets in only who shows a certificate of the authority.
pub(super) fn acceptor(credentials: &Credentials) -> Result<TlsAcceptor, NodeError> {
    let bad = |what| move |problem: String| NodeError::Credentials { what, problem };
    let certificates = certificates(&credentials.certificate).map_err(bad("certificate"))?;
    let key =
        PrivateKeyDer::from_pem_slice(credentials.key.as_bytes()).map_err(|e| bad("key")(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for root in self::certificates(&credentials.authority).map_err(bad("authority"))? {
        roots.add(root).map_err(|error| bad("authority")(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let verifier = verifier.map_err(|error| bad("authority")(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(certificates, key))
        .map_err(|error| bad("certificate")(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => Err("there is none in it".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns whether the holder of a certificate may ask: the API server, and who may do everything.
pub(super) fn may_ask(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let subject = certificate.subject();
    let is_server = subject.iter_common_name().any(|name| name.as_str() == Ok(API_SERVER));
    is_server || subject.iter_organization().any(|group| group.as_str() == Ok(MASTERS))
}
