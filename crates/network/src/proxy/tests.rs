//! With real sockets, on addresses of 127.0.0.0/8 that are chosen at random for each test.

mod tcp;
mod udp;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::services::tests::{ready, service, slice};
use crate::testing::{address, soon};
use crate::trouble;

/// A proxy for one Service at an address and port of its own.
struct Rig {
    proxy: Proxy,
    troubles: mpsc::Receiver<Trouble>,
    frontend: SocketAddr,
    protocol: &'static str,
    key: Key,
    more: Value,
}

impl Rig {
    fn new(protocol: &'static str) -> Self {
        Self::with(protocol, Limits { connections: 100, per_service: 50, flows: 4 })
    }

    fn with(protocol: &'static str, limits: Limits) -> Self {
        let place = Place { node_address: IpAddr::V4(address()), node: None, reserved: None };
        let (sender, troubles) = trouble::channel();
        Self {
            proxy: Proxy::new(place, limits, sender, CancellationToken::new()),
            troubles,
            frontend: SocketAddr::from((address(), 4000)),
            protocol,
            key: Key::new("default", "web"),
            more: json!({}),
        }
    }

    /// Lets the Service have these endpoints.
    fn set(&mut self, endpoints: &[SocketAddr]) {
        let port = json!({"name": "p", "port": self.frontend.port(), "protocol": self.protocol});
        let mut spec = json!({"clusterIP": self.frontend.ip(), "ports": [port]});
        for (field, value) in self.more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let slices: Vec<Value> = endpoints
            .iter()
            .map(|endpoint| {
                let port = json!({"name": "p", "port": endpoint.port(), "protocol": self.protocol});
                slice(&port, &[ready(&endpoint.ip().to_string())])
            })
            .collect();
        let service = service(&self.key.name, spec, &slices);
        self.proxy.apply(&self.key, Some(&service));
    }

    /// Opens what could not be opened at first.
    async fn retry(&mut self) {
        let retries = self.proxy.retries();
        let frontend = soon(retries.next()).await;
        self.proxy.retry(frontend);
    }
}
