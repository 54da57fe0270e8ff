//! The listener: connections with TLS, of which there are only so many, and none of which can hold up the others.
//!
//! Everything a client could be slow with has a deadline: the handshake, the first bytes, the headers, and answers to
//! pings, and reading when there is something to read. Bodies and answers have none here: watches are meant to last.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::first::FirstBytes;
use self::stall::Stall;
pub use self::tls::TlsError;
pub(crate) use self::tls::{TlsSettings, TlsSource};
use crate::authn::Peer;

mod first;
mod stall;
pub(crate) mod tls;

/// How long to wait after an accept failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Requests at a time in one connection.
const STREAMS: u32 = 1000;
/// How large the headers of a request may be; tokens and impersonation can take a lot.
const HEADERS: u32 = 256 * 1024;
/// What every HTTP/2 connection begins with.
const PREFACE: usize = 24;
/// How often a client is asked whether it is still there, and how long it has to answer.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// The same for the connection below, which notices clients of HTTP/1 that vanished.
const PROBE: Duration = Duration::from_secs(15);

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; those beyond wait to be accepted.
    pub(crate) connections: usize,
    /// How long a TLS handshake may take, and then the first bytes of HTTP/2.
    pub(crate) handshake: Duration,
    /// How long the headers of an HTTP/1 request may take; also how long such a connection may idle.
    pub(crate) headers: Duration,
    /// How long a client may read nothing of what is written for it.
    pub(crate) stall: Duration,
    /// How long requests may go on after the server was told to stop.
    pub(crate) drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            headers: Duration::from_mins(1),
            stall: Duration::from_mins(2),
            drain: Duration::from_secs(20),
        }
    }
}

/// What is known of a connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// Where the client is.
    pub(crate) remote: SocketAddr,
    /// Who the client is, if it showed a certificate.
    pub(crate) peer: Option<Peer>,
}

/// A request was left without an answer because there is a bug in the server.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// Serves connections until `shutdown`, and then those requests that are under way until they are done.
pub(crate) async fn serve<F, Fut, B>(
    listener: TcpListener,
    tls: Arc<TlsSource>,
    limits: Limits,
    handler: F,
    shutdown: CancellationToken,
) where
    F: Fn(Request<Incoming>, Arc<ConnectionInfo>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (slots, handler) = (Arc::new(Semaphore::new(limits.connections)), Arc::new(handler));
    let (tasks, abort) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            next = next => next,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection =
            establish(stream, remote, Arc::clone(&tls), limits, Arc::clone(&handler), shutdown.clone());
        let abort = abort.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = abort.cancelled() => tracing::debug!(%remote, "closed a connection that did not end"),
            }
            drop(slot);
        });
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(limits.drain, tasks.wait()).await.is_err() {
        abort.cancel();
        tasks.wait().await;
    }
}

async fn establish<F, Fut, B>(
    stream: TcpStream,
    remote: SocketAddr,
    tls: Arc<TlsSource>,
    limits: Limits,
    handler: Arc<F>,
    shutdown: CancellationToken,
) where
    F: Fn(Request<Incoming>, Arc<ConnectionInfo>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    prepare(&stream, remote);
    let stream = match tokio::time::timeout(limits.handshake, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%remote, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%remote, "TLS handshake took too long"),
    };
    let session = stream.get_ref().1;
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let peer = shown.and_then(Peer::from_certificate);
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let info = Arc::new(ConnectionInfo { remote, peer });
    let service = service_fn(move |request| answer(Arc::clone(&handler), request, Arc::clone(&info)));
    // HTTP/1 has a deadline for headers instead, which can be fewer bytes than this.
    let first = if is_h2 { PREFACE } else { 0 };
    let io = TokioIo::new(FirstBytes::new(Stall::new(stream, limits.stall), first, limits.handshake));
    let builder = builder(is_h2, limits);
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let done = tokio::select! {
        done = connection.as_mut() => done,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%remote, error, "a connection failed");
    }
}

pub(crate) fn prepare(stream: &TcpStream, remote: SocketAddr) {
    let probes = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE);
    let prepared = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&probes));
    if let Err(error) = prepared {
        tracing::debug!(%remote, %error, "cannot set options of a connection");
    }
}

/// Returns how to serve a connection; the handshake has said which protocol it speaks.
fn builder(is_h2: bool, limits: Limits) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if is_h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

/// Answers a request; a panic ends this request (with HTTP/1 its connection) and nothing else.
async fn answer<F, Fut, B>(
    handler: Arc<F>,
    request: Request<Incoming>,
    info: Arc<ConnectionInfo>,
) -> Result<Response<B>, Panicked>
where
    F: Fn(Request<Incoming>, Arc<ConnectionInfo>) -> Fut,
    Fut: Future<Output = Response<B>>,
{
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut answering = pin!(async move { handler(request, info).await });
    let answered =
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        });
    answered.await.inspect_err(|_| tracing::error!(%method, path, "the handler of a request panicked"))
}

#[cfg(test)]
mod tests;
