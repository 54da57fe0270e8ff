//! What probes and hooks do: commands in containers, requests, connections.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use stanchion_node_core::hook::Hook;
use stanchion_node_core::probe::verdict::{ATTEMPTS, OUTPUT_MAX, Verdict};
use stanchion_node_core::probe::{Check, Scheme, host_or};
use stanchion_sandbox::logs::{self, LogOptions};
use stanchion_sandbox::{ContainerId, ExecConfig, ExecError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::node::Node;
use crate::volumes::chain;

/// The most that is read of the answer to a request.
const ANSWER_MAX: usize = OUTPUT_MAX;
/// The last lines of a log that stand for the last words of a container, and the most bytes of them.
const LAST_WORDS: (u64, usize) = (80, 2048);

/// Asks once; an error says that the question could not be put.
pub(crate) async fn probe(
    node: &Arc<Node>,
    id: &ContainerId,
    check: &Check,
    ip: &str,
    limit: Duration,
) -> Result<Verdict, String> {
    let mut tries = 1;
    loop {
        match perform(node, id, check, ip, limit).await {
            Err(_) if tries < ATTEMPTS => tries += 1,
            done => return done,
        }
    }
}

/// Runs a hook; without a limit it may take as long as it takes.
pub(crate) async fn hook(
    node: &Arc<Node>,
    id: &ContainerId,
    hook: &Hook,
    ip: &str,
    limit: Option<Duration>,
) -> Result<(), String> {
    let limit = limit.unwrap_or(Duration::MAX);
    match hook {
        Hook::Sleep(time) => {
            tokio::time::sleep((*time).min(limit)).await;
            Ok(())
        }
        Hook::Check(check) => {
            let verdict = perform(node, id, check, ip, limit).await?;
            match verdict.outcome {
                stanchion_node_core::probe::Outcome::Success => Ok(()),
                stanchion_node_core::probe::Outcome::Failure => Err(verdict.output),
            }
        }
    }
}

/// Returns the end of a log, for a container that left no last words of its own.
pub(crate) async fn log_tail(log: PathBuf) -> Option<String> {
    let options = LogOptions { tail: Some(LAST_WORDS.0), ..LogOptions::default() };
    let mut parts = pin!(logs::read(log, options, std::future::ready(())));
    let mut all = Vec::new();
    while let Some(Ok(part)) = parts.next().await {
        all.extend_from_slice(&part);
    }
    let text = String::from_utf8_lossy(&all);
    let from = text.ceil_char_boundary(text.len().saturating_sub(LAST_WORDS.1));
    Some(text[from..].to_owned()).filter(|text| !text.is_empty())
}

async fn perform(
    node: &Arc<Node>,
    id: &ContainerId,
    check: &Check,
    ip: &str,
    limit: Duration,
) -> Result<Verdict, String> {
    match check {
        Check::Exec { command } => exec(node, id, command, limit).await,
        Check::Tcp { host, port } => {
            let target = host_or(host.as_ref(), ip).to_owned();
            Ok(match tokio::time::timeout(limit, TcpStream::connect((target.as_str(), *port))).await {
                Ok(Ok(_)) => Verdict::connected(),
                Ok(Err(error)) => Verdict::failed(&undialed(&target, *port, &error)),
                Err(_) => Verdict::failed(&format!("dial tcp {target}:{port}: i/o timeout")),
            })
        }
        Check::Http { scheme, host, port, path, headers } => {
            let target = host_or(host.as_ref(), ip);
            let word = match scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            let url = format!("{word}://{target}:{port}{path}");
            let asking = get(*scheme, target, *port, path, headers);
            Ok(match tokio::time::timeout(limit, asking).await {
                Ok(Ok((status, body))) => Verdict::http(status, &body),
                Ok(Err(problem)) => Verdict::failed(&format!("Get {url:?}: {problem}")),
                Err(_) => Verdict::failed(&format!("Get {url:?}: context deadline exceeded")),
            })
        }
    }
}

async fn exec(node: &Node, id: &ContainerId, command: &[String], limit: Duration) -> Result<Verdict, String> {
    let deadline = Some(limit).filter(|limit| *limit < Duration::MAX);
    let config = ExecConfig { command: command.to_vec(), deadline, ..ExecConfig::default() };
    let mut exec = match node.runtime.exec(id, config).await {
        Ok(exec) => exec,
        Err(ExecError::Command { code, message }) => return Ok(Verdict::exec(code, &message)),
        Err(error) => return Err(chain(&error)),
    };
    let (stdout, stderr) = (exec.stdout.take(), exec.stderr.take());
    let (out, err, code) = tokio::join!(drain(stdout), drain(stderr), exec.wait());
    match code {
        Ok(code) => Ok(Verdict::exec(code, &(out + &err))),
        Err(ExecError::Deadline(limit)) => {
            Ok(Verdict::failed(&format!("command timed out: {command:?} timed out after {limit:?}")))
        }
        Err(error) => Err(chain(&error)),
    }
}

/// Reads all, and keeps the beginning.
async fn drain(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let room = OUTPUT_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Says why a connection could not be made, in the words that people search for.
fn undialed(target: &str, port: u16, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {target}:{port}: {why}")
}

async fn get(
    scheme: Scheme,
    target: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
) -> Result<(u16, String), String> {
    let stream = TcpStream::connect((target, port)).await;
    let stream = stream.map_err(|error| undialed(target, port, &error))?;
    match scheme {
        Scheme::Http => send(stream, target, port, path, headers).await,
        Scheme::Https => {
            let address = stream.peer_addr().map_err(|error| error.to_string())?;
            let name = ServerName::IpAddress(address.ip().into());
            let connector = TlsConnector::from(Arc::new(trusting().map_err(|error| error.to_string())?));
            let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
            send(stream, target, port, path, headers).await
        }
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
) -> Result<(u16, String), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let mut request = Request::get(path).header("Connection", "close");
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    for (name, value) in [
        ("Host", format!("{target}:{port}")),
        ("User-Agent", "kube-probe/1.36".to_owned()),
        ("Accept", "*/*".to_owned()),
    ] {
        if !has(name) {
            request = request.header(name, value);
        }
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let (mut body, mut kept) = (response.into_body(), Vec::new());
        while let Some(Ok(frame)) = body.frame().await {
            kept.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if kept.len() >= ANSWER_MAX {
                break;
            }
        }
        Ok((status, String::from_utf8_lossy(&kept).into_owned()))
    };
    let mut asking = pin!(asking);
    tokio::select! {
        done = &mut asking => done,
        ended = connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// Makes TLS settings that take any certificate, as probes do: they ask the Pod itself.
fn trusting() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
