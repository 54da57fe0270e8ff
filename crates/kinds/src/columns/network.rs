//! The columns of Services, of what is behind them and of what is before them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::read::{Read, Shortened, join, or, scalar, strings};
use super::{Column, Columns, age, selector};

/// Returns the columns of a kind of this file that is in a group of its own.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "EndpointSlice" => &ENDPOINT_SLICE,
        "Ingress" => &INGRESS,
        "IngressClass" => &INGRESS_CLASS,
        "NetworkPolicy" => &NETWORK_POLICY,
        "IPAddress" => &IP_ADDRESS,
        "ServiceCIDR" => &SERVICE_CIDR,
        _ => return None,
    })
}

pub(super) static SERVICE: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Type", "How the service can be reached."),
        Column::text("Cluster-IP", "Its address within the cluster."),
        Column::text("External-IP", "Its addresses outside."),
        Column::text("Port(s)", "Its ports."),
        Column::age(),
        Column::wide("Selector", "The labels of the Pods behind it."),
    ],
    |service, now| {
        let first = service.list("spec.clusterIPs").first().and_then(Value::as_str).unwrap_or("");
        vec![
            service.text("metadata.name").into(),
            service.text("spec.type").into(),
            or(or(first, service.text("spec.clusterIP")), "<none>").into(),
            external_addresses(service).into(),
            or(&service_ports(service), "<none>").into(),
            age::of(service, now).into(),
            selector::labels(service.at("spec.selector")).into(),
        ]
    },
);

fn external_addresses(service: &Value) -> String {
    let fixed = strings(service.list("spec.externalIPs"));
    match service.text("spec.type") {
        "ClusterIP" | "NodePort" => or(&fixed, "<none>").to_owned(),
        "LoadBalancer" => match (load_balancer(service), fixed) {
            (balanced, fixed) if balanced.is_empty() => or(&fixed, "<pending>").to_owned(),
            (balanced, fixed) if fixed.is_empty() => balanced,
            (balanced, fixed) => format!("{balanced},{fixed}"),
        },
        "ExternalName" => service.text("spec.externalName").to_owned(),
        _ => age::UNKNOWN.to_owned(),
    }
}

/// Returns the addresses of the load balancer in order, each once.
fn load_balancer(object: &Value) -> String {
    let ingress = object.list("status.loadBalancer.ingress").iter();
    let addresses: BTreeSet<&str> =
        ingress.map(|point| or(point.text("ip"), point.text("hostname"))).collect();
    join(addresses.into_iter().filter(|address| !address.is_empty()), ",")
}

fn service_ports(service: &Value) -> String {
    let show = |port: &Value| {
        let (number, protocol) = (port.int("port"), port.text("protocol"));
        match port.int("nodePort") {
            node_port @ 1.. => format!("{number}:{node_port}/{protocol}"),
            ..=0 => format!("{number}/{protocol}"),
        }
    };
    service.list("spec.ports").iter().map(show).collect::<Vec<_>>().join(",")
}

pub(super) static ENDPOINTS: Columns = Columns::known(
    &[Column::name(), Column::text("Endpoints", "The addresses behind the service."), Column::age()],
    |endpoints, now| {
        vec![
            endpoints.text("metadata.name").into(),
            subsets(endpoints).into(),
            age::of(endpoints, now).into(),
        ]
    },
);

fn subsets(endpoints: &Value) -> String {
    let subsets = endpoints.list("subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut shown = Shortened::new(3);
    for subset in subsets {
        let (addresses, ports) = (subset.list("addresses"), subset.list("ports"));
        if ports.is_empty() {
            for address in addresses {
                shown.add(|| address.text("ip").to_owned());
            }
        }
        for port in ports {
            for address in addresses {
                shown.add(|| host_port(address.text("ip"), port.int("port")));
            }
        }
    }
    shown.join(",", "")
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

static ENDPOINT_SLICE: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("AddressType", "What the addresses are."),
        Column::text("Ports", "The ports of each endpoint."),
        Column::text("Endpoints", "The addresses of the endpoints."),
        Column::age(),
    ],
    |slice, now| {
        let (mut ports, mut addresses) = (Shortened::new(3), Shortened::new(3));
        for port in slice.list("ports") {
            ports.add(|| scalar(port.at("port"), port.at("name").as_str().unwrap_or("*")));
        }
        for address in slice.list("endpoints").iter().flat_map(|endpoint| endpoint.list("addresses")) {
            addresses.add(|| address.as_str().unwrap_or("").to_owned());
        }
        vec![
            slice.text("metadata.name").into(),
            slice.text("addressType").into(),
            ports.join(",", "<unset>").into(),
            addresses.join(",", "<unset>").into(),
            age::of(slice, now).into(),
        ]
    },
);

static INGRESS: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Class", "The class that implements it."),
        Column::text("Hosts", "The hosts it serves."),
        Column::text("Address", "Where it can be reached."),
        Column::text("Ports", "The ports it opens."),
        Column::age(),
    ],
    |ingress, now| {
        let encrypted = !ingress.list("spec.tls").is_empty();
        vec![
            ingress.text("metadata.name").into(),
            ingress.at("spec.ingressClassName").as_str().unwrap_or("<none>").into(),
            hosts(ingress.list("spec.rules")).into(),
            load_balancer(ingress).into(),
            if encrypted { "80, 443" } else { "80" }.into(),
            age::of(ingress, now).into(),
        ]
    },
);

/// Returns the first three hosts. Once there are more rules the rest is counted in rules, with hosts or without.
fn hosts(rules: &[Value]) -> String {
    let named = |rule: &&Value| !rule.text("host").is_empty();
    let shown: Vec<&str> = rules.iter().filter(named).take(3).map(|rule| rule.text("host")).collect();
    let third = rules.iter().enumerate().filter(|(_, rule)| named(rule)).nth(2);
    match third {
        _ if shown.is_empty() => "*".to_owned(),
        Some((index, _)) if index + 1 < rules.len() => {
            format!("{} + {} more...", shown.join(","), rules.len() - 3)
        }
        _ => shown.join(","),
    }
}

static INGRESS_CLASS: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Controller", "What implements the class."),
        Column::text("Parameters", "The object that says more of it."),
        Column::age(),
    ],
    |class, now| {
        vec![
            class.text("metadata.name").into(),
            class.text("spec.controller").into(),
            class_parameters(class.at("spec.parameters")).into(),
            age::of(class, now).into(),
        ]
    },
);

fn class_parameters(parameters: &Value) -> String {
    if !parameters.is_object() {
        return "<none>".to_owned();
    }
    let (kind, name) = (parameters.text("kind"), parameters.text("name"));
    match parameters.at("apiGroup").as_str() {
        Some(group) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

static NETWORK_POLICY: Columns = Columns::known(
    &[Column::name(), Column::text("Pod-Selector", "The labels of the Pods it is about."), Column::age()],
    |policy, now| {
        let selected = policy.at("spec.podSelector");
        vec![
            policy.text("metadata.name").into(),
            selector::selector(selected).into(),
            age::of(policy, now).into(),
        ]
    },
);

// The server sends the age too, but no column for it, so clients never show it.
static IP_ADDRESS: Columns = Columns::known(
    &[Column::name(), Column::text("ParentRef", "The object that has the address.")],
    |address, _| vec![address.text("metadata.name").into(), parent(address.at("spec.parentRef")).into()],
);

fn parent(parent: &Value) -> String {
    if !parent.is_object() {
        return "<none>".to_owned();
    }
    let mut text = parent.text("resource").to_lowercase();
    for (separator, part) in
        [('.', parent.text("group").to_lowercase().as_str()), ('/', parent.text("namespace"))]
    {
        if !part.is_empty() {
            text.push(separator);
            text.push_str(part);
        }
    }
    format!("{text}/{}", parent.text("name"))
}

static SERVICE_CIDR: Columns = Columns::known(
    &[Column::name(), Column::text("CIDRs", "The ranges addresses of services come from."), Column::age()],
    |range, now| {
        vec![
            range.text("metadata.name").into(),
            strings(range.list("spec.cidrs")).into(),
            age::of(range, now).into(),
        ]
    },
);
