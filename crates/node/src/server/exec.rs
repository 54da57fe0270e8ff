//! A command in a container, through a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use stanchion_sandbox::{ContainerId, Exec, ExecConfig, ExecError, ExecInput, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::channels::{self, Sent};
use super::{Body, Refusal, query, reply};
use crate::node::Node;
use crate::volumes::chain;

/// How long a client may take to go on with the WebSocket, and to take what is said last.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long output is waited for after the command has ended, since the last that came.
const DRAIN: Duration = Duration::from_secs(1);
/// Parts of output that wait for the client.
const WAITING: usize = 16;
/// The size of a part.
const PART: usize = 16 * 1024;
/// The largest message that a client may send.
const MESSAGE: usize = 1024 * 1024;
/// The terminal that a command begins with; clients say their own at once.
const TERMINAL: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// Where a command is to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) container: &'a str,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Runs a command: answers the handshake, and goes on in the background.
pub(super) fn run(
    node: &Arc<Node>,
    mut request: Request<Incoming>,
    place: Place<'_>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Response<Body>, Refusal> {
    let id = container(node, place)?;
    let config = config(&query(&request))?;
    let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_websocket = header(UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let key = header(SEC_WEBSOCKET_KEY).filter(|_| header(SEC_WEBSOCKET_VERSION) == Some("13"));
    let (true, Some(key)) = (is_websocket, key) else {
        return Err((StatusCode::UPGRADE_REQUIRED, "commands run through a WebSocket".to_owned()));
    };
    let accept = derive_accept_key(key.as_bytes());
    let chosen = channels::choose(header(SEC_WEBSOCKET_PROTOCOL).unwrap_or_default()).ok_or_else(|| {
        let text = format!("a WebSocket for commands has to speak one of {:?}", channels::PROTOCOLS);
        (StatusCode::BAD_REQUEST, text)
    })?;
    let bad = |error: http::header::InvalidHeaderValue| (StatusCode::BAD_REQUEST, error.to_string());
    let accept = HeaderValue::from_str(&accept).map_err(bad)?;
    let (upgrade, node, stop) = (hyper::upgrade::on(&mut request), Arc::clone(node), stop.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = session(&node, &id, config, upgrade) => {}
            () = stop.cancelled() => {}
        }
    });
    let mut response = reply(StatusCode::SWITCHING_PROTOCOLS, "text/plain", "");
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    Ok(response)
}

/// Returns the run in which a command is to run.
fn container(node: &Node, place: Place<'_>) -> Result<ContainerId, Refusal> {
    let Place { namespace, pod, container } = place;
    let missing = || (StatusCode::NOT_FOUND, format!("pod {pod:?} not found on this node"));
    let shown = node.view(namespace, pod).ok_or_else(missing)?.get();
    let running = super::pods::running(&shown);
    let found = running.into_iter().find(|(name, _)| name == container);
    let refused = || (StatusCode::INTERNAL_SERVER_ERROR, format!("container not found ({container:?})"));
    found.map(|(_, id)| id).ok_or_else(refused)
}

fn config(query: &[(String, String)]) -> Result<ExecConfig, Refusal> {
    let flag =
        |key: &str| query.iter().any(|(known, value)| known == key && matches!(value.as_str(), "1" | "true"));
    let command: Vec<String> =
        query.iter().filter(|(key, _)| key == "command").map(|(_, word)| word.clone()).collect();
    if command.is_empty() {
        return Err((StatusCode::BAD_REQUEST, "there is no command".to_owned()));
    }
    let tty = flag("tty").then_some(TERMINAL);
    Ok(ExecConfig { command, stdin: flag("input"), tty, ..ExecConfig::default() })
}

/// Runs the command and carries its streams; when the client is gone, the command is killed.
async fn session(node: &Node, id: &ContainerId, config: ExecConfig, upgrade: OnUpgrade) {
    let upgraded = match tokio::time::timeout(PATIENCE, upgrade).await {
        Ok(Ok(upgraded)) => upgraded,
        Ok(Err(error)) => return tracing::debug!(%error, "a WebSocket did not come about"),
        Err(_) => return tracing::debug!("a WebSocket took too long to come about"),
    };
    let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let (mut sink, stream) = socket.split();
    let last = match node.runtime.exec(id, config).await {
        Ok(exec) => carry(exec, &mut sink, stream).await,
        Err(error) => Some(refusal(&error)),
    };
    let Some(last) = last else { return };
    let ending = async {
        sink.send(Message::Binary(last)).await?;
        // Clients take any other end, also one without a code, for a failure of the connection.
        let normal = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        sink.send(Message::Close(Some(normal))).await?;
        sink.close().await
    };
    match tokio::time::timeout(PATIENCE, ending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the end of a command was not taken"),
        Err(_) => tracing::debug!("the end of a command was not taken in time"),
    }
}

/// Words why a command did not run; a program that is not there is told like a shell would.
fn refusal(error: &ExecError) -> bytes::Bytes {
    match error {
        ExecError::Command { message, .. } => {
            channels::failed(&format!("error executing command in container: {message}"))
        }
        other => channels::failed(&chain(other)),
    }
}

/// Carries the streams of a command until it has ended; returns what is said last, nothing if the client is gone.
async fn carry(
    mut exec: Exec,
    sink: &mut SplitSink<Socket, Message>,
    mut stream: SplitStream<Socket>,
) -> Option<bytes::Bytes> {
    let (sender, mut parts) = mpsc::channel(WAITING);
    let (stdout, stderr, mut stdin) = (exec.stdout.take(), exec.stderr.take(), exec.stdin.take());
    let output = async {
        tokio::join!(pump(stdout, channels::OUTPUT, &sender), pump(stderr, channels::ERRORS, &sender));
    };
    let mut output = std::pin::pin!(output);
    let (mut code, mut has_output) = (None, true);
    let drained = tokio::time::sleep(Duration::MAX);
    tokio::pin!(drained);
    loop {
        if let Some(code) = code.take_if(|_| !has_output && parts.is_empty()) {
            return Some(match code {
                Ok(code) => channels::ended(code),
                Err(error) => refusal(&error),
            });
        }
        tokio::select! {
            biased;
            Some(part) = parts.recv() => {
                sink.send(Message::Binary(part)).await.ok()?;
                if code.is_some() {
                    drained.as_mut().reset(Instant::now() + DRAIN);
                }
            }
            () = &mut output, if has_output => has_output = false,
            ended = exec.wait(), if code.is_none() => {
                code = Some(ended);
                drained.as_mut().reset(Instant::now() + DRAIN);
            }
            // What the command has left in the background keeps its output open.
            () = &mut drained, if code.is_some() => has_output = false,
            message = stream.next() => match message {
                Some(Ok(Message::Binary(message))) => take(&message, &exec, &mut stdin).await,
                Some(Ok(Message::Text(text))) => take(&text.into(), &exec, &mut stdin).await,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            },
        }
    }
}

/// Does what a client says.
async fn take(message: &bytes::Bytes, exec: &Exec, stdin: &mut Option<ExecInput>) {
    match channels::read(message) {
        Sent::Input(data) => {
            if let Some(input) = stdin
                && let Err(error) = input.write_all(&data).await
            {
                // The command reads no more; it may well go on writing.
                tracing::debug!(%error, "a command does not take its input");
                *stdin = None;
            }
        }
        Sent::InputEnds => *stdin = None,
        Sent::Resize(size) => {
            if let Err(error) = exec.resize(size) {
                tracing::debug!(%error, "a terminal cannot be resized");
            }
        }
        Sent::Nothing => {}
    }
}

/// Turns what a command writes into messages, as fast as the client takes them.
async fn pump(from: Option<impl AsyncRead + Unpin>, channel: u8, to: &mpsc::Sender<bytes::Bytes>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; PART];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.send(channels::write(channel, &buffer[..count])).await.is_err() {
            return;
        }
    }
}
