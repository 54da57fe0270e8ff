//! TLS of the endpoint, and who may ask.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::NodeError;
use crate::options::Credentials;

/// As whom the API server comes.
const API_SERVER: &str = "kube-apiserver-kubelet-client";
/// The group of those who may do everything.
const MASTERS: &str = "system:masters";

/// Makes an acceptor that lets in only who shows a certificate of the authority; without an authority anybody comes as
/// far as the refusal.
pub(super) fn acceptor(credentials: &Credentials) -> Result<TlsAcceptor, NodeError> {
    let bad = |what| move |problem: String| NodeError::Credentials { what, problem };
    let certificates = certificates(&credentials.certificate).map_err(bad("certificate"))?;
    let key =
        PrivateKeyDer::from_pem_slice(credentials.key.as_bytes()).map_err(|e| bad("key")(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match &credentials.authority {
        Some(authority) => verifier(authority, &provider).map_err(bad("authority"))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(certificates, key))
        .map_err(|error| bad("certificate")(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Makes what lets in only who shows a certificate of an authority.
fn verifier(authority: &str, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).map_err(|error| error.to_string())?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(|error| error.to_string())
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
