//! Questions over TCP: each with its length before it, one after the other on a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::request::Transport;
use super::resolver::{Outcome, Resolver};

/// Connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 128;
/// How long a client may be silent, or not take a reply.
const SILENCE: Duration = Duration::from_secs(10);
/// Before accepting again after it failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    resolver: Arc<Resolver>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = accept(&listener, &free) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (resolver, stop) = (Arc::clone(&resolver), stop.clone());
                tasks.spawn(async move {
                    let ended = tokio::select! {
                        () = stop.cancelled() => return,
                        ended = connection(stream, &resolver) => ended,
                    };
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection of DNS broke");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection of DNS");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(free).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Answers until the client ends, or is silent for long.
async fn connection(mut stream: TcpStream, resolver: &Resolver) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let Some(question) = timeout(SILENCE, question(&mut stream)).await?? else { return Ok(()) };
        let reply = match resolver.answer(&question, Transport::Tcp) {
            Outcome::Nothing => return Ok(()),
            Outcome::Reply(reply) => Some(reply),
            Outcome::Ask(elsewhere) => resolver.ask(*elsewhere).await,
        };
        let Some(reply) = reply else { return Ok(()) };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        timeout(SILENCE, stream.write_all(&[&length.to_be_bytes(), &*reply].concat())).await??;
    }
}

/// Reads a question. `None`: the client has no more.
async fn question(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut question = vec![0; usize::from(length)];
    stream.read_exact(&mut question).await?;
    Ok(Some(question))
}
