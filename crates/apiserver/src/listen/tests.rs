use std::fs;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::clock;
use crate::pki::Pki;

/// How long anything may take that has to happen.
const DEADLINE: Duration = Duration::from_secs(20);
/// A limit that tests wait for.
const SOON: Duration = Duration::from_millis(200);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct Fixture {
    dir: TempDir,
    pki: Pki,
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// Answers with who asks; `/panic` has a bug, `/slow` takes a while, and `/never` for ever.
async fn handle(request: Request<Incoming>, info: Arc<ConnectionInfo>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/panic" => panic!("a bug, on purpose"),
        "/slow" => tokio::time::sleep(SOON).await,
        "/never" => std::future::pending().await,
        _ => {}
    }
    let name = info.peer.as_ref().map_or("nobody", |peer| peer.user().name.as_str());
    Response::new(Full::new(Bytes::from(format!("I see {name}"))))
}

impl Fixture {
    async fn start(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let pki = Pki::ensure(dir.path(), &["localhost".to_owned()], clock::seconds()).expect("made");
        let settings = TlsSettings {
            cert_file: pki.path("apiserver.crt"),
            key_file: pki.path("apiserver.key"),
            client_ca_file: Some(pki.path("ca.crt")),
        };
        let tls = Arc::new(TlsSource::load(settings).expect("fine files"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, shutdown) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let serving = tokio::spawn(serve(listener, tls, limits, handle, shutdown.clone()));
        Self { dir, pki, address, shutdown, serving }
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    async fn connect(&self, client: Option<&(String, String)>, alpn: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(self.pki.ca_pem())).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(vec![certificate(cert)], key).expect("a pair")
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, self.dial().await);
        tokio::time::timeout(DEADLINE, connecting).await.expect("in time").expect("a handshake")
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.serving).await.expect("in time").expect("no panic");
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// Reads until a text comes; returns all, or what came before the end.
async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin), until: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&all).contains(until)
            && matches!(stream.read_buf(&mut all).await, Ok(1..))
        {}
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("in time");
    String::from_utf8_lossy(&all).into_owned()
}

async fn ask(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    // A server that refused has closed the connection, which reading shows.
    drop(stream.write_all(request.as_bytes()).await);
    read(stream, "I see ").await + &read_rest(stream).await
}

async fn read_rest(stream: &mut TlsStream<TcpStream>) -> String {
    let mut rest = vec![0; 64];
    let count = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut rest)).await;
    rest.truncate(count.map_or(0, |count| count.unwrap_or(0)));
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn clients_may_show_a_certificate() {
    let fixture = Fixture::start(Limits::default()).await;
    let admin = fixture.pki.admin().expect("a certificate");
    let answer = ask(&mut fixture.connect(Some(&admin), b"http/1.1").await, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("I see kubernetes-admin"), "{answer}");
    let answer = ask(&mut fixture.connect(None, b"http/1.1").await, GET).await;
    assert!(answer.ends_with("I see nobody"), "{answer}");
    let other = tempfile::tempdir().expect("a directory");
    let stranger =
        Pki::ensure(other.path(), &[], clock::seconds()).expect("made").admin().expect("a certificate");
    assert_eq!(ask(&mut fixture.connect(Some(&stranger), b"http/1.1").await, GET).await, "");
    fixture.stop().await;
}

#[tokio::test]
async fn renewed_certificates_are_used_and_broken_ones_are_not() {
    let fixture = Fixture::start(Limits::default()).await;
    let shown = |stream: TlsStream<TcpStream>| {
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned()
    };
    let first = shown(fixture.connect(None, b"h2").await);
    let names = ["localhost".to_owned(), "new.example".to_owned()];
    Pki::ensure(fixture.dir.path(), &names, clock::seconds()).expect("renewed");
    let second = shown(fixture.connect(None, b"h2").await);
    assert!(first != second);
    fs::write(fixture.pki.path("apiserver.key"), "rubbish").expect("written");
    assert!(shown(fixture.connect(None, b"h2").await) == second);
    fixture.stop().await;
}

#[tokio::test]
async fn slow_clients_are_left() {
    let fixture = Fixture::start(Limits { handshake: SOON, headers: SOON, ..Limits::default() }).await;
    assert_eq!(read(&mut fixture.dial().await, "never").await, "", "nothing at all");
    let mut partly = fixture.dial().await;
    partly.write_all(&[0x16, 3, 1]).await.expect("written");
    assert_eq!(read(&mut partly, "never").await, "", "half a handshake");
    let mut silent = fixture.connect(None, b"h2").await;
    read(&mut silent, "never").await;
    let mut headers = fixture.connect(None, b"http/1.1").await;
    headers.write_all(b"GET / HTTP/1.1\r\nx: ").await.expect("written");
    read(&mut headers, "never").await;
    assert!(ask(&mut fixture.connect(None, b"http/1.1").await, GET).await.ends_with("nobody"));
    fixture.stop().await;
}

#[tokio::test]
async fn panics_end_their_request_alone() {
    let fixture = Fixture::start(Limits::default()).await;
    let panic = "GET /panic HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(ask(&mut fixture.connect(None, b"http/1.1").await, panic).await, "");
    assert!(ask(&mut fixture.connect(None, b"http/1.1").await, GET).await.ends_with("nobody"));
    let io = TokioIo::new(fixture.connect(None, b"h2").await);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (mut client, connection) = handshake.await.expect("HTTP/2");
    let driving = tokio::spawn(connection);
    let get = |path: &str| {
        Request::get(format!("https://localhost{path}")).body(Empty::<Bytes>::new()).expect("fine")
    };
    assert!(client.send_request(get("/panic")).await.is_err());
    assert_eq!(client.send_request(get("/")).await.expect("the connection goes on").status(), 200);
    drop(client);
    driving.await.expect("no panic").expect("a clean end");
    fixture.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let fixture = Fixture::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = fixture.connect(None, b"http/1.1").await;
    assert!(ask(&mut first, GET).await.ends_with("nobody"));
    {
        let mut second = pin!(fixture.connect(None, b"http/1.1"));
        assert!(tokio::time::timeout(SOON, second.as_mut()).await.is_err(), "there is no room");
        drop(first);
        assert!(ask(&mut second.await, GET).await.ends_with("nobody"));
    }
    fixture.stop().await;
}

#[tokio::test]
async fn stopping_lets_requests_end_but_not_for_ever() {
    let fixture = Fixture::start(Limits { drain: 5 * SOON, ..Limits::default() }).await;
    let mut idle = fixture.connect(None, b"http/1.1").await;
    assert!(ask(&mut idle, GET).await.ends_with("nobody"));
    let (mut slow, mut never) =
        (fixture.connect(None, b"http/1.1").await, fixture.connect(None, b"http/1.1").await);
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    never.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    tokio::time::sleep(SOON / 2).await;
    let address = fixture.address;
    fixture.stop().await;
    assert!(read(&mut slow, "I see nobody").await.contains("I see nobody"));
    assert_eq!(read(&mut never, "never").await, "");
    assert_eq!(read(&mut idle, "never").await, "");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}
