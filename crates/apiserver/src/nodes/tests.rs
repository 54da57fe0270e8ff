use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::authn::Peer;
use crate::clock;

type NodeBody = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

/// A node on a free port. It lets in only clients of the authority, and runs until the test ends.
struct Fixture {
    _dir: TempDir,
    pki: Pki,
    stopping: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let pki = Pki::ensure(dir.path(), &["localhost".to_owned()], clock::seconds()).expect("made");
        Self { _dir: dir, pki, stopping: CancellationToken::new() }
    }

    fn nodes(&self) -> Nodes {
        Nodes::new(&self.pki, self.stopping.clone()).expect("fine files")
    }

    /// Starts a node with a certificate of an authority for a name.
    async fn node(&self, authority: &Pki, name: &str) -> SocketAddr {
        let (cert, key) = authority.server(name, &[name.to_owned()], clock::seconds()).expect("made");
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.pki.ca_pem().as_bytes()).expect("a certificate");
        roots.add(root).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).expect("a certificate")],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key"),
            )
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(self.stopping.clone().run_until_cancelled_owned(serve(listener, acceptor)));
        address
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let peer = shown.and_then(Peer::from_certificate).map(|peer| peer.user().name.clone());
        let service = service_fn(move |request| {
            let peer = peer.clone().unwrap_or_default();
            async move { Ok::<_, Infallible>(answer(request, &peer)) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn answer(request: Request<Incoming>, peer: &str) -> Response<NodeBody> {
    let whole = |code: u16, text: &str| {
        let body = Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {});
        Response::builder().status(code).body(body.boxed_unsync()).expect("a fine answer")
    };
    match request.uri().path() {
        "/who" => whole(200, peer),
        "/headers" => {
            let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
            whole(200, &names.join(" "))
        }
        "/refuse" => whole(400, "container \"c\" in pod \"p\" is waiting to start: ContainerCreating\n"),
        "/fail" => whole(500, "it broke"),
        "/break" => {
            let parts = [Ok(Frame::data(Bytes::from_static(b"begun"))), Err(io::Error::other("lost"))];
            let body = StreamBody::new(futures(parts));
            Response::new(http_body_util::BodyExt::boxed_unsync(body))
        }
        "/echo" => {
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(request).await.expect("a switch");
                let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
                tokio::io::copy(&mut read, &mut write).await.expect("copied");
            });
            let mut switch = whole(101, "");
            switch.headers_mut().insert("connection", "upgrade".parse().expect("a value"));
            switch.headers_mut().insert("upgrade", "websocket".parse().expect("a value"));
            switch
        }
        other => whole(404, other),
    }
}

/// Gives out parts one after the other, each only after the one before was written.
fn futures<T: Send + 'static>(
    parts: impl IntoIterator<Item = T>,
) -> tokio_stream::wrappers::ReceiverStream<T> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let parts: Vec<T> = parts.into_iter().collect();
    tokio::spawn(async move {
        for part in parts {
            if sender.send(part).await.is_err() {
                return;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

fn endpoint(name: &str, at: SocketAddr) -> Endpoint {
    let node = json!({"metadata": {"name": name}, "status": {
        "addresses": [{"type": "InternalIP", "address": at.ip().to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": at.port()}},
    }});
    Endpoint::of(&node).expect("reachable")
}

async fn text(answer: Answer) -> String {
    let body = answer.response.into_body().collect().await.expect("a body");
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

#[tokio::test]
async fn a_node_sees_who_asks_and_refuses_in_its_own_words() {
    let fixture = Fixture::new();
    let nodes = fixture.nodes();
    let at = endpoint("a", fixture.node(&fixture.pki, "a").await);
    let answer = nodes.ask(&at, Request::get("/who")).await.expect("an answer");
    assert_eq!(text(answer).await, "kube-apiserver-kubelet-client");
    let answer = nodes.ask(&at, Request::get("/headers")).await.expect("an answer");
    assert_eq!(text(answer).await, "host", "it knows the server by its certificate alone");
    let refused = nodes.ask(&at, Request::get("/refuse")).await.expect("an answer");
    let status = refusal(refused.response).await;
    assert_eq!(status.reason, Reason::BadRequest);
    assert_eq!(status.message, "container \"c\" in pod \"p\" is waiting to start: ContainerCreating");
    let failed = nodes.ask(&at, Request::get("/fail")).await.expect("an answer");
    assert_eq!(refusal(failed.response).await.message, "Internal error occurred: it broke");
}

#[tokio::test]
async fn only_the_right_node_is_believed() {
    let (fixture, stranger) = (Fixture::new(), Fixture::new());
    let nodes = fixture.nodes();
    let other = fixture.node(&fixture.pki, "b").await;
    let error =
        nodes.ask(&endpoint("a", other), Request::get("/who")).await.expect_err("the name of another");
    assert!(error.message.starts_with(&format!("Get \"https://{other}/who\": tls: ")), "{}", error.message);
    let foreign = fixture.node(&stranger.pki, "a").await;
    let error =
        nodes.ask(&endpoint("a", foreign), Request::get("/who")).await.expect_err("another authority");
    assert!(error.message.contains("tls: ") && error.code == 500, "{}", error.message);
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = nodes.ask(&endpoint("a", free), Request::get("/who")).await.expect_err("nobody listens");
    assert!(error.message.contains(&format!("dial tcp {free}: ")), "{}", error.message);
}

#[tokio::test]
async fn connections_are_counted_as_long_as_they_last() {
    let fixture = Fixture::new();
    let mut nodes = fixture.nodes();
    nodes.slots = Arc::new(Semaphore::new(1));
    let at = endpoint("a", fixture.node(&fixture.pki, "a").await);
    let first = nodes.ask(&at, Request::get("/who")).await.expect("an answer");
    assert_eq!(nodes.ask(&at, Request::get("/who")).await.expect_err("one too many").code, 429);
    drop(first);
    assert!(nodes.ask(&at, Request::get("/who")).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen() {
    let fixture = Fixture::new();
    let nodes = fixture.nodes();
    let at = endpoint("a", fixture.node(&fixture.pki, "a").await);
    let answer = nodes.ask(&at, Request::get("/break")).await.expect("it begins");
    let mut parts = crate::subresources::log::relay(&nodes, answer, true);
    let mut seen = Vec::new();
    let end = loop {
        match parts.recv().await {
            Some(Ok(part)) => seen.extend_from_slice(&part),
            end => break end,
        }
    };
    assert_eq!(seen, b"begun");
    assert!(matches!(end, Some(Err(_))), "{end:?}");
}

#[tokio::test]
async fn a_connection_goes_on_with_another_protocol_until_the_server_stops() {
    let fixture = Fixture::new();
    let nodes = fixture.nodes();
    let at = endpoint("a", fixture.node(&fixture.pki, "a").await);
    let request = Request::get("/echo").header("connection", "upgrade").header("upgrade", "websocket");
    let answer = nodes.ask(&at, request).await.expect("an answer");
    assert_eq!(answer.response.status(), 101);
    let mut upgraded = TokioIo::new(hyper::upgrade::on(answer.response).await.expect("a switch"));
    upgraded.write_all(b"over and back").await.expect("written");
    let mut read = [0; 13];
    upgraded.read_exact(&mut read).await.expect("it comes back");
    assert_eq!(&read, b"over and back");
    nodes.go_on(std::future::pending());
    fixture.stopping.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(20), nodes.ended()).await;
    assert!(ended.is_ok(), "nothing is left");
}
