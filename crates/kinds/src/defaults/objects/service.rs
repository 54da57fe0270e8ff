//! Services: defaults, and the shape of a new one.

use serde_json::{Map, Value, json};

use super::fields::{child, fill, fill_absent, items, text};

/// How long a client stays with its endpoint: three hours.
const AFFINITY_SECONDS: i64 = 10_800;

/// Fills in type, affinity, ports and traffic policies.
pub(super) fn apply(object: &mut Value) {
    let spec = child(object, "spec");
    fill(spec, "sessionAffinity", "None");
    apply_affinity(spec);
    fill(spec, "type", "ClusterIP");
    for port in items(spec, "ports") {
        apply_port(port);
    }
    if is_externally_accessible(spec) {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
    if needs_cluster_ip(spec) {
        fill_absent(spec, "internalTrafficPolicy", "Cluster");
    }
    if text(spec, "type") == "LoadBalancer" {
        fill_absent(spec, "allocateLoadBalancerNodePorts", true);
        apply_ip_modes(object);
    }
}

/// Takes the list of cluster addresses from a single one.
pub(super) fn prepare_create(object: &mut Value) {
    let spec = child(object, "spec");
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() && !has_items(spec, "clusterIPs") {
        spec.insert("clusterIPs".to_owned(), json!([address]));
    }
}

fn apply_affinity(spec: &mut Map<String, Value>) {
    match text(spec, "sessionAffinity") {
        "None" => drop(spec.remove("sessionAffinityConfig")),
        "ClientIP" => {
            let timeout =
                spec.get("sessionAffinityConfig").and_then(|c| c.get("clientIP")?.get("timeoutSeconds"));
            if timeout.is_none_or(Value::is_null) {
                let config = json!({ "clientIP": { "timeoutSeconds": AFFINITY_SECONDS } });
                spec.insert("sessionAffinityConfig".to_owned(), config);
            }
        }
        _ => {}
    }
}

fn apply_port(port: &mut Map<String, Value>) {
    fill(port, "protocol", "TCP");
    let target = port.get("targetPort");
    let is_unset = target.is_none_or(|t| t.is_null() || t.as_i64() == Some(0) || t.as_str() == Some(""));
    if let (true, Some(number)) = (is_unset, port.get("port").cloned()) {
        port.insert("targetPort".to_owned(), number);
    }
}

fn apply_ip_modes(object: &mut Value) {
    let status = object.get_mut("status").and_then(|status| status.get_mut("loadBalancer"));
    let Some(status) = status.and_then(Value::as_object_mut) else { return };
    for ingress in items(status, "ingress") {
        if !text(ingress, "ip").is_empty() {
            fill_absent(ingress, "ipMode", "VIP");
        }
    }
}

/// Returns whether a list has items.
pub(crate) fn has_items(fields: &Map<String, Value>, key: &str) -> bool {
    fields.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// Returns whether a Service can be reached from outside its cluster.
pub(crate) fn is_externally_accessible(spec: &Map<String, Value>) -> bool {
    match text(spec, "type") {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => has_items(spec, "externalIPs"),
        _ => false,
    }
}

/// Returns whether a Service has an address in its cluster.
pub(crate) fn needs_cluster_ip(spec: &Map<String, Value>) -> bool {
    matches!(text(spec, "type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Returns whether the ports of a Service are open on nodes.
pub(crate) fn needs_node_ports(spec: &Map<String, Value>) -> bool {
    match text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true),
        _ => false,
    }
}

/// Returns whether a load balancer asks nodes if they have endpoints of a Service.
pub(crate) fn needs_health_check(spec: &Map<String, Value>) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}
