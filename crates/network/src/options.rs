//! How the network is run.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

pub use crate::dns::Upstreams;
use crate::zone::DomainError;

/// How the network is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where cluster DNS is served, over UDP and TCP. `None`: not at all.
    pub dns_address: Option<SocketAddr>,
    /// The domain of the cluster's names.
    pub cluster_domain: String,
    /// Where names outside of the cluster are asked for.
    pub upstreams: Upstreams,
    /// Whether Services are carried to their endpoints.
    pub proxy: bool,
    /// The address of node ports.
    pub node_address: IpAddr,
    /// The node that traffic policies `Local` mean. `None`: every endpoint counts as local, as on a single node.
    pub node: Option<String>,
    /// TCP connections through Services at a time. Each takes two descriptors.
    pub connections: usize,
    /// TCP connections through one Service at a time.
    pub connections_per_service: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dns_address: None,
            cluster_domain: "cluster.local".to_owned(),
            upstreams: Upstreams::default(),
            proxy: true,
            node_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            node: None,
            connections: 8192,
            connections_per_service: 4096,
        }
    }
}

/// Why the network cannot be run.
#[derive(Debug, Error)]
pub enum NetworkError {
    #[error(transparent)]
    Domain(#[from] DomainError),
    #[error("cannot serve cluster DNS on {address}: {}", hint(source))]
    Dns {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// What a person can do about an address that cannot be had.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "something else listens there or on this port of all addresses",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need root, CAP_NET_BIND_SERVICE or a lower sysctl net.ipv4.ip_unprivileged_port_start"
        }
        io::ErrorKind::AddrNotAvailable => "the address is not one of this machine; take one of 127.0.0.0/8",
        _ => "the address cannot be had",
    }
}
