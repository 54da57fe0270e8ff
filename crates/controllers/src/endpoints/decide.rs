//! What the `Endpoints` of a Service say.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::members::{self, HEADLESS, Port};

/// Addresses at the most.
const MOST: usize = 1000;

/// Annotation that says that there are more addresses than stand here.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// Label of who keeps the object.
pub(super) const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "endpoint-controller";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Create(Endpoints),
    Update(Endpoints),
}

/// Addresses that serve the same ports.
#[derive(Default)]
struct Group {
    ready: Vec<EndpointAddress>,
    not_ready: Vec<EndpointAddress>,
}

/// Returns what brings the `Endpoints` of a Service up to date.
pub(super) fn decide(service: &Service, pods: &[Arc<Pod>], old: Option<&Endpoints>) -> Option<Action> {
    let mut groups = groups(service, pods);
    let truncated = truncate(&mut groups);
    let subsets: Vec<EndpointSubset> =
        groups.into_iter().map(|(ports, group)| subset(&ports, group)).collect();
    let labels = labels(service);
    let Some(old) = old else {
        let mut endpoints = Endpoints {
            metadata: ObjectMeta {
                name: service.metadata.name.clone(),
                namespace: service.metadata.namespace.clone(),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            subsets: Some(subsets),
        };
        annotate(&mut endpoints.metadata, truncated);
        return Some(Action::Create(endpoints));
    };
    let mut new = old.clone();
    new.metadata.labels = Some(labels);
    annotate(&mut new.metadata, truncated);
    if old.subsets.as_deref().unwrap_or_default() != subsets {
        new.subsets = Some(subsets);
    }
    (new != *old).then_some(Action::Update(new))
}

fn groups(service: &Service, pods: &[Arc<Pod>]) -> BTreeMap<Vec<Port>, Group> {
    let unready = members::publishes_unready(service);
    let families = members::families(service);
    let family = families.first().map_or("IPv4", String::as_str);
    let wants_ports =
        service.spec.as_ref().and_then(|spec| spec.ports.as_ref()).is_some_and(|all| !all.is_empty());
    let mut groups: BTreeMap<Vec<Port>, Group> = BTreeMap::new();
    let mut pods: Vec<(&str, &Arc<Pod>)> =
        pods.iter().filter_map(|pod| Some((members::address(pod, family)?, pod))).collect();
    pods.sort_by_key(|(address, pod)| (*address, pod.metadata.uid.clone()));
    for (address, pod) in pods {
        let ports = members::ports(service, pod);
        let serves = !ports.is_empty() || !wants_ports;
        if !serves || !members::is_reachable(pod) || members::is_terminating(pod) && !unready {
            continue;
        }
        let group = groups.entry(ports).or_default();
        let list = if unready || members::is_ready(pod) { &mut group.ready } else { &mut group.not_ready };
        list.push(EndpointAddress {
            ip: address.to_owned(),
            hostname: members::hostname(pod, service),
            node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            target_ref: Some(members::target(pod)),
        });
    }
    groups
}

/// Leaves out what is too much, ready addresses last. Returns whether something was.
fn truncate(groups: &mut BTreeMap<Vec<Port>, Group>) -> bool {
    let mut room = MOST;
    let mut truncated = false;
    let mut cut = |list: &mut Vec<EndpointAddress>| {
        truncated |= list.len() > room;
        list.truncate(room);
        room -= list.len();
    };
    for group in groups.values_mut() {
        cut(&mut group.ready);
    }
    for group in groups.values_mut() {
        cut(&mut group.not_ready);
    }
    groups.retain(|_, group| !group.ready.is_empty() || !group.not_ready.is_empty());
    truncated
}

fn subset(ports: &[Port], group: Group) -> EndpointSubset {
    let some = |list: Vec<EndpointAddress>| Some(list).filter(|list| !list.is_empty());
    let ports: Vec<EndpointPort> = ports.iter().map(endpoint_port).collect();
    EndpointSubset {
        addresses: some(group.ready),
        not_ready_addresses: some(group.not_ready),
        ports: Some(ports).filter(|ports| !ports.is_empty()),
    }
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone()).filter(|name| !name.is_empty()),
        protocol: Some(port.protocol.clone()),
        port: port.number,
        app_protocol: port.app_protocol.clone(),
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    if members::is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels
}

fn annotate(metadata: &mut ObjectMeta, truncated: bool) {
    let annotations = metadata.annotations.get_or_insert_default();
    if truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    } else {
        annotations.remove(OVER_CAPACITY);
    }
    if annotations.is_empty() {
        metadata.annotations = None;
    }
}

#[cfg(test)]
mod tests;
