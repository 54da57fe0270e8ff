//! What a node is started with.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;
use stanchion_node_core::capacity::{MAX_PODS, Reserved};
use stanchion_node_core::eviction::{self, Threshold};
use stanchion_node_core::images::Table;

/// With what the node shows who it is, and by what it knows who asks.
#[derive(Clone)]
pub struct Credentials {
    /// The serving certificate, PEM; for the name of the node.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// The authority of clients, PEM; without one nobody may ask for logs and commands.
    pub authority: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the node.
    pub name: String,
    /// The directory of containers, volumes and logs; made if missing. One node at a time.
    pub state: PathBuf,
    /// With what the node serves logs, commands and what it says of itself.
    pub credentials: Credentials,
    /// Where it serves them; port 0 is any that is free.
    pub bind: SocketAddr,
    /// The address of the node, as others reach it.
    pub address: IpAddr,
    /// Directories of this machine that containers do not see, besides that of the node.
    pub hidden: Vec<PathBuf>,
    /// The addresses of its Pods.
    pub pod_range: Ipv4Net,
    /// The servers of the cluster's DNS; without any, Pods ask those of the machine.
    pub cluster_dns: Vec<IpAddr>,
    /// The domain of the cluster.
    pub cluster_domain: String,
    /// Labels besides the usual ones.
    pub labels: BTreeMap<String, String>,
    /// How many Pods may run.
    pub max_pods: i64,
    /// Which programs images stand for.
    pub images: Table,
    /// What of the machine is not for Pods, besides what has to stay free.
    pub reserved: Reserved,
    /// What has to stay free, or Pods are evicted.
    pub eviction: Vec<Threshold>,
    /// Whether the API server knows the node by a certificate, which is not renewed by the node.
    pub shows_certificate: bool,
    /// The longest time that a container which fails waits before it is started again.
    pub max_restart_delay: Duration,
    /// The program whose `main` calls `stanchion_sandbox::helper_main`.
    pub program: PathBuf,
    /// The cgroup of all Pods; different for each state directory.
    pub cgroup_parent: String,
}

impl Options {
    /// Returns the usual choices for a node on loopback.
    pub fn new(name: impl Into<String>, state: impl Into<PathBuf>, credentials: Credentials) -> Self {
        let state = state.into();
        let cgroup_parent = format!("/stanchion/{}", fingerprint(&state));
        Self {
            name: name.into(),
            state,
            credentials,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 10250)),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            hidden: Vec::new(),
            pod_range: Ipv4Net::new_assert(Ipv4Addr::new(127, 64, 0, 0), 24),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            labels: BTreeMap::new(),
            max_pods: MAX_PODS,
            images: Table::default(),
            reserved: Reserved::default(),
            eviction: eviction::defaults(),
            shows_certificate: false,
            max_restart_delay: Duration::from_mins(5),
            program: PathBuf::from("/proc/self/exe"),
            cgroup_parent,
        }
    }
}

/// Returns a short name for a directory that is the same each time (FNV-1a of its path).
fn fingerprint(path: &std::path::Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let bytes = path.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
