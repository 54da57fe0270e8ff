//! Which endpoint a client gets, pure.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use crate::routes::Route;

/// How many endpoints are tried before a client is refused.
const TRIES: usize = 3;
/// Clients whose endpoint is remembered, for each frontend: about half a megabyte.
const CLIENTS: usize = 4096;

/// Takes endpoints in turn, and remembers whose clients they are if the Service asks for that.
#[derive(Debug, Default)]
pub(super) struct Balancer {
    turn: usize,
    clients: HashMap<IpAddr, Held>,
}

#[derive(Debug)]
struct Held {
    backend: SocketAddr,
    last: Instant,
}

impl Balancer {
    /// Returns the endpoints to try, in this order.
    pub(super) fn candidates(&mut self, route: &Route, client: IpAddr, now: Instant) -> Vec<SocketAddr> {
        let held = route.affinity.and_then(|time| {
            let held = self.clients.get(&client)?;
            (now < held.last + time && route.backends.contains(&held.backend)).then_some(held.backend)
        });
        let count = route.backends.len();
        let first = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let others = (0..count).filter_map(|step| route.backends.get(first.wrapping_add(step) % count));
        let others = others.copied().filter(|backend| Some(*backend) != held);
        held.into_iter().chain(others).take(TRIES).collect()
    }

    /// Records which endpoint a client got.
    pub(super) fn keep(&mut self, route: &Route, client: IpAddr, backend: SocketAddr, now: Instant) {
        let Some(time) = route.affinity else { return self.clients.clear() };
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&client) {
            self.clients.retain(|_, held| now < held.last + time);
            if self.clients.len() >= CLIENTS {
                let oldest = self.clients.iter().min_by_key(|(_, held)| held.last).map(|(client, _)| *client);
                oldest.and_then(|oldest| self.clients.remove(&oldest));
            }
        }
        self.clients.insert(client, Held { backend, last: now });
    }

    /// Forgets the endpoint of a client: it does not answer.
    pub(super) fn forget(&mut self, client: IpAddr) {
        self.clients.remove(&client);
    }
}
