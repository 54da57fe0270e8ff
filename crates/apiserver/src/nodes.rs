//! The way to nodes: the HTTPS endpoint that each of them has for the output of containers and commands in them.
//!
//! A node is believed only if the server's own authority signed its certificate for its name. The server shows one of
//! its own. Each request takes a connection of its own, of which there are only so many; whatever a node could be slow
//! with before it answers has a deadline, and nothing outlives the server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stanchion_machinery::status::{Reason, Status};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::endpoint::Endpoint;
use crate::listen::TlsError;
use crate::pki::Pki;

mod endpoint;

/// Connections to nodes at a time; a log that is followed and a command each take one as long as they last.
const LIMIT: usize = 1000;
/// How long it may take to reach a node, and to shake hands with it.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a node may take until its answer begins.
const ANSWER: Duration = Duration::from_secs(30);
/// How much is read of what a node says when it refuses.
const REFUSAL: usize = 4096;
/// The certificate that the server shows to nodes.
pub(crate) const CLIENT: &str = "apiserver-kubelet-client";

/// Why a node did not answer.
#[derive(Debug, thiserror::Error)]
enum NodeError {
    #[error("its name cannot stand in a certificate")]
    Name,
    #[error("no connection within {} s", CONNECT.as_secs())]
    ConnectTimeout,
    #[error("dial tcp {address}: {source}")]
    Connect { address: String, source: io::Error },
    #[error("tls: {0}")]
    Tls(io::Error),
    #[error("no answer within {} s", ANSWER.as_secs())]
    AnswerTimeout,
    #[error("{0}")]
    Http(hyper::Error),
}

/// The way to nodes.
pub(crate) struct Nodes {
    tls: TlsConnector,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What a node answered, and the right to the connection it comes by.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Nodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nodes").field("free", &self.slots.available_permits()).finish_non_exhaustive()
    }
}

impl Nodes {
    pub(crate) fn new(pki: &Pki, stopping: CancellationToken) -> Result<Self, TlsError> {
        let tls = TlsConnector::from(Arc::new(client_config(pki)?));
        let slots = Arc::new(Semaphore::new(LIMIT));
        Ok(Self { tls, slots, tasks: TaskTracker::new(), stopping })
    }

    /// Waits until everything that was begun has ended; to be called when the server stops.
    pub(crate) async fn ended(&self) {
        self.stopping.cancelled().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Goes on with something in the background until it is done or the server stops.
    pub(crate) fn go_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stopping.cancelled() => {}
            }
        });
    }

    /// Asks a node and returns the beginning of its answer, which may be that it refuses.
    pub(crate) async fn ask(
        &self,
        endpoint: &Endpoint,
        request: http::request::Builder,
    ) -> Result<Answer, Status> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
            let text = "the server has too many connections to nodes, please try again later";
            Status::new(Reason::TooManyRequests, text).retry_after(1)
        })?;
        let address = endpoint.address();
        let request = request.header(http::header::HOST, &address).body(Empty::<Bytes>::new());
        let request = request.map_err(Status::internal)?;
        let url = format!("https://{address}{}", request.uri().path());
        match self.send(endpoint, request).await {
            Ok(response) => Ok(Answer { response, slot }),
            Err(error) => {
                tracing::debug!(node = endpoint.name(), %error, "a node cannot be asked");
                Err(Status::new(Reason::Unknown, format!("Get {url:?}: {error}")))
            }
        }
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, NodeError> {
        let name = ServerName::try_from(endpoint.name().to_owned()).map_err(|_| NodeError::Name)?;
        let connecting = async {
            let (host, port) = (endpoint.host(), endpoint.port());
            let failed = |source| NodeError::Connect { address: endpoint.address(), source };
            let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
            crate::listen::prepare(&stream, stream.peer_addr().map_err(failed)?);
            self.tls.connect(name, stream).await.map_err(NodeError::Tls)
        };
        let stream =
            tokio::time::timeout(CONNECT, connecting).await.map_err(|_| NodeError::ConnectTimeout)??;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(NodeError::Http)?;
        let node = endpoint.name().to_owned();
        self.go_on(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(node, %error, "a connection to a node failed");
            }
        });
        let answer = tokio::time::timeout(ANSWER, sender.send_request(request)).await;
        answer.map_err(|_| NodeError::AnswerTimeout)?.map_err(NodeError::Http)
    }
}

/// Turns the refusal of a node into one of the server.
pub(crate) async fn refusal(response: Response<Incoming>) -> Status {
    let code = response.status().as_u16();
    let body = tokio::time::timeout(ANSWER, Limited::new(response.into_body(), REFUSAL).collect()).await;
    let text = match body {
        Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).trim().to_owned(),
        Ok(Err(error)) => format!("the node refused, and what it said cannot be read: {error}"),
        Err(_) => "the node refused, and took too long to say why".to_owned(),
    };
    let reason = match code {
        400 => Reason::BadRequest,
        404 => Reason::NotFound,
        405 => Reason::MethodNotAllowed,
        429 => Reason::TooManyRequests,
        500 => return Status::internal(text),
        501 => Reason::NotImplemented,
        503 => Reason::ServiceUnavailable,
        // Also 401 and 403: they are about the server itself, not about the client.
        _ => return Status::internal(format!("the node answered with code {code}: {text}")),
    };
    Status::new(reason, text)
}

/// Makes the TLS settings towards nodes.
fn client_config(pki: &Pki) -> Result<ClientConfig, TlsError> {
    let (cert_file, key_file) = (pki.path(&format!("{CLIENT}.crt")), pki.path(&format!("{CLIENT}.key")));
    let read =
        |what, path: &std::path::PathBuf, problem| TlsError::Read { what, path: path.clone(), problem };
    let authority = CertificateDer::from_pem_slice(pki.ca_pem().as_bytes())
        .map_err(|error| read("a certificate", &pki.path("ca.crt"), error.to_string()))?;
    let certificate = CertificateDer::from_pem_file(&cert_file)
        .map_err(|error| read("a certificate", &cert_file, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&key_file)
        .map_err(|error| read("a private key", &key_file, error.to_string()))?;
    let pair = |source| TlsError::Pair { path: cert_file.clone(), source };
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(pair)?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .map_err(pair)
}

#[cfg(test)]
mod tests;
