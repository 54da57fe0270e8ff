//! The node's HTTPS endpoint: output of containers, commands in them, what runs here, and how the node is set.
//!
//! Only the API server and the masters of the cluster are let in, by a certificate of the authority. Whatever a client could
//! be slow with before it asks has a deadline; there are only so many connections.

mod channels;
mod configz;
mod exec;
mod logs;
mod pods;
mod tls;

use std::convert::Infallible;
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
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::pods::running;
use crate::error::NodeError;
use crate::node::Node;
use crate::options::Options;

/// Connections at a time; a log that is followed and a command each take one as long as they last.
const CONNECTIONS: usize = 1000;
/// How long a handshake may take, and then the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait after an accept failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is answered to everybody if there is nothing to know the API server by.
const NOBODY: &str = "nobody may ask: the node was started without an authority of its clients";

/// The body of an answer.
type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A refusal: code and text.
type Refusal = (StatusCode, String);

/// The endpoint, listening.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
}

impl Server {
    /// Listens; answers begin with [`Server::run`].
    pub(crate) async fn bind(options: &Options) -> Result<Self, NodeError> {
        let acceptor = tls::acceptor(&options.credentials)?;
        let failed = |source| NodeError::Bind { address: options.bind, source };
        let listener = TcpListener::bind(options.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, acceptor })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`; logs and commands that are under way are cut off then.
    pub(crate) async fn run(self, node: Arc<Node>, stop: CancellationToken) {
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
            let at = Arc::new(Place { node: Arc::clone(&node), address: self.address });
            let connection = serve(at, stream, self.acceptor.clone(), tasks.clone(), stop.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = connection => {}
                    () = stop.cancelled() => {}
                }
                drop(slot);
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// A node, and where it answers.
struct Place {
    node: Arc<Node>,
    address: SocketAddr,
}

async fn serve(
    place: Arc<Place>,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set options of a connection");
    }
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let may_ask = shown.is_some_and(tls::may_ask);
    let service = service_fn(move |request| {
        let (place, tasks, stop) = (Arc::clone(&place), tasks.clone(), stop.clone());
        async move {
            let answer = if may_ask {
                answer(&place, request, &tasks, &stop).await
            } else if place.node.options.credentials.authority.is_none() {
                Err((StatusCode::FORBIDDEN, NOBODY.to_owned()))
            } else {
                Err((StatusCode::FORBIDDEN, "only the API server may ask".to_owned()))
            };
            Ok::<_, Infallible>(answer.unwrap_or_else(|(code, text)| reply(code, "text/plain", text)))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        tracing::debug!(%error, "a connection failed");
    }
}

async fn answer(
    place: &Place,
    request: Request<Incoming>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Response<Body>, Refusal> {
    let node = &place.node;
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["healthz"]) => Ok(reply(StatusCode::OK, "text/plain; charset=utf-8", "ok")),
        (&Method::GET, ["configz"]) => Ok(configz::answer(&node.options, place.address)),
        (&Method::GET, ["pods"]) => Ok(pods::list(node)),
        (&Method::GET, ["stats", "summary"]) => Ok(pods::summary(node).await),
        (&Method::GET, ["containerLogs", namespace, pod, container]) => {
            logs::read(node, &request, namespace, pod, container).await
        }
        (&Method::GET | &Method::POST, ["exec", namespace, pod, container]) => {
            let place = exec::Place { namespace, pod, container };
            exec::run(node, request, place, tasks, stop)
        }
        _ => Err((StatusCode::NOT_FOUND, "404 page not found".to_owned())),
    }
}

/// Makes an answer.
fn reply(code: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let value = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(http::header::CONTENT_TYPE, value);
    response
}

/// Returns the parameters of a request, decoded, in order.
fn query(request: &Request<Incoming>) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or("");
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
