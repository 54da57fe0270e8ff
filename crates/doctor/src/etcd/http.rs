//! One GET, over TLS where the address says so.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::connection::{Endpoint, Tls};

/// So much of an answer is read: the metrics of a large etcd are a tenth of it.
const LARGEST: usize = 16 << 20;

/// A page that could not be read.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The certificates cannot be read.
    #[error("cannot read the certificates")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The certificates cannot be used.
    #[error("cannot use the certificates")]
    Tls(#[source] rustls::Error),
    /// The host is no name of a server.
    #[error("the host is no name of a server")]
    Name(#[source] InvalidDnsNameError),
    /// The conversation broke.
    #[error("the connection broke")]
    Http(#[source] hyper::Error),
    /// Reading the answer failed, or it is too long.
    #[error("the answer cannot be read: {0}")]
    Body(String),
    /// The server refuses.
    #[error("the answer is {0}")]
    Status(StatusCode),
}

/// Reads a page of a member: `/metrics`.
pub(super) async fn get(endpoint: &Endpoint, path: &str) -> Result<String, HttpError> {
    let uri = endpoint.uri();
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if endpoint.tls().is_some() { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await.map_err(HttpError::Connect)?;
    match endpoint.tls() {
        None => ask(stream, uri, path).await,
        Some(tls) => {
            let connector = TlsConnector::from(Arc::new(config(tls)?));
            let name = ServerName::try_from(bare.to_owned()).map_err(HttpError::Name)?;
            ask(connector.connect(name, stream).await.map_err(HttpError::Connect)?, uri, path).await
        }
    }
}

async fn ask<S>(stream: S, uri: &Uri, path: &str) -> Result<String, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(HttpError::Http)?;
    let connection = tokio::spawn(connection);
    let host = uri.authority().map_or("", http::uri::Authority::as_str);
    let request = Request::get(path).header(http::header::HOST, host).body(Empty::<Bytes>::new());
    let request = request.expect("a path that is known and the host of a URL are those of a request");
    let answer = sender.send_request(request).await.map_err(HttpError::Http)?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(HttpError::Status(status));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes();
    connection.abort();
    String::from_utf8(body.into()).map_err(|error| HttpError::Body(error.to_string()))
}

fn config(tls: &Tls) -> Result<ClientConfig, HttpError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&tls.ca).map_err(HttpError::Pem)? {
        roots.add(certificate.map_err(HttpError::Pem)?).map_err(HttpError::Tls)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(HttpError::Tls)?
        .with_root_certificates(roots);
    let Some(client) = &tls.client else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_file_iter(&client.certificate).map_err(HttpError::Pem)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(HttpError::Pem)?;
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(HttpError::Pem)?;
    builder.with_client_auth_cert(chain, key).map_err(HttpError::Tls)
}
