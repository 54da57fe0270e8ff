//! Asking a static Pod as its kubelet does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An answer may take so long.
const ANSWER: Duration = Duration::from_secs(15);

/// Where a Pod is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    port: u16,
    path: String,
    is_tls: bool,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    ports: Vec<ContainerPort>,
    readiness_probe: Option<Probe>,
    liveness_probe: Option<Probe>,
    startup_probe: Option<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerPort {
    name: String,
    container_port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Probe {
    http_get: Option<HttpGet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HttpGet {
    host: String,
    path: String,
    port: Port,
    scheme: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

impl Default for Port {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Target {
    /// Finds the probe of a manifest: that of readiness says most.
    pub(super) fn of_manifest(text: &str) -> Option<Self> {
        let manifest: Manifest = serde_saphyr::from_str(text).ok()?;
        manifest.spec.containers.into_iter().find_map(|container| {
            let Container { ports, readiness_probe, liveness_probe, startup_probe } = container;
            let probes = [readiness_probe, liveness_probe, startup_probe];
            let get = probes.into_iter().flatten().find_map(|probe| probe.http_get)?;
            let port = match get.port {
                Port::Number(port) => port,
                Port::Name(name) => ports.iter().find(|port| port.name == name)?.container_port,
            };
            let host = if get.host.is_empty() { "127.0.0.1".to_owned() } else { get.host };
            let path = if get.path.is_empty() { "/".to_owned() } else { get.path };
            Some(Self { host, port, path, is_tls: get.scheme == "HTTPS" })
        })
    }

    /// Returns whether somebody takes connections there.
    pub(super) async fn listens(&self) -> bool {
        matches!(timeout(ANSWER, TcpStream::connect((self.host.as_str(), self.port))).await, Ok(Ok(_)))
    }

    /// Asks whether it is well; says what it answers if not.
    pub(super) async fn ask(&self) -> Result<(), String> {
        timeout(ANSWER, self.get()).await.unwrap_or_else(|_| Err(format!("no answer for {ANSWER:?}")))
    }

    async fn get(&self) -> Result<(), String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(said)?;
        if !self.is_tls {
            return self.over(stream).await;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(said)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AsKubelets))
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).map_err(said)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(said)?;
        self.over(stream).await
    }

    async fn over(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), String> {
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(said)?;
        let request = http::Request::get(&self.path)
            .header("host", &self.host)
            .body(Empty::<Bytes>::new())
            .map_err(said)?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(said)?;
            let status = answer.status();
            if status.is_success() || status.is_redirection() {
                Ok(())
            } else {
                Err(format!("it answers {status}"))
            }
        };
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => match ended {
                // The answer may have come with the end.
                Ok(()) => answer.await,
                Err(error) => Err(said(error)),
            },
        }
    }
}

fn said(error: impl std::error::Error + 'static) -> String {
    crate::chain(&error)
}

/// Trusts whoever answers, as a kubelet's probes do: nothing is told, and nothing believed but a status.
#[derive(Debug)]
struct AsKubelets;

impl ServerCertVerifier for AsKubelets {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
