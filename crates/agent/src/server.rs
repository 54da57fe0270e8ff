//! The agent's HTTPS endpoint: probes for the kubelet, metrics and copies for who shows a certificate of the cluster.
//!
//! | path | who | what |
//! |---|---|---|
//! | `/livez` | anybody | 200 while the agent's loop turns; nothing of the database is in it |
//! | `/readyz` | anybody | 200 while the database does what it is to do |
//! | `/metrics` | the cluster's certificate | what is measured |
//! | `/copy` | the cluster's certificate | a copy of the data, in records ([`frames`](crate::frames)) |

mod copy;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use crate::pulse::Pulse;
use crate::tls::Certificates;

pub(crate) use self::copy::Origin;

/// Connections at a time: probes, a scraper or two, and a few copies.
const CONNECTIONS: usize = 64;
/// How long a handshake may take, and then the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait after an accept failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The body of an answer.
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What answers are made from.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Whether the agent lives, and the database is ready.
    pub(crate) pulse: Arc<Pulse>,
    /// What is measured.
    pub(crate) metrics: Arc<Metrics>,
    /// What copies are made of.
    pub(crate) origin: Origin,
}

/// The endpoint, listening.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    certificates: Certificates,
}

impl Server {
    /// Listens; answers begin with [`Server::run`].
    pub(crate) async fn bind(address: SocketAddr, certificates: Certificates) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, certificates })
    }

    /// Answers until `stop`; copies that are under way are cut off then.
    pub(crate) async fn run(self, answers: Arc<Answers>, stop: CancellationToken) {
        let (slots, tasks) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
        loop {
            let next = async { (Arc::clone(&slots).acquire_owned().await, self.listener.accept().await) };
            let (slot, accepted) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let connection = serve(Arc::clone(&answers), stream, self.certificates.clone());
            let connection = stop.clone().run_until_cancelled_owned(connection);
            tasks.spawn(async move {
                connection.await;
                drop(slot);
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn serve(answers: Arc<Answers>, stream: TcpStream, certificates: Certificates) {
    let stream = match tokio::time::timeout(HANDSHAKE, certificates.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    // Whatever was shown was checked against the cluster's authority.
    let is_member = stream.get_ref().1.peer_certificates().is_some_and(|shown| !shown.is_empty());
    let service = service_fn(move |request| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answer(&answers, &request, is_member).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection failed");
    }
}

async fn answer(answers: &Answers, request: &Request<Incoming>, is_member: bool) -> Response<Body> {
    if request.method() != Method::GET {
        return reply(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
    }
    match (request.uri().path(), is_member) {
        ("/livez", _) => probe(answers.pulse.is_alive(), "the agent's loop does not turn\n".to_owned()),
        ("/readyz", _) => {
            let missing = answers.pulse.missing();
            probe(missing.is_none(), format!("{}\n", missing.unwrap_or_default()))
        }
        ("/metrics", true) => reply(StatusCode::OK, answers.metrics.text()),
        ("/copy", true) => copy::answer(&answers.origin).await,
        ("/metrics" | "/copy", false) => {
            reply(StatusCode::FORBIDDEN, "a certificate of the cluster is needed\n")
        }
        _ => reply(StatusCode::NOT_FOUND, "nothing is here\n"),
    }
}

fn probe(passes: bool, otherwise: String) -> Response<Body> {
    if passes { reply(StatusCode::OK, "ok\n") } else { reply(StatusCode::SERVICE_UNAVAILABLE, otherwise) }
}

fn reply(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = code;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    response
}
