//! A client without scruples: any method, path, header and body, over HTTP/2, or any bytes at all.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::cluster::Cluster;

/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// What the server may take, in bytes, after whatever was done to it.
const MEMORY: u64 = 1536 * 1024 * 1024;

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns the body as JSON; null if it nests so deeply that this client cannot read it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            assert!(error.to_string().starts_with("recursion limit exceeded"), "{error}: {}", self.start());
            Value::Null
        })
    }

    /// Returns the beginning of the body.
    pub(crate) fn start(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(1000).collect()
    }

    /// Panics unless this is a refusal of a client's doing, in the words of the API.
    #[track_caller]
    pub(crate) fn refused(&self, what: &str) -> Value {
        assert!(
            (400..500).contains(&self.code) || self.code == 504,
            "{what}: {} {}",
            self.code,
            self.start()
        );
        self.failure(what)
    }

    /// Panics unless this is a failure with this code, in the words of the API.
    #[track_caller]
    pub(crate) fn refused_with(&self, code: u16, what: &str) -> Value {
        assert_eq!(self.code, code, "{what}: {}", self.start());
        self.failure(what)
    }

    #[track_caller]
    fn failure(&self, what: &str) -> Value {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{what}: {status}");
        assert_eq!(status["apiVersion"], "v1", "{what}: {status}");
        assert_eq!(status["status"], "Failure", "{what}: {status}");
        assert_eq!(status["code"], self.code, "{what}: {status}");
        assert!(status["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {status}");
        let reasoned = status["reason"].as_str().is_some_and(|text| !text.is_empty());
        assert!(reasoned || self.code >= 500, "{what}: {status}");
        status
    }

    /// Panics unless the request was carried out; returns the object.
    #[track_caller]
    pub(crate) fn done(&self, what: &str) -> Value {
        assert!((200..300).contains(&self.code), "{what}: {} {}", self.code, self.start());
        self.json()
    }

    /// Panics unless this is an answer of the API: an object, a refusal, or that it does not offer this.
    #[track_caller]
    pub(crate) fn sane(&self, what: &str) {
        if self.code == 501 {
            self.failure(what);
        } else if self.code >= 300 {
            self.refused(what);
        }
    }
}

/// Who shows what.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: String,
    host: String,
    config: Arc<ClientConfig>,
    sender: SendRequest<Full<Bytes>>,
    token: Option<String>,
    as_user: Vec<(String, String)>,
}

impl Client {
    /// Connects as one who may do everything.
    pub(crate) async fn admin(cluster: &Cluster) -> Self {
        let pki = cluster.data_dir().join("pki");
        Self::connect(cluster, Some((&pki.join("admin.crt"), &pki.join("admin.key"))))
            .await
            .expect("a connection")
    }

    /// Connects as one who shows nothing.
    pub(crate) async fn nobody(cluster: &Cluster) -> Self {
        Self::connect(cluster, None).await.expect("a connection")
    }

    /// Connects with a certificate and its key.
    pub(crate) async fn connect(
        cluster: &Cluster,
        identity: Option<(&Path, &Path)>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let address = cluster.url().trim_start_matches("https://").to_owned();
        let config = Arc::new(config(&cluster.data_dir().join("pki/ca.crt"), identity));
        let host = address.rsplit_once(':').expect("an address has a port").0.to_owned();
        let sender = sender(&address, &host, &config).await?;
        Ok(Self { address, host, config, sender, token: None, as_user: Vec::new() })
    }

    /// Opens another connection.
    pub(crate) async fn again(&self) -> Self {
        let sender = sender(&self.address, &self.host, &self.config).await.expect("a connection");
        Self { sender, ..self.clone() }
    }

    /// Returns a client that shows a token, over the same connection.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Returns a client that speaks for another user.
    pub(crate) fn as_user(&self, name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| ("impersonate-group".to_owned(), (*group).to_owned()));
        let user = [("impersonate-user".to_owned(), name.to_owned())];
        Self { as_user: user.into_iter().chain(groups).collect(), ..self.clone() }
    }

    /// Sends a request and returns the answer as it begins.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<http::Response<Incoming>, String> {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.address));
        let own = self.as_user.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.iter().copied().chain(own) {
            request = request.header(name, value.as_bytes());
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body.into())).map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(PATIENCE, self.sender.clone().send_request(request)).await;
        let answer = answer.map_err(|_| format!("no answer to {method} {path:.200}"))?;
        answer.map_err(|error| format!("{method} {path:.200}: {error:?}"))
    }

    /// Sends a request and returns the whole answer, which has to come.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = self.open(method, path, headers, body).await.unwrap_or_else(|error| panic!("{error}"));
        let (parts, body) = answer.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await;
        let body = body.unwrap_or_else(|_| panic!("{method} {path:.200} does not end"));
        let body = body.unwrap_or_else(|error| panic!("{method} {path:.200}: {error}")).to_bytes();
        Answer { code: parts.status.as_u16(), body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Sends a patch of a sort: `json`, `merge` or `strategic-merge`, or what is to be applied.
    pub(crate) async fn patch(&self, path: &str, sort: &str, body: impl Into<Bytes>) -> Answer {
        let media = if sort == "apply" {
            "application/apply-patch+yaml".to_owned()
        } else {
            format!("application/{sort}-patch+json")
        };
        self.send("PATCH", path, &[("content-type", &media)], body).await
    }

    /// Opens a connection without any protocol on top of TLS but HTTP/1.
    pub(crate) async fn raw(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls(&self.address, &self.host, &Arc::new(config)).await
    }

    /// Opens a connection for HTTP/2 and says nothing.
    pub(crate) async fn raw_h2(&self) -> std::io::Result<TlsStream<TcpStream>> {
        tls(&self.address, &self.host, &self.config).await
    }

    /// Sends bytes and returns all that comes until the server closes.
    pub(crate) async fn shout(&self, bytes: &[u8]) -> String {
        let mut stream = self.raw().await.expect("a connection");
        let mut said = Vec::new();
        let talk = async {
            // A server that has had enough closes before everything was written.
            drop(stream.write_all(bytes).await);
            drop(stream.read_to_end(&mut said).await);
        };
        tokio::time::timeout(PATIENCE, talk).await.expect("the server ends the connection");
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn config(authority: &Path, identity: Option<(&Path, &Path)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).expect("the authority's file is there") {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the defaults are fine")
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((certificate, key)) => {
            let chain =
                CertificateDer::pem_file_iter(certificate).expect("a file").map(|one| one.expect("one"));
            let key = PrivateKeyDer::from_pem_file(key).expect("a key");
            builder.with_client_auth_cert(chain.collect(), key).expect("they fit")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn tls(address: &str, host: &str, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).expect("an address is a name");
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

async fn sender(
    address: &str,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = tls(address, host, config).await?;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(1 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // It ends with the last sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Checks that the server is none the worse: it works, it has not panicked, and its memory is bounded.
pub(crate) async fn unharmed(cluster: &Cluster, admin: &Client) {
    let admin = admin.again().await;
    admin.get("/readyz").await.code.eq(&200).then_some(()).expect("the server is ready");
    let maps = "/api/v1/namespaces/default/configmaps";
    let name = "still-there";
    let made = json!({"metadata": {"name": name}, "data": {"a": "b"}});
    admin.post(maps, &made).await.done("create");
    let listed = admin.get(maps).await.done("list");
    let found =
        listed["items"].as_array().is_some_and(|all| all.iter().any(|one| one["metadata"]["name"] == name));
    assert!(found, "what was created is listed");
    admin.delete(&format!("{maps}/{name}")).await.done("delete");
    let log = cluster.log();
    for word in ["panicked", "overflow", "left out"] {
        assert!(!log.contains(word), "{log}");
    }
    let used = memory(cluster);
    assert!(used < MEMORY, "the server takes {} MiB", used >> 20);
}

/// Returns the bytes that the server takes.
pub(crate) fn memory(cluster: &Cluster) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
