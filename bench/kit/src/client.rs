//! Connections to the server: HTTP/1.1 or HTTP/2 over TLS, one each.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::kubeconfig::{Identity, Kubeconfig};

/// The windows that are granted, so that the server never waits for them.
const WINDOW: u32 = 16 * 1024 * 1024;

/// Which version of HTTP a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One request at a time on a connection.
    Http1,
    /// Streams.
    Http2,
}

impl Version {
    /// Returns how it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub struct Client {
    authority: Arc<str>,
    name: ServerName<'static>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    authorization: Option<HeaderValue>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub content_type: &'static str,
    pub accept: &'static str,
    pub gzip: bool,
    /// As which program it comes, which is whom the server calls the manager of fields.
    pub agent: &'static str,
    pub body: Bytes,
}

impl Call {
    /// Returns a request with a JSON body and answer.
    pub fn new(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            method,
            path: path.into(),
            content_type: "application/json",
            accept: "application/json",
            gzip: false,
            agent: "kube-controller-manager/v1.36.0",
            body: body.into(),
        }
    }

    /// Returns a request that reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Bytes::new())
    }
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    sender: Sender,
}

impl Client {
    /// Prepares connections as the user of a kubeconfig.
    pub fn new(kubeconfig: &Kubeconfig) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(&kubeconfig.ca_pem) {
            roots.add(authority?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(roots);
        let (config, authorization) = match &kubeconfig.identity {
            Identity::Certificate { cert_pem, key_pem } => {
                let chain = CertificateDer::pem_slice_iter(cert_pem).collect::<Result<Vec<_>, _>>()?;
                (builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key_pem)?)?, None)
            }
            Identity::Token(token) => {
                let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
                (builder.with_no_client_auth(), Some(value))
            }
        };
        let with = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        let name = ServerName::try_from(kubeconfig.host().to_owned())?;
        let authority = Arc::from(kubeconfig.authority.as_str());
        Ok(Self { authority, name, http1: with(b"http/1.1"), http2: with(b"h2"), authorization })
    }

    /// Opens a connection.
    pub async fn connect(&self, version: Version) -> Result<Connection> {
        let stream = TcpStream::connect(self.authority.as_ref()).await?;
        stream.set_nodelay(true)?;
        let config = match version {
            Version::Http1 => &self.http1,
            Version::Http2 => &self.http2,
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let io = TokioIo::new(connector.connect(self.name.clone(), stream).await?);
        // The tasks end with the connection; an error shows at the request that meets it.
        let sender = match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(async move { connection.await.ok() });
                Sender::Http1(sender)
            }
            Version::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_connection_window_size(WINDOW).initial_stream_window_size(WINDOW);
                let (sender, connection) = builder.handshake(io).await?;
                tokio::spawn(async move { connection.await.ok() });
                Sender::Http2(sender)
            }
        };
        Ok(Connection { client: self.clone(), sender })
    }

    /// Opens some connections.
    pub async fn connect_many(&self, version: Version, count: usize) -> Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(self.connect(version).await?);
        }
        Ok(connections)
    }
}

impl Connection {
    /// Sends a request; returns the code and the body, whose parts are yet to come.
    pub async fn open(&mut self, call: Call) -> Result<(u16, Incoming)> {
        let path = call.path.clone();
        let request = self.request(call)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => sender.send_request(request).await,
        };
        let response = response.with_context(|| path)?;
        Ok((response.status().as_u16(), response.into_body()))
    }

    /// Sends a request that must succeed; returns the length of the answer.
    pub async fn send(&mut self, call: Call) -> Result<usize> {
        let (code, mut body) = self.open(call).await?;
        if !(200..300).contains(&code) {
            bail!("{code} {}", String::from_utf8_lossy(&whole(body).await?));
        }
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    /// Sends a request that must succeed; returns the answer.
    pub async fn fetch(&mut self, call: Call) -> Result<Bytes> {
        let (code, body) = self.open(call).await?;
        let answer = whole(body).await?;
        ensure!((200..300).contains(&code), "{code} {}", String::from_utf8_lossy(&answer));
        Ok(answer)
    }

    /// Creates an object, unless it is there.
    pub async fn ensure(&mut self, path: &str, body: Bytes) -> Result<()> {
        let (code, body) = self.open(Call::new(Method::POST, path, body)).await?;
        let answer = whole(body).await?;
        ensure!(matches!(code, 201 | 409), "{code} {}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>> {
        let uri = match self.sender {
            Sender::Http1(_) => call.path,
            Sender::Http2(_) => format!("https://{}{}", self.client.authority, call.path),
        };
        let mut request = Request::builder().method(call.method).uri(uri);
        request = request.header(USER_AGENT, call.agent).header(ACCEPT, call.accept);
        if matches!(self.sender, Sender::Http1(_)) {
            request = request.header(HOST, self.client.authority.as_ref());
        }
        if let Some(value) = &self.client.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if call.gzip {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, call.content_type);
        }
        Ok(request.body(Full::new(call.body))?)
    }
}

async fn whole(mut body: Incoming) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        whole.extend_from_slice(frame?.data_ref().map_or(&[], AsRef::as_ref));
    }
    Ok(whole.freeze())
}
