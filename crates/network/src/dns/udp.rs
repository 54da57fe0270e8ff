//! Questions over UDP.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::request::Transport;
use super::resolver::{Outcome, Resolver};

/// Longer questions do not exist.
const QUESTION: usize = 4096;

/// Answers until `stop`.
pub(super) async fn serve(
    socket: UdpSocket,
    resolver: Arc<Resolver>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; QUESTION];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let (count, client) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "cannot receive a question");
                continue;
            }
        };
        match resolver.answer(buffer.get(..count).unwrap_or_default(), Transport::Udp) {
            Outcome::Nothing => {}
            Outcome::Reply(reply) => send(&socket, &reply, client).await,
            Outcome::Ask(elsewhere) => {
                let (socket, resolver, stop) = (Arc::clone(&socket), Arc::clone(&resolver), stop.clone());
                tasks.spawn(async move {
                    let asked = tokio::select! {
                        () = stop.cancelled() => return,
                        asked = resolver.ask(*elsewhere) => asked,
                    };
                    if let Some(reply) = asked {
                        send(&socket, &reply, client).await;
                    }
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(reply, client).await {
        tracing::debug!(%client, %error, "a reply is lost");
    }
}
