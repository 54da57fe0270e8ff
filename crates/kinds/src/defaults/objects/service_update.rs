//! Services that are updated: what a client did not repeat stays, what its new type cannot have goes.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::fields::{child, is_unset, items, same, text};
use super::service::{
    has_items, is_externally_accessible, needs_cluster_ip, needs_health_check, needs_node_ports,
};

/// Carries over what was allocated and drops what was kept by accident.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    let Some(old) = old.get("spec").and_then(Value::as_object) else { return };
    let spec = child(new, "spec");
    keep_allocated(spec, old);
    sync_addresses(spec, old);
    wipe_dependent(spec, old);
}

fn keep_allocated(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    if needs_cluster_ip(old) && needs_cluster_ip(spec) {
        if is_unset(spec, "clusterIP") {
            take(spec, old, "clusterIP");
        }
        if !has_items(spec, "clusterIPs") && has_items(old, "clusterIPs") {
            take(spec, old, "clusterIPs");
        }
    }
    if needs_node_ports(old) && needs_node_ports(spec) {
        keep_node_ports(spec, old);
    }
    if needs_health_check(old) && needs_health_check(spec) && number(spec, "healthCheckNodePort") == 0 {
        take(spec, old, "healthCheckNodePort");
    }
}

fn keep_node_ports(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    let before: HashSet<i64> = ports(old).map(|port| number(port, "nodePort")).collect();
    let mut used: HashSet<i64> =
        ports(spec).map(|port| number(port, "nodePort")).filter(|port| before.contains(port)).collect();
    let by_name: HashMap<&str, i64> =
        ports(old).map(|port| (text(port, "name"), number(port, "nodePort"))).collect();
    for port in items(spec, "ports") {
        if number(port, "nodePort") != 0 {
            continue;
        }
        let known = by_name.get(text(port, "name")).copied().unwrap_or(0);
        if known != 0 && used.insert(known) {
            port.insert("nodePort".to_owned(), known.into());
        }
    }
}

/// Drops fields a new type has no use for, if the client sent them back unchanged.
fn wipe_dependent(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    if needs_cluster_ip(old) && !needs_cluster_ip(spec) {
        if unchanged(spec, old, "clusterIP") && unchanged(spec, old, "clusterIPs") {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        wipe_unchanged(spec, old, "ipFamilies");
        wipe_unchanged(spec, old, "ipFamilyPolicy");
    }
    if needs_node_ports(old) && !needs_node_ports(spec) {
        let node_ports = |spec: &Map<String, Value>| -> HashSet<i64> {
            ports(spec).map(|port| number(port, "nodePort")).filter(|port| *port != 0).collect()
        };
        if node_ports(old) == node_ports(spec) {
            for port in items(spec, "ports") {
                port.remove("nodePort");
            }
        }
    }
    if needs_health_check(old) && !needs_health_check(spec) {
        wipe_unchanged(spec, old, "healthCheckNodePort");
    }
    if text(old, "type") == "LoadBalancer" && text(spec, "type") != "LoadBalancer" {
        wipe_unchanged(spec, old, "allocateLoadBalancerNodePorts");
        wipe_unchanged(spec, old, "loadBalancerClass");
    }
    if is_externally_accessible(old) && !is_externally_accessible(spec) {
        wipe_unchanged(spec, old, "externalTrafficPolicy");
    }
}

/// Lets clients that know only one of `clusterIP` and `clusterIPs` change it.
fn sync_addresses(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    let was = text(old, "clusterIP");
    let is = text(spec, "clusterIP").to_owned();
    if has_items(old, "clusterIPs") && !has_items(spec, "clusterIPs") && was == is {
        take(spec, old, "clusterIPs");
    }
    if was == is || !unchanged(spec, old, "clusterIPs") {
        return;
    }
    if is.is_empty() {
        spec.remove("clusterIPs");
    } else {
        spec.insert("clusterIPs".to_owned(), json!([is]));
    }
}

fn ports(spec: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    spec.get("ports").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn number(fields: &Map<String, Value>, key: &str) -> i64 {
    fields.get(key).and_then(Value::as_i64).unwrap_or(0)
}

fn unchanged(spec: &Map<String, Value>, old: &Map<String, Value>, key: &str) -> bool {
    same(spec.get(key), old.get(key))
}

fn wipe_unchanged(spec: &mut Map<String, Value>, old: &Map<String, Value>, key: &str) {
    if unchanged(spec, old, key) {
        spec.remove(key);
    }
}

fn take(spec: &mut Map<String, Value>, old: &Map<String, Value>, key: &str) {
    if let Some(value) = old.get(key) {
        spec.insert(key.to_owned(), value.clone());
    }
}
