//! The one task that follows the API and lets the proxy and DNS know.

#[cfg(test)]
mod tests;

use kube::Client;
use stanchion_informers::Copies;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::Server;
use crate::follow::{Changed, Follower};
use crate::options::{NetworkError, Options};
use crate::proxy::{Limits, Proxy};
use crate::routes::Place;
use crate::trouble;
use crate::zone::Zone;

/// UDP flows of one port of a Service: each takes a descriptor.
const FLOWS: usize = 1024;

/// Runs the proxy and cluster DNS until `stop`.
///
/// Fails only at the start: if the domain is no name, or the address of DNS cannot be had. While the API cannot be
/// reached everything goes on as last known.
pub async fn run(
    client: Client,
    copies: &Copies,
    options: Options,
    stop: CancellationToken,
) -> Result<(), NetworkError> {
    let server = options.dns_address.map(|address| address.ip());
    let (zone, zones) = watch::channel(Zone::new(&options.cluster_domain, server)?);
    let tasks = TaskTracker::new();
    let mut is_dns = false;
    if let Some(address) = options.dns_address {
        let bound = Server::bind(address, options.upstreams.clone(), zones).await;
        let server = bound.map_err(|source| NetworkError::Dns { address, source })?;
        tasks.spawn(server.serve(stop.clone()));
        is_dns = true;
    }
    let (troubles, told) = trouble::channel();
    tasks.spawn(trouble::publish(client, told, stop.clone()));
    let follower = Follower::new(copies);
    tasks.close();

    let place =
        Place { node_address: options.node_address, node: options.node, reserved: options.dns_address };
    let limits = Limits {
        connections: options.connections,
        per_service: options.connections_per_service,
        flows: FLOWS,
    };
    let proxy = options.proxy.then(|| Proxy::new(place, limits, troubles, stop.child_token()));
    let mut network = Network { follower, zone: is_dns.then_some(zone), proxy };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = network.follow() => {}
    }
    if let Some(proxy) = network.proxy {
        proxy.close().await;
    }
    tasks.wait().await;
    Ok(())
}

/// What the task owns.
struct Network {
    follower: Follower,
    zone: Option<watch::Sender<Zone>>,
    proxy: Option<Proxy>,
}

impl Network {
    /// Looks at everything once, then at what changes; never ends.
    async fn follow(&mut self) {
        let changed = self.follower.changed().clone();
        let retries = self.proxy.as_ref().map(Proxy::retries).unwrap_or_default();
        self.follower.synced().await;
        while !changed.is_empty() {
            self.look(&changed.next().await);
        }
        if let Some(zone) = &self.zone {
            zone.send_modify(Zone::set_ready);
        }
        tracing::info!("the network knows all Services");
        loop {
            tokio::select! {
                change = changed.next() => self.look(&change),
                frontend = retries.next() => if let Some(proxy) = &mut self.proxy {
                    proxy.retry(frontend);
                },
            }
        }
    }

    /// Takes over what is there now.
    fn look(&mut self, change: &Changed) {
        match change {
            Changed::Service(key) => {
                let service = self.follower.service(key);
                if let Some(proxy) = &mut self.proxy {
                    proxy.apply(key, service.as_ref());
                }
                if let Some(zone) = &self.zone {
                    zone.send_modify(|zone| zone.put_service(key, service));
                }
            }
            Changed::Namespace(name) => {
                let exists = self.follower.has_namespace(name);
                if let Some(zone) = &self.zone {
                    zone.send_modify(|zone| zone.put_namespace(name, exists));
                }
            }
        }
        self.follower.changed().done(change);
    }
}
