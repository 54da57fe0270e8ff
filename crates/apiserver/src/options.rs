//! What the server is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Who decides what users may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorizationMode {
    /// Roles and bindings.
    #[default]
    Rbac,
    /// Everybody may do everything; for tests of other things.
    AlwaysAllow,
}

/// A range of addresses for Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceRange {
    /// The first address; the network itself.
    pub network: Ipv4Addr,
    /// The bits of the network.
    pub bits: u8,
}

/// What the server is started with; the flags of the same names say what each means.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where certificates and keys are kept.
    pub data_dir: PathBuf,
    /// `--bind-address` and `--secure-port`; port 0 is any that is free.
    pub bind: SocketAddr,
    /// `--advertise-address`, where clients in the cluster reach the server.
    pub advertise: Option<IpAddr>,
    /// `--tls-cert-file` and `--tls-private-key-file`; made by the own authority if not given.
    pub serving: Option<(PathBuf, PathBuf)>,
    /// `--client-ca-file`; the own authority if not given.
    pub client_ca_file: Option<PathBuf>,
    /// `--token-auth-file`.
    pub token_auth_file: Option<PathBuf>,
    /// `--anonymous-auth`: whether requests that show nothing are let in as `system:anonymous`.
    pub anonymous_auth: bool,
    /// `--authorization-mode`.
    pub authorization: AuthorizationMode,
    /// `--service-cluster-ip-range`.
    pub service_range: ServiceRange,
    /// `--service-node-port-range`.
    pub node_ports: std::ops::RangeInclusive<u16>,
    /// `--service-account-issuer`.
    pub issuer: String,
    /// `--api-audiences`; the issuer if empty.
    pub audiences: Vec<String>,
    /// `--service-account-signing-key-file`; made if not given.
    pub signing_key_file: Option<PathBuf>,
    /// `--service-account-key-file`: more keys that tokens are verified with.
    pub key_files: Vec<PathBuf>,
    /// `--event-ttl` in seconds.
    pub event_ttl_seconds: i64,
    /// `--etcd-compaction-interval` in seconds; 0 never.
    pub compaction_seconds: u64,
    /// `--kubelet-certificate-authority` and others come with the node; names for the serving certificate.
    pub extra_names: Vec<String>,
}

impl Options {
    /// Returns the defaults of a server on loopback whose certificates are below `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 6443)),
            advertise: None,
            serving: None,
            client_ca_file: None,
            token_auth_file: None,
            anonymous_auth: true,
            authorization: AuthorizationMode::default(),
            service_range: ServiceRange { network: Ipv4Addr::new(10, 96, 0, 0), bits: 16 },
            node_ports: 30_000..=32_767,
            issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
            audiences: Vec::new(),
            signing_key_file: None,
            key_files: Vec::new(),
            event_ttl_seconds: 3600,
            compaction_seconds: 300,
            extra_names: Vec::new(),
        }
    }
}

/// What of the options requests need to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where the server listens, as `host:port`.
    pub(crate) address: String,
    /// Where clients in the cluster reach it.
    pub(crate) advertise: IpAddr,
    /// The certificate of the authority, PEM.
    pub(crate) authority: String,
    pub(crate) event_ttl_seconds: i64,
    pub(crate) service_range: ServiceRange,
    pub(crate) node_ports: std::ops::RangeInclusive<u16>,
}

impl ServiceRange {
    /// Returns how many addresses can be given out: not the network and not the broadcast address.
    pub fn size(self) -> u32 {
        let host_bits = 32 - u32::from(self.bits.min(30));
        (1_u32 << host_bits.min(31)) - 2
    }

    /// Returns an address by its number, from 1.
    pub fn address(self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network).wrapping_add(number))
    }

    /// Returns whether an address is of the range.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(u32::from(self.network));
        (1..=self.size()).contains(&offset)
    }

    /// Returns the address of the API itself: the first.
    pub fn first(self) -> Ipv4Addr {
        self.address(1)
    }
}

impl std::str::FromStr for ServiceRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a range of IPv4 addresses such as 10.96.0.0/16");
        let (network, bits) = text.split_once('/').ok_or_else(bad)?;
        let network: Ipv4Addr = network.parse().map_err(|_| bad())?;
        let bits: u8 = bits.parse().map_err(|_| bad())?;
        if !(12..=30).contains(&bits) {
            return Err(format!("{text:?}: the range must have between 12 and 30 bits of network"));
        }
        let mask = u32::MAX << (32 - u32::from(bits));
        if u32::from(network) & !mask != 0 {
            return Err(format!("{text:?} is not the beginning of a network"));
        }
        Ok(Self { network, bits })
    }
}

impl std::fmt::Display for ServiceRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_networks() {
        let range: ServiceRange = "10.96.0.0/24".parse().expect("a range");
        assert_eq!((range.size(), range.first()), (254, Ipv4Addr::new(10, 96, 0, 1)));
        assert!(
            range.contains(Ipv4Addr::new(10, 96, 0, 254)) && !range.contains(Ipv4Addr::new(10, 96, 0, 255))
        );
        assert!(!range.contains(Ipv4Addr::new(10, 96, 0, 0)) && !range.contains(Ipv4Addr::new(10, 96, 1, 1)));
        for bad in ["10.96.0.0", "10.96.0.1/24", "10.0.0.0/8", "10.0.0.0/31", "::/64"] {
            assert!(bad.parse::<ServiceRange>().is_err(), "{bad}");
        }
    }
}
