//! Cluster DNS: answers for the cluster's own names, asks the host's resolvers for all others.
//!
//! ```text
//!  UDP, TCP --bytes--> Request --walk(Zone)--> reply
//!                                   | a foreign name
//!                                   v
//!                              Forwarder --> the resolvers of /etc/resolv.conf
//! ```
//!
//! The zone is written by the task that follows the API and only read here. A question about the cluster is answered
//! at once by the task that received it; questions that go elsewhere are bounded in number, and answered with a
//! failure beyond that, so that they cannot hold up the others.

mod forward;
mod request;
mod resolver;
mod tcp;
mod udp;
mod upstreams;
mod walk;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::resolver::Resolver;
pub use self::upstreams::Upstreams;
use crate::zone::Zone;

/// The sockets of cluster DNS, open and not yet served.
#[derive(Debug)]
pub(crate) struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
    resolver: Arc<Resolver>,
    upstreams: Upstreams,
}

impl Server {
    /// Opens an address for UDP and TCP. With port 0 both get the same one.
    pub(crate) async fn bind(
        address: SocketAddr,
        upstreams: Upstreams,
        zone: watch::Receiver<Zone>,
    ) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        let own = tcp.local_addr()?;
        let udp = UdpSocket::bind(own).await?;
        Ok(Self { udp, tcp, resolver: Arc::new(Resolver::new(zone, own)), upstreams })
    }

    /// Where it is.
    #[cfg(test)]
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Answers until `stop`, and waits until everything has ended.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let Self { udp, tcp, resolver, upstreams } = self;
        let tasks = TaskTracker::new();
        let forwarder = resolver.forwarder().servers();
        tasks.spawn(upstreams::follow(upstreams, resolver.own(), forwarder, stop.clone()));
        tasks.spawn(tcp::serve(tcp, Arc::clone(&resolver), tasks.clone(), stop.clone()));
        tasks.spawn(udp::serve(udp, resolver, tasks.clone(), stop));
        tasks.close();
        tasks.wait().await;
    }
}
