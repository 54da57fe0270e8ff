//! What a server shows, whether it can be trusted or not.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use stanchion_doctor_core::FoundIn;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::parse::{ParseError, Parsed};

/// A server that could not be looked at.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    /// It is not `host:port`.
    #[error("it is no address of the form host:port")]
    Address,
    /// The host is no name.
    #[error("the host is no name of a server")]
    Name(#[source] InvalidDnsNameError),
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// It speaks no TLS that is known here.
    #[error("cannot prepare the handshake")]
    Config(#[source] TlsError),
    /// It showed nothing.
    #[error("the server shows no certificate")]
    Nothing(#[source] Option<io::Error>),
    /// What it showed is none.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Notes what a server shows, and trusts nobody with anything: the connection ends with the handshake.
#[derive(Debug)]
struct Witness {
    shown: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let all = std::iter::once(end_entity).chain(intermediates);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = all.map(|certificate| certificate.clone().into_owned()).collect();
        // All that was wanted is known.
        Err(TlsError::General("the certificate was looked at".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("nobody is trusted".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("nobody is trusted".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Shakes hands with a server, and returns what it shows: its certificate, and those between it and an authority.
pub(super) async fn look(server: &str) -> Result<Vec<Parsed>, HandshakeError> {
    let (host, port) = server.rsplit_once(':').ok_or(HandshakeError::Address)?;
    let port: u16 = port.parse().map_err(|_| HandshakeError::Address)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(HandshakeError::Name)?;
    let witness = Arc::new(Witness { shown: Mutex::default() });
    let verifier: Arc<dyn ServerCertVerifier> = witness.clone();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(HandshakeError::Config)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let stream = TcpStream::connect((host, port)).await.map_err(HandshakeError::Connect)?;
    let ended = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await.err();
    let shown = std::mem::take(&mut *witness.shown.lock().unwrap_or_else(PoisonError::into_inner));
    let mut shown = shown.into_iter();
    let Some(first) = shown.next() else { return Err(HandshakeError::Nothing(ended)) };
    let mut parsed = Parsed::new(first, server.to_owned(), FoundIn::Handshake)?;
    let holds = ParsedCertificate::try_from(parsed.der()).and_then(|it| verify_server_name(&it, &name));
    parsed.facts.lacks_name = holds.is_err().then(|| host.to_owned());
    let mut found = vec![parsed];
    for (number, between) in shown.enumerate() {
        found.push(Parsed::new(
            between,
            format!("{server}, {} in its chain", number + 2),
            FoundIn::Handshake,
        )?);
    }
    Ok(found)
}
