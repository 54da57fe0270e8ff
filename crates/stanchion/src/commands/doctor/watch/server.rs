//! Serves metrics to this machine: a text that somebody else keeps new.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// So many connections at a time; further ones wait.
const CONNECTIONS: usize = 16;
/// A connection is closed after this long, whatever it does.
const LIFE: Duration = Duration::from_mins(1);
/// Within this long a request has to be there.
const HEAD: Duration = Duration::from_secs(10);
/// How long to wait after a connection could not be accepted: there are too many files, for one.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers until it is dropped, and all connections with it.
pub(super) async fn serve(listener: TcpListener, text: watch::Receiver<String>) -> Infallible {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let seat = seats.clone().acquire_owned().await.expect("nobody closes it");
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let text = text.clone();
                connections.spawn(async move {
                    drop(timeout(LIFE, connection(stream, text)).await);
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, text: watch::Receiver<String>) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(&request, &text))));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended");
    }
}

fn answer(request: &Request<Incoming>, text: &watch::Receiver<String>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, OPEN_METRICS, text.borrow().clone()),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET is served\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "/metrics is served\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
