//! From the API's objects to [`Service`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Service as ServiceObject, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointConditions, EndpointSlice};

use stanchion_informers::Key;

use super::{Endpoint, EndpointPort, EndpointState, Port, Problem, Protocol, Reach, Service, TrafficPolicy};

/// Of a Service with affinity that names no time: three hours, as the API's default.
const DEFAULT_AFFINITY: Duration = Duration::from_hours(3);

impl Service {
    /// Reads a Service and its slices.
    pub fn read<'a>(service: &ServiceObject, slices: impl IntoIterator<Item = &'a EndpointSlice>) -> Self {
        let nothing = ServiceSpec::default();
        let spec = service.spec.as_ref().unwrap_or(&nothing);
        let mut problems = Vec::new();
        let reach = reach(spec, &mut problems);
        let ports = spec.ports.iter().flatten().filter_map(|port| self::port(port, &mut problems)).collect();
        let mut endpoints = Endpoints::default();
        for slice in slices {
            endpoints.add(slice, &mut problems);
        }
        Self {
            key: Key::of(service),
            uid: service.metadata.uid.clone().unwrap_or_default(),
            reach,
            ports,
            affinity: affinity(spec),
            internal: policy(spec.internal_traffic_policy.as_deref()),
            external: policy(spec.external_traffic_policy.as_deref()),
            endpoints: endpoints.by_address.into_values().collect(),
            problems,
        }
    }
}

fn reach(spec: &ServiceSpec, problems: &mut Vec<Problem>) -> Reach {
    if spec.type_.as_deref() == Some("ExternalName") {
        return Reach::External(spec.external_name.clone().unwrap_or_default());
    }
    let one = spec.cluster_ip.iter();
    let texts: Vec<&String> = match &spec.cluster_ips {
        Some(all) if !all.is_empty() => all.iter().collect(),
        _ => one.collect(),
    };
    if texts.iter().any(|text| *text == "None") {
        return Reach::Headless;
    }
    Reach::Addresses(
        texts.into_iter().filter_map(|text| address("spec.clusterIPs", text, problems)).collect(),
    )
}

fn port(port: &ServicePort, problems: &mut Vec<Problem>) -> Option<Port> {
    let Some(protocol) = protocol(port.protocol.as_deref()) else {
        let protocol = port.protocol.clone().unwrap_or_default();
        problems.push(Problem::Protocol { port: port.port, protocol });
        return None;
    };
    let number = number("spec.ports.port", port.port, problems)?;
    let node_port = port.node_port.filter(|number| *number != 0);
    Some(Port {
        name: port.name.clone().unwrap_or_default(),
        protocol,
        number,
        on_node: node_port.and_then(|value| self::number("spec.ports.nodePort", value, problems)),
    })
}

fn affinity(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds =
        config.and_then(|client| client.timeout_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Some(seconds.map_or(DEFAULT_AFFINITY, Duration::from_secs))
}

fn policy(text: Option<&str>) -> TrafficPolicy {
    if text == Some("Local") { TrafficPolicy::Local } else { TrafficPolicy::Cluster }
}

/// Endpoints of all slices. An address may stand in two slices for a moment, as it moves between them, and in one
/// for each set of ports.
#[derive(Default)]
struct Endpoints {
    by_address: BTreeMap<(IpAddr, Option<String>), Endpoint>,
}

impl Endpoints {
    fn add(&mut self, slice: &EndpointSlice, problems: &mut Vec<Problem>) {
        if !matches!(slice.address_type.as_str(), "IPv4" | "IPv6") {
            return;
        }
        let ports: Vec<EndpointPort> = slice
            .ports
            .iter()
            .flatten()
            .filter_map(|port| {
                // SCTP is told of on the Service's own port.
                let protocol = protocol(port.protocol.as_deref())?;
                let number = number("ports.port", port.port?, problems)?;
                Some(EndpointPort { name: port.name.clone().unwrap_or_default(), protocol, number })
            })
            .collect();
        for endpoint in slice.endpoints.iter().flatten() {
            for text in &endpoint.addresses {
                if let Some(address) = address("endpoints.addresses", text, problems) {
                    self.insert(address, endpoint, &ports);
                }
            }
        }
    }

    fn insert(&mut self, address: IpAddr, endpoint: &SliceEndpoint, ports: &[EndpointPort]) {
        let new = Endpoint {
            address,
            hostname: endpoint.hostname.clone().filter(|hostname| !hostname.is_empty()),
            state: state(endpoint.conditions.as_ref()),
            node: endpoint.node_name.clone(),
            ports: ports.to_vec(),
        };
        let known = self.by_address.entry((address, new.hostname.clone())).or_insert_with(|| new.clone());
        if known.state != EndpointState::Ready && new.state == EndpointState::Ready {
            *known = new;
        } else if known.state == new.state {
            for port in new.ports {
                if !known.ports.contains(&port) {
                    known.ports.push(port);
                }
            }
        }
    }
}

/// Conditions that are not given count as fulfilled, as the API says.
fn state(conditions: Option<&EndpointConditions>) -> EndpointState {
    let Some(conditions) = conditions else { return EndpointState::Ready };
    let ready = conditions.ready.unwrap_or(true);
    let serving = conditions.serving.unwrap_or(ready);
    match (ready, serving && conditions.terminating.unwrap_or(false)) {
        (true, _) => EndpointState::Ready,
        (false, true) => EndpointState::Draining,
        (false, false) => EndpointState::NotReady,
    }
}

fn protocol(text: Option<&str>) -> Option<Protocol> {
    match text {
        None | Some("" | "TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some(_) => None,
    }
}

fn number(field: &'static str, value: i32, problems: &mut Vec<Problem>) -> Option<u16> {
    let number = u16::try_from(value).ok().filter(|number| *number != 0);
    if number.is_none() {
        problems.push(Problem::Malformed { field, text: value.to_string() });
    }
    number
}

fn address(field: &'static str, text: &str, problems: &mut Vec<Problem>) -> Option<IpAddr> {
    if text.is_empty() {
        return None;
    }
    let address = text.parse().ok();
    if address.is_none() {
        problems.push(Problem::Malformed { field, text: text.to_owned() });
    }
    address
}
