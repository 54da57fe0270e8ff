//! From addresses back to names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use hickory_proto::rr::{Name, RecordType};
use ipnet::{IpNet, Ipv4Net};
use stanchion_informers::Key;

/// The addresses that are never asked for elsewhere.
const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
/// The reverse name of [`LOOPBACK`].
static ZONE: LazyLock<Name> = LazyLock::new(|| Name::from_ascii("127.in-addr.arpa.").expect("a name"));

/// The zone of the addresses that are never asked for elsewhere.
pub(super) fn zone() -> &'static Name {
    &ZONE
}

/// What stands at a reverse name.
#[derive(Debug)]
pub(super) enum Node {
    /// The top of the zone of 127.0.0.0/8.
    Apex,
    /// An address with these names.
    Known(Vec<Name>),
    /// Addresses below it have names.
    Between,
    Missing,
    /// Not of this cluster.
    Foreign,
}

/// The names of each address.
#[derive(Debug, Clone, Default)]
pub(super) struct Reverse {
    names: BTreeMap<IpAddr, BTreeSet<(Key, Name)>>,
    addresses: HashMap<Key, Vec<IpAddr>>,
}

impl Reverse {
    pub(super) fn insert(&mut self, address: IpAddr, service: &Key, name: Name) {
        if self.names.entry(address).or_default().insert((service.clone(), name)) {
            self.addresses.entry(service.clone()).or_default().push(address);
        }
    }

    /// Forgets what a Service had.
    pub(super) fn remove(&mut self, service: &Key) {
        for address in self.addresses.remove(service).unwrap_or_default() {
            if let Some(names) = self.names.get_mut(&address) {
                names.retain(|(owner, _)| owner != service);
                if names.is_empty() {
                    self.names.remove(&address);
                }
            }
        }
    }

    /// What stands at a name, enough of it to answer a type.
    pub(super) fn node(&self, name: &Name, kind: RecordType) -> Node {
        let Ok(network) = name.parse_arpa_name() else {
            return if zone().zone_of(name) { Node::Missing } else { Node::Foreign };
        };
        if network == IpNet::V4(LOOPBACK) {
            return Node::Apex;
        }
        let ours = LOOPBACK.contains(&network_v4(network));
        if network.prefix_len() == network.max_prefix_len() {
            if network.addr() == Ipv4Addr::LOCALHOST {
                return Node::Known(localhost());
            }
            return match self.names.get(&network.addr()) {
                // Of an address elsewhere no more is known than its names.
                Some(names) if ours || matches!(kind, RecordType::PTR | RecordType::ANY) => {
                    Node::Known(names.iter().map(|(_, name)| name.clone()).collect())
                }
                None if ours => Node::Missing,
                Some(_) | None => Node::Foreign,
            };
        }
        if !ours {
            return Node::Foreign;
        }
        let localhost = network.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST));
        let below = self.names.range(network.network()..=network.broadcast()).next().is_some();
        if below || localhost { Node::Between } else { Node::Missing }
    }
}

/// An IPv6 network is none of IPv4's.
fn network_v4(network: IpNet) -> Ipv4Net {
    match network {
        IpNet::V4(network) => network,
        IpNet::V6(_) => Ipv4Net::default(),
    }
}

fn localhost() -> Vec<Name> {
    Name::from_ascii("localhost.").into_iter().collect()
}
