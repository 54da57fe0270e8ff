//! What the proxy and DNS know of a Service, pure: the Service and its `EndpointSlices`, read once into types that
//! hold only what is valid.
//!
//! Readiness is what the slices say, as everywhere in Kubernetes: their controller lets `publishNotReadyAddresses`
//! stand as ready. What is not supported becomes a [`Problem`], to be told on the Service; the rest still works.

mod read;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use stanchion_informers::Key;

/// The label of an `EndpointSlice` that names its Service.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Returns the Service that a slice belongs to. `None`: to no Service.
pub fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    Some(Key::new(slice.metadata.namespace.clone()?, service.clone()))
}

/// The protocols that are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// How a Service is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// By addresses of its own.
    Addresses(Vec<IpAddr>),
    /// By the addresses of its members, through DNS alone.
    Headless,
    /// Under another name, through DNS alone.
    External(String),
}

/// Which endpoints may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficPolicy {
    Cluster,
    /// Only those of the client's own node.
    Local,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Empty for the only port of a Service.
    pub name: String,
    pub protocol: Protocol,
    pub number: u16,
    /// Its port at the address of the node.
    pub on_node: Option<u16>,
}

/// Whether an endpoint takes new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    Ready,
    /// Is ending, but still serves: taken only if nobody is ready.
    Draining,
    NotReady,
}

/// A member of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: IpAddr,
    pub hostname: Option<String>,
    pub state: EndpointState,
    pub node: Option<String>,
    /// By the names of the Service's ports.
    pub ports: Vec<EndpointPort>,
}

/// Where an endpoint listens for a port of its Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPort {
    pub name: String,
    pub protocol: Protocol,
    pub number: u16,
}

impl Endpoint {
    /// The label of its DNS name: its hostname, else its address with dashes.
    pub fn label(&self) -> String {
        match (&self.hostname, self.address) {
            (Some(hostname), _) => hostname.to_ascii_lowercase(),
            (None, IpAddr::V4(address)) => address.to_string().replace('.', "-"),
            (None, IpAddr::V6(address)) => address.to_string().replace(':', "-"),
        }
    }
}

/// A Service and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub key: Key,
    pub uid: String,
    pub reach: Reach,
    pub ports: Vec<Port>,
    /// For how long a client stays with its endpoint.
    pub affinity: Option<Duration>,
    /// For connections to its own addresses.
    pub internal: TrafficPolicy,
    /// For connections to its node ports.
    pub external: TrafficPolicy,
    /// In order of their addresses, each once.
    pub endpoints: Vec<Endpoint>,
    pub problems: Vec<Problem>,
}

/// What is asked for in a Service, and cannot be had here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A port speaks a protocol that is not carried.
    Protocol { port: i32, protocol: String },
    /// A field does not hold what the API promises.
    Malformed { field: &'static str, text: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol { port, protocol } => {
                write!(
                    f,
                    "port {port} is not served: protocol {protocol} is not supported here, only TCP and UDP"
                )
            }
            Self::Malformed { field, text } => write!(f, "{field} {text:?} is left out: it cannot be read"),
        }
    }
}
