//! Which address leads to which endpoints, pure.
//!
//! A Service with addresses has a [`Frontend`] for each address and port, and one for each node port. A frontend
//! without an endpoint that takes connections is not in the table: nothing listens there, so that clients are
//! refused at once instead of waiting.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stanchion_informers::Key;

use crate::services::{Endpoint, EndpointState, Port, Protocol, Reach, Service, TrafficPolicy};

/// Where clients connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    pub address: SocketAddr,
    pub protocol: Protocol,
}

impl fmt::Display for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.protocol.as_str())
    }
}

/// Where a frontend leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub service: Key,
    /// Of the Service, so that Events name the very object.
    pub uid: String,
    /// For how long a client stays with its endpoint.
    pub affinity: Option<Duration>,
    /// Never empty, sorted, each once.
    pub backends: Vec<SocketAddr>,
}

/// What routes depend on beside Services.
#[derive(Debug, Clone)]
pub struct Place {
    /// The address of node ports.
    pub node_address: IpAddr,
    /// The node that `Local` traffic policies mean. `None`: every endpoint counts as local.
    pub node: Option<String>,
    /// An address that something else of this process serves.
    pub reserved: Option<SocketAddr>,
}

/// Returns the routes of one Service.
pub fn routes(service: &Service, place: &Place) -> BTreeMap<Frontend, Route> {
    let Reach::Addresses(addresses) = &service.reach else { return BTreeMap::new() };
    let mut routes = BTreeMap::new();
    for port in &service.ports {
        let own = addresses.iter().map(|address| (SocketAddr::new(*address, port.number), service.internal));
        let node = port.on_node.map(|number| (SocketAddr::new(place.node_address, number), service.external));
        for (address, policy) in own.chain(node) {
            let backends = backends(service, port, address.is_ipv4(), policy, place);
            if backends.is_empty() || place.reserved == Some(address) {
                continue;
            }
            let route = Route {
                service: service.key.clone(),
                uid: service.uid.clone(),
                affinity: service.affinity,
                backends,
            };
            routes.insert(Frontend { address, protocol: port.protocol }, route);
        }
    }
    routes
}

/// Ready endpoints; if there is none, those that are ending but still serve.
fn backends(
    service: &Service,
    port: &Port,
    v4: bool,
    policy: TrafficPolicy,
    place: &Place,
) -> Vec<SocketAddr> {
    let here = |endpoint: &&Endpoint| match (policy, &place.node) {
        (TrafficPolicy::Local, Some(node)) => endpoint.node.as_ref() == Some(node),
        (TrafficPolicy::Local, None) | (TrafficPolicy::Cluster, _) => true,
    };
    let of = |state: EndpointState| {
        let endpoints = service.endpoints.iter().filter(here).filter(|endpoint| endpoint.state == state);
        let found = endpoints.filter(|endpoint| endpoint.address.is_ipv4() == v4).flat_map(|endpoint| {
            let ports = endpoint.ports.iter();
            let same = ports.filter(|own| own.name == port.name && own.protocol == port.protocol);
            same.map(|own| SocketAddr::new(endpoint.address, own.number))
        });
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let ready = of(EndpointState::Ready);
    if ready.is_empty() { of(EndpointState::Draining) } else { ready }
}

/// The routes of all Services.
///
/// Two Services may claim one frontend while one replaces the other; the first by name has it, the next one gets it
/// when that one lets go.
#[derive(Debug, Default)]
pub struct Table {
    claims: BTreeMap<Frontend, BTreeMap<Key, Arc<Route>>>,
    frontends: BTreeMap<Key, Vec<Frontend>>,
}

impl Table {
    /// Returns where a frontend leads now.
    pub fn get(&self, frontend: &Frontend) -> Option<&Arc<Route>> {
        self.claims.get(frontend)?.values().next()
    }

    /// Takes the routes of a Service in place of what it had. Returns the frontends that lead elsewhere now.
    pub fn put(&mut self, service: &Key, routes: BTreeMap<Frontend, Route>) -> Vec<Frontend> {
        let mut changed = Vec::new();
        let before = self.frontends.remove(service).unwrap_or_default();
        for frontend in before.into_iter().filter(|frontend| !routes.contains_key(frontend)) {
            let first = self.get(&frontend).cloned();
            if let Some(claims) = self.claims.get_mut(&frontend) {
                claims.remove(service);
                if claims.is_empty() {
                    self.claims.remove(&frontend);
                }
            }
            if self.get(&frontend) != first.as_ref() {
                changed.push(frontend);
            }
        }
        if !routes.is_empty() {
            self.frontends.insert(service.clone(), routes.keys().copied().collect());
        }
        for (frontend, route) in routes {
            let first = self.get(&frontend).cloned();
            self.claims.entry(frontend).or_default().insert(service.clone(), Arc::new(route));
            if self.get(&frontend) != first.as_ref() {
                changed.push(frontend);
            }
        }
        changed
    }
}
