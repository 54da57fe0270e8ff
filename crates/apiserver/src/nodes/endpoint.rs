//! Where a node is reached.

use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, meta};

/// The kinds of addresses that are tried, the best first.
const PREFERRED: [&str; 2] = ["InternalIP", "Hostname"];

/// Where a node is reached, and as whom it has to show itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    name: String,
    host: String,
    port: u16,
}

impl Endpoint {
    /// Reads it from the status of a node.
    pub(crate) fn of(node: &Value) -> Result<Self, Status> {
        let name = meta::name(node).to_owned();
        let port = node.pointer("/status/daemonEndpoints/kubeletEndpoint/Port").and_then(Value::as_u64);
        let Some(port) = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0) else {
            let text =
                format!("node {name:?} offers neither logs nor commands: its status names no port for them");
            return Err(Status::new(Reason::ServiceUnavailable, text));
        };
        let known: Vec<(&str, &str)> = node
            .pointer("/status/addresses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry["type"].as_str()?, entry["address"].as_str()?)))
            .collect();
        let best = PREFERRED.iter().find_map(|wanted| known.iter().find(|(kind, _)| kind == wanted));
        let Some((_, host)) = best else {
            let text = format!("node {name:?}: no preferred addresses found; known addresses: {known:?}");
            return Err(Status::new(Reason::ServiceUnavailable, text));
        };
        Ok(Self { name, host: (*host).to_owned(), port })
    }

    /// Returns the name that the node's certificate has to be for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns host and port as they stand in a URL.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_internal_address_comes_first() {
        let mut node = json!({"metadata": {"name": "a"}, "status": {
            "addresses": [{"type": "Hostname", "address": "a.example"}, {"type": "InternalIP", "address": "::1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        }});
        let endpoint = Endpoint::of(&node).expect("reachable");
        assert_eq!((endpoint.name(), endpoint.address().as_str()), ("a", "[::1]:10250"));
        node["status"]["addresses"][1]["type"] = json!("ExternalIP");
        assert_eq!(Endpoint::of(&node).expect("reachable").address(), "a.example:10250");
        node["status"]["addresses"] = json!([]);
        assert!(Endpoint::of(&node).expect_err("no address").message.contains("no preferred addresses"));
        node["status"]["daemonEndpoints"] = json!({});
        assert!(Endpoint::of(&node).expect_err("no port").message.contains("names no port"));
    }
}
