//! HTTP: one plain request without a library, and a client of the Kubernetes API that speaks JSON over TLS.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::cluster::Cluster;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Gets a path from HOST:PORT, which has to answer.
pub(crate) async fn get(endpoint: &str, path: &str) -> Answer {
    try_get(endpoint, path).await.unwrap_or_else(|error| panic!("no answer from {endpoint}{path}: {error}"))
}

/// Gets a path from HOST:PORT.
pub(crate) async fn try_get(endpoint: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(endpoint).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {endpoint}\r\n\r\n").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    let no_http = || io::Error::other(format!("no HTTP: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(no_http)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(no_http)?;
    Ok(Answer { code, head: head.to_owned(), body: body.to_owned() })
}

/// Who a client is.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// The one of the kubeconfig, who may do everything.
    Admin,
    /// Whoever a token stands for.
    Token(String),
    /// Nobody.
    Anonymous,
}

/// A client of the Kubernetes API. All its requests share one HTTP/2 connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    url: String,
    token: Option<String>,
}

impl Client {
    /// Connects as who may do everything.
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        Self::connect(cluster, Identity::Admin).await
    }

    /// Connects as somebody.
    pub(crate) async fn connect(cluster: &Cluster, identity: Identity) -> Self {
        let kubeconfig = std::fs::read_to_string(cluster.kubeconfig()).expect("a server has a kubeconfig");
        let pem = |key: &str| {
            let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix(key));
            STANDARD.decode(line.expect("the kubeconfig has the key").trim()).expect("PEM stands in base64")
        };
        let certificates = |key: &str| -> Vec<CertificateDer<'static>> {
            let found = CertificateDer::pem_slice_iter(&pem(key)).collect::<Result<_, _>>();
            found.expect("the kubeconfig has certificates")
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(certificates("certificate-authority-data:"));
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the provider has the usual versions")
                .with_root_certificates(roots);
        let mut config = match identity {
            Identity::Admin => {
                let key = PrivateKeyDer::from_pem_slice(&pem("client-key-data:")).expect("there is a key");
                let chain = certificates("client-certificate-data:");
                config.with_client_auth_cert(chain, key).expect("the key belongs to the certificate")
            }
            Identity::Token(_) | Identity::Anonymous => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let authority = cluster.url().strip_prefix("https://").expect("the server is reached over TLS");
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned();
        let stream = TcpStream::connect(authority).await.expect("the server accepts connections");
        let name = ServerName::try_from(host).expect("the host is an address");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = TokioIo::new(stream.expect("the server shows the certificate of the kubeconfig"));
        let (sender, connection) =
            handshake(TokioExecutor::new(), stream).await.expect("the server speaks HTTP/2");
        tokio::spawn(connection);
        let token = match identity {
            Identity::Token(token) => Some(token),
            Identity::Admin | Identity::Anonymous => None,
        };
        Self { sender, url: cluster.url().to_owned(), token }
    }

    async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).expect("the parts make a request");
        self.sender.clone().send_request(request).await.expect("the server answers")
    }

    /// Sends a request as it is given, and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let what = format!("{method} {path}");
        let (parts, body) = self.begin(method, path, headers, body.into()).await.into_parts();
        let body = body.collect().await.expect("the answer comes to its end").to_bytes();
        Reply { what, code: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Gets a path, with headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, Bytes::new()).await
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.send(method, path, &[(CONTENT_TYPE.as_str(), "application/json")], body.to_string()).await
    }

    /// Creates.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::POST, path, body).await
    }

    /// Replaces.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::PUT, path, body).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }

    /// Changes by a patch of one of the sorts `json-patch+json`, `merge-patch+json`,
    /// `strategic-merge-patch+json`, `apply-patch+yaml`.
    pub(crate) async fn patch(&self, sort: &str, path: &str, body: &Value) -> Reply {
        let media = format!("application/{sort}");
        self.send(Method::PATCH, path, &[(CONTENT_TYPE.as_str(), &media)], body.to_string()).await
    }

    /// Begins a watch, which has to be accepted.
    pub(crate) async fn watch(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let response = self.begin(Method::GET, path, headers, Bytes::new()).await;
        assert_eq!(response.status(), 200, "{path} is no watch");
        Events { body: response.into_body(), read: Vec::new() }
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    what: String,
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Returns the JSON of the body, and panics if it is none.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} answers no JSON: {error}: {}", self.what, self.text()))
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns a header, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Returns every value of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// Returns the JSON of the body, and panics unless the answer has this code.
    #[track_caller]
    pub(crate) fn is(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{} answers {}", self.what, self.text());
        self.value()
    }

    /// Returns the message of a failure, and panics unless the answer has this code.
    #[track_caller]
    pub(crate) fn refused(self, code: u16) -> String {
        self.is(code)["message"].as_str().unwrap_or("").to_owned()
    }
}

/// The events of a watch.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    read: Vec<u8>,
}

impl Events {
    /// Waits for the next event; nothing when the watch has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(super::PATIENCE, async {
            loop {
                if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.read.drain(..=end).collect();
                    return Some(serde_json::from_slice(&line).expect("an event is JSON"));
                }
                let frame = self.body.frame().await?.expect("the watch is not broken");
                self.read.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
        });
        next.await.unwrap_or_else(|_| panic!("waited {:?} in vain for an event", super::PATIENCE))
    }

    /// Waits for the next event, which has to come; returns its type, and the name of the object.
    pub(crate) async fn short(&mut self) -> (String, String) {
        let event = self.next().await.expect("the watch goes on");
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        (text("/type"), text("/object/metadata/name"))
    }
}
