//! Endpoints and endpoint slices.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::meta::object_mut;

use super::fields::{fill, fill_absent, items, same};

const HOSTNAME: &str = "kubernetes.io/hostname";

/// Fills in the protocols of ports.
pub(super) fn apply_endpoints(object: &mut Value) {
    for subset in items(object_mut(object), "subsets") {
        for port in items(subset, "ports") {
            fill(port, "protocol", "TCP");
        }
    }
}

/// Fills in the names and protocols of ports.
pub(super) fn apply_slice(object: &mut Value) {
    for port in items(object_mut(object), "ports") {
        fill_absent(port, "name", "");
        fill_absent(port, "protocol", "TCP");
    }
}

/// Drops the deprecated topology of endpoints that are written; a node name that stood there stays known.
pub(super) fn drop_topology(object: &mut Value, old: Option<&Value>) {
    if old.is_some_and(|old| same(object.get("endpoints"), old.get("endpoints"))) {
        return;
    }
    let known: HashSet<&str> = old
        .and_then(|old| old.get("endpoints"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|endpoint| endpoint.get("deprecatedTopology")?.get(HOSTNAME)?.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    for endpoint in items(object_mut(object), "endpoints") {
        let Some(topology) = endpoint.remove("deprecatedTopology") else { continue };
        if let Some(node) = topology.get(HOSTNAME).and_then(Value::as_str).filter(|node| known.contains(node))
        {
            fill_absent(endpoint, "nodeName", node);
        }
    }
}
