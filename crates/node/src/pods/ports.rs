//! Ports of the machine that lead to a Pod (hostPort), for as long as something of it may run.
//!
//! A port without an address of its own is one of the node's address: listening on all addresses would take the port
//! from every Pod and Service of the machine.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stanchion_node_core::admission::HostPort;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Connections of a port at a time, and senders of datagrams at a time.
const CONNECTIONS: usize = 1000;
/// How long a Pod may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long to wait after an accept failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A sender of datagrams is forgotten after this long without one.
const IDLE: Duration = Duration::from_mins(2);
/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// Why a port of the machine cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum PortError {
    #[error("hostIP {0:?} is no address")]
    Address(String),
    #[error("hostPort {0}: protocol {1} is not supported")]
    Protocol(u16, String),
    #[error("cannot listen on {address}/{protocol} for the Pod")]
    Listen {
        address: SocketAddr,
        protocol: String,
        #[source]
        source: io::Error,
    },
}

/// The ports of a Pod, open until this value goes.
#[derive(Debug)]
pub(super) struct Ports {
    _tasks: JoinSet<()>,
}

impl Ports {
    /// Opens all ports, or none.
    pub(super) fn open(wanted: &[HostPort], node: IpAddr, pod: Ipv4Addr) -> Result<Self, PortError> {
        let mut tasks = JoinSet::new();
        for one in wanted {
            let ip = match &one.ip {
                Some(ip) => ip.parse().map_err(|_| PortError::Address(ip.clone()))?,
                None => node,
            };
            let (address, target) =
                (SocketAddr::new(ip, one.port), SocketAddr::from((pod, one.container_port)));
            let failed = |source| PortError::Listen { address, protocol: one.protocol.clone(), source };
            match one.protocol.as_str() {
                "TCP" => {
                    let listener = listen(address).map_err(failed)?;
                    tasks.spawn(streams(listener, target));
                }
                "UDP" => {
                    let socket = std::net::UdpSocket::bind(address).and_then(|socket| {
                        socket.set_nonblocking(true)?;
                        UdpSocket::from_std(socket)
                    });
                    tasks.spawn(datagrams(socket.map_err(failed)?, target));
                }
                other => return Err(PortError::Protocol(one.port, other.to_owned())),
            }
        }
        Ok(Self { _tasks: tasks })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Leads connections to the Pod; what ends on one side ends on the other.
async fn streams(listener: TcpListener, target: SocketAddr) {
    let (slots, mut open) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    loop {
        while open.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let mut client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of a hostPort");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        open.spawn(async move {
            let pod = tokio::time::timeout(CONNECT, TcpStream::connect(target)).await;
            let Ok(Ok(mut pod)) = pod else { return };
            if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut pod).await {
                tracing::debug!(%target, %error, "a connection through a hostPort ended");
            }
            drop(slot);
        });
    }
}

/// Leads datagrams to the Pod, each sender by a socket of its own, and what comes back to the sender.
async fn datagrams(socket: UdpSocket, target: SocketAddr) {
    let (socket, mut senders) = (Arc::new(socket), HashMap::<SocketAddr, Sender>::new());
    let mut answers = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while answers.try_join_next().is_some() {}
        let now = Instant::now();
        if senders.get(&from).is_none_or(|sender| sender.answers.is_finished()) {
            senders.retain(|_, sender| !sender.answers.is_finished());
            if senders.len() >= CONNECTIONS {
                continue;
            }
            let Ok(own) = dial(target).await else { continue };
            let (own, heard) = (Arc::new(own), Arc::new(parking_lot::Mutex::new(now)));
            let back = answer(Arc::clone(&own), Arc::clone(&socket), from, Arc::clone(&heard));
            let task = answers.spawn(back);
            senders.insert(from, Sender { own, heard, answers: task });
        }
        if let Some(sender) = senders.get(&from) {
            *sender.heard.lock() = now;
            // A datagram that is refused is lost, as datagrams are.
            if let Err(error) = sender.own.send(&buffer[..length]).await {
                tracing::debug!(%target, %error, "a datagram through a hostPort is lost");
            }
        }
    }
}

/// Someone who sends datagrams.
struct Sender {
    own: Arc<UdpSocket>,
    heard: Arc<parking_lot::Mutex<Instant>>,
    answers: tokio::task::AbortHandle,
}

async fn dial(target: SocketAddr) -> io::Result<UdpSocket> {
    let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    own.connect(target).await?;
    Ok(own)
}

/// Carries answers until neither side has said anything for a while.
async fn answer(
    own: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    heard: Arc<parking_lot::Mutex<Instant>>,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let until = *heard.lock() + IDLE;
        match tokio::time::timeout_at(until, own.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                *heard.lock() = Instant::now();
                if let Err(error) = socket.send_to(&buffer[..length], to).await {
                    tracing::debug!(%to, %error, "an answer through a hostPort is lost");
                }
            }
            // Nobody listens in the Pod at the moment.
            Ok(Err(error)) => {
                tracing::debug!(%to, %error, "a datagram through a hostPort is refused");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Err(_) if *heard.lock() + IDLE > Instant::now() => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn wanted(port: u16, protocol: &str, container_port: u16) -> HostPort {
        HostPort { ip: None, port, protocol: protocol.to_owned(), container_port }
    }

    #[tokio::test]
    async fn connections_and_datagrams_reach_the_pod_and_come_back() {
        let (node, pod) = (IpAddr::from([127, 0, 0, 1]), Ipv4Addr::new(127, 61, 0, 1));
        let server = TcpListener::bind((pod, 0)).await.expect("a port");
        let echo = UdpSocket::bind((pod, 0)).await.expect("a port");
        let (to, to_echo) =
            (server.local_addr().expect("bound").port(), echo.local_addr().expect("bound").port());
        // The numbers are free at the node's address as often as not; those that are not are tried again.
        let ports = (20_000..30_000).find_map(|port| {
            Some((
                port,
                Ports::open(&[wanted(port, "TCP", to), wanted(port, "UDP", to_echo)], node, pod).ok()?,
            ))
        });
        let (port, ports) = ports.expect("a port is free");
        let mut client = TcpStream::connect((node, port)).await.expect("it listens");
        client.write_all(b"question").await.expect("sent");
        client.shutdown().await.expect("half closed");
        let (mut answerer, _) = server.accept().await.expect("led here");
        let mut text = String::new();
        answerer.read_to_string(&mut text).await.expect("read to the end");
        answerer.write_all(b"answer").await.expect("sent");
        drop(answerer);
        let mut back = String::new();
        client.read_to_string(&mut back).await.expect("read to the end");
        assert_eq!((text.as_str(), back.as_str()), ("question", "answer"));

        let client = UdpSocket::bind((node, 0)).await.expect("a port");
        client.send_to(b"ping", (node, port)).await.expect("sent");
        let mut buffer = [0; 16];
        let (length, from) = echo.recv_from(&mut buffer).await.expect("led here");
        echo.send_to(&buffer[..length], from).await.expect("sent");
        let (length, from) = client.recv_from(&mut buffer).await.expect("it comes back");
        assert_eq!((&buffer[..length], from.port()), (b"ping".as_slice(), port));

        let taken = Ports::open(&[wanted(port, "TCP", to)], node, pod).expect_err("it is taken");
        assert!(matches!(taken, PortError::Listen { .. }), "{taken}");
        drop(ports);
        let sctp = Ports::open(&[wanted(1, "SCTP", 1)], node, pod).expect_err("unknown");
        assert!(sctp.to_string().contains("SCTP"), "{sctp}");
    }
}
