//! Opening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long an endpoint of this machine may take to accept: its backlog is full for longer only if it hangs.
const CONNECT: Duration = Duration::from_secs(3);
/// After this silence a peer is asked whether it is still there, and then again in shorter intervals.
const KEEPALIVE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(15));

/// Listens for TCP connections.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // Connections of a listener before may still be closing.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Opens a UDP socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Connects to an endpoint on behalf of a client.
pub(super) async fn connect(client: IpAddr, endpoint: SocketAddr) -> io::Result<TcpStream> {
    let socket = if endpoint.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(own) = source(client, endpoint) {
        // The port is chosen on connecting: it need not differ from those of connections to elsewhere.
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(own)?;
    }
    let stream = timeout(CONNECT, socket.connect(endpoint)).await??;
    // Where nobody listens, Linux lets a socket connect to itself if it happens to have the endpoint's own port.
    if stream.local_addr()? == endpoint {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Opens a UDP socket that speaks with an endpoint on behalf of a client.
pub(super) fn associate(client: IpAddr, endpoint: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if endpoint.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = std::net::UdpSocket::bind(source(client, endpoint).unwrap_or(any))?;
    socket.connect(endpoint)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// The client's own address, if it can be ours too. 127.0.0.1 is what Linux takes anyway, and left to it has more
/// ports.
fn source(client: IpAddr, endpoint: SocketAddr) -> Option<SocketAddr> {
    match client {
        IpAddr::V4(address) if address.is_loopback() && address != Ipv4Addr::LOCALHOST => {
            endpoint.is_ipv4().then(|| SocketAddr::new(client, 0))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// Sets up a connection to be carried: nothing waits for more to come, and a peer that vanished is found.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE.0).with_interval(KEEPALIVE.1);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Ends a connection so that the peer learns that it broke, and does not take it for the end of what was sent.
pub(super) fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection ends without a reset");
    }
    drop(stream);
}
