//! What a server shows, whether it can be trusted or not.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use stanchion_doctor_core::FoundIn;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::parse::{ParseError, Parsed};
use crate::chain;

/// So many servers are looked at, at a time.
const AT_ONCE: usize = 20;

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

/// A server to shake hands with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Server {
    /// Where it is: a name or an address.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// The name that clients expect, where they expect another one than that of the place.
    pub(super) name: Option<String>,
}

impl Server {
    /// Understands `host:port`.
    pub(super) fn at(place: &str) -> Result<Self, HandshakeError> {
        let (host, port) = place.rsplit_once(':').ok_or(HandshakeError::Address)?;
        let port: u16 = port.parse().map_err(|_| HandshakeError::Address)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, name: None })
    }

    /// Returns the name that clients expect.
    fn expected(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.host)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.expected();
        if name.contains(':') {
            write!(f, "[{name}]:{}", self.port)
        } else {
            write!(f, "{name}:{}", self.port)
        }
    }
}

/// Shakes hands with servers, some at a time, and returns in their order what each shows, or why nothing.
pub(super) async fn look_at(servers: Vec<Server>, patience: Duration) -> Vec<Result<Vec<Parsed>, String>> {
    let look = |server: Server| async move {
        let done = timeout(patience, look(&server)).await;
        done.map_err(|_| format!("no answer for {patience:?}"))
            .and_then(|done| done.map_err(|error| chain(&error)))
    };
    stream::iter(servers).map(look).buffered(AT_ONCE).collect().await
}

/// Shakes hands with a server, and returns what it shows: its certificate, and those between it and an authority.
async fn look(server: &Server) -> Result<Vec<Parsed>, HandshakeError> {
    let expected = server.expected();
    let name = ServerName::try_from(expected.to_owned()).map_err(HandshakeError::Name)?;
    let witness = Arc::new(Witness { shown: Mutex::default() });
    let verifier: Arc<dyn ServerCertVerifier> = witness.clone();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(HandshakeError::Config)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let stream =
        TcpStream::connect((server.host.as_str(), server.port)).await.map_err(HandshakeError::Connect)?;
    let ended = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await.err();
    let shown = std::mem::take(&mut *witness.shown.lock().unwrap_or_else(PoisonError::into_inner));
    let mut shown = shown.into_iter();
    let Some(first) = shown.next() else { return Err(HandshakeError::Nothing(ended)) };
    let mut parsed = Parsed::new(first, server.to_string(), FoundIn::Handshake)?;
    let holds = ParsedCertificate::try_from(parsed.der()).and_then(|it| verify_server_name(&it, &name));
    parsed.facts.lacks_name = holds.is_err().then(|| expected.to_owned());
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
