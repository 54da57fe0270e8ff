//! Which slices a Service needs, with as few changes as possible to those it has.
//!
//! A slice holds endpoints of one family of addresses that serve the same ports. Endpoints that stay are left in their
//! slice; new ones go into slices that change anyway, then into the fullest one with room for all of them, then into
//! new slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{MANAGED_BY, MANAGER, SERVICE};
use crate::members::{self, HEADLESS, Port};
use crate::owner;

/// Endpoints in a slice at the most.
const MOST: usize = 100;

/// What the decision is made from.
pub(super) struct Seen<'a> {
    pub(super) service: &'a Service,
    /// The Pods that the Service selects.
    pub(super) pods: &'a [Arc<Pod>],
    /// The slices of ours that belong to the Service.
    pub(super) slices: &'a [Arc<EndpointSlice>],
    /// The zone of a node.
    pub(super) zone_of: &'a dyn Fn(&str) -> Option<String>,
    /// Whether there is a slice of this name, whoever keeps it.
    pub(super) is_taken: &'a dyn Fn(&str) -> bool,
}

/// What is to be done; in this order, so that no endpoint is missing in between.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Create(EndpointSlice),
    Update(EndpointSlice),
    Delete(Arc<EndpointSlice>),
}

/// Endpoints that serve the same ports, by address and Pod.
type Group = BTreeMap<(String, String), Endpoint>;

/// Returns what brings the slices of a Service up to date.
pub(super) fn decide(seen: &Seen<'_>) -> Vec<Action> {
    let mut plan = Plan { seen, labels: labels(seen.service), next: 0, actions: Vec::new() };
    let families = members::families(seen.service);
    for family in &families {
        let mut groups = groups(seen, family);
        if groups.is_empty() {
            // A slice without endpoints says that somebody has looked.
            groups.insert(Vec::new(), Group::new());
        }
        let mut slices: BTreeMap<Vec<Port>, Vec<&Arc<EndpointSlice>>> = BTreeMap::new();
        for slice in seen.slices.iter().filter(|slice| &slice.address_type == family) {
            slices.entry(ports_of(slice)).or_default().push(slice);
        }
        for (ports, group) in groups {
            let slices = slices.remove(&ports).unwrap_or_default();
            plan.fill(family, &ports, group, &slices);
        }
        plan.drop_all(slices.into_values().flatten());
    }
    plan.drop_all(seen.slices.iter().filter(|slice| !families.contains(&slice.address_type)));
    plan.actions.sort_by_key(|action| match action {
        Action::Create(_) => 0,
        Action::Update(_) => 1,
        Action::Delete(_) => 2,
    });
    plan.actions
}

struct Plan<'a> {
    seen: &'a Seen<'a>,
    labels: BTreeMap<String, String>,
    /// The number that the next name is tried with.
    next: u32,
    actions: Vec<Action>,
}

/// A slice as it is to be.
struct Draft<'a> {
    slice: &'a Arc<EndpointSlice>,
    endpoints: Vec<Endpoint>,
    changed: bool,
}

impl Plan<'_> {
    fn drop_all<'a>(&mut self, slices: impl Iterator<Item = &'a Arc<EndpointSlice>>) {
        self.actions.extend(slices.map(|slice| Action::Delete(Arc::clone(slice))));
    }

    /// Brings the slices for the same ports up to date; if there are no endpoints at all, one slice says so.
    fn fill(&mut self, family: &str, ports: &[Port], mut wanted: Group, slices: &[&Arc<EndpointSlice>]) {
        let is_empty = wanted.is_empty();
        let mut drafts: Vec<Draft<'_>> = slices.iter().map(|slice| self.keep(slice, &mut wanted)).collect();
        let mut left: Vec<Endpoint> = wanted.into_values().collect();
        for draft in drafts.iter_mut().filter(|draft| draft.changed) {
            draft.take(&mut left);
        }
        if !left.is_empty() {
            let room = drafts.iter_mut().filter(|draft| draft.endpoints.len() + left.len() <= MOST);
            if let Some(draft) = room.max_by_key(|draft| draft.endpoints.len()) {
                draft.take(&mut left);
            }
        }
        let mut stands = !is_empty;
        for draft in drafts {
            if draft.endpoints.is_empty() && std::mem::replace(&mut stands, true) {
                self.actions.push(Action::Delete(Arc::clone(draft.slice)));
            } else if draft.changed {
                self.update(&draft);
            }
        }
        if !stands {
            self.create(family, ports, Vec::new());
        }
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(MOST));
            self.create(family, ports, std::mem::replace(&mut left, rest));
        }
    }

    /// Leaves in a slice what is still wanted, and takes it from what is to be placed.
    fn keep<'a>(&self, slice: &'a Arc<EndpointSlice>, wanted: &mut Group) -> Draft<'a> {
        let mut changed = slice.metadata.labels.as_ref() != Some(&self.labels);
        let mut endpoints = Vec::new();
        for old in slice.endpoints.iter().flatten() {
            match wanted.remove(&identity(old)) {
                Some(new) => {
                    changed |= new != *old;
                    endpoints.push(new);
                }
                None => changed = true,
            }
        }
        Draft { slice, endpoints, changed }
    }

    fn update(&mut self, draft: &Draft<'_>) {
        let mut slice = (**draft.slice).clone();
        slice.metadata.labels = Some(self.labels.clone());
        slice.metadata.owner_references = Some(vec![owner::reference(self.seen.service)]);
        slice.endpoints = Some(draft.endpoints.clone());
        self.actions.push(Action::Update(slice));
    }

    fn create(&mut self, family: &str, ports: &[Port], endpoints: Vec<Endpoint>) {
        let metadata = ObjectMeta {
            name: Some(self.name()),
            namespace: self.seen.service.metadata.namespace.clone(),
            labels: Some(self.labels.clone()),
            owner_references: Some(vec![owner::reference(self.seen.service)]),
            ..ObjectMeta::default()
        };
        let ports = ports.iter().map(endpoint_port).collect();
        let slice = EndpointSlice {
            metadata,
            address_type: family.to_owned(),
            endpoints: Some(endpoints),
            ports: Some(ports),
        };
        self.actions.push(Action::Create(slice));
    }

    /// Returns the first free name.
    fn name(&mut self) -> String {
        let meta = &self.seen.service.metadata;
        let (service, uid) = (meta.name.as_deref().unwrap_or(""), meta.uid.as_deref().unwrap_or(""));
        loop {
            let name = format!("{service}-{}", suffix(uid, self.next));
            self.next += 1;
            if !(self.seen.is_taken)(&name) {
                return name;
            }
        }
    }
}

impl Draft<'_> {
    fn take(&mut self, left: &mut Vec<Endpoint>) {
        let count = left.len().min(MOST.saturating_sub(self.endpoints.len()));
        self.changed |= count > 0;
        self.endpoints.extend(left.drain(..count));
    }
}

/// Returns five letters that differ from number to number, without vowels so that they spell nothing.
fn suffix(uid: &str, number: u32) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = uid
        .bytes()
        .chain(number.to_le_bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut text = String::new();
    for _ in 0..5 {
        let letter = LETTERS.get(hash as usize % LETTERS.len()).copied().unwrap_or(b'x');
        text.push(char::from(letter));
        hash /= 27;
    }
    text
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let own = |key: &String| [SERVICE, MANAGED_BY, HEADLESS].contains(&key.as_str());
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.retain(|key, _| !own(key));
    labels.insert(SERVICE.to_owned(), service.metadata.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    if members::is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels
}

fn groups(seen: &Seen<'_>, family: &str) -> BTreeMap<Vec<Port>, Group> {
    let mut groups: BTreeMap<Vec<Port>, Group> = BTreeMap::new();
    for pod in seen.pods.iter().filter(|pod| members::is_reachable(pod)) {
        let Some(address) = members::address(pod, family) else { continue };
        let endpoint = endpoint(seen, pod, address);
        groups.entry(members::ports(seen.service, pod)).or_default().insert(identity(&endpoint), endpoint);
    }
    groups
}

fn endpoint(seen: &Seen<'_>, pod: &Pod, address: &str) -> Endpoint {
    let (serving, terminating) = (members::is_ready(pod), members::is_terminating(pod));
    let ready = members::publishes_unready(seen.service) || serving && !terminating;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let zone = node.as_deref().and_then(seen.zone_of);
    Endpoint {
        addresses: vec![address.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hints: if ready { hints(seen.service, node.as_deref(), zone.as_deref()) } else { None },
        hostname: members::hostname(pod, seen.service),
        node_name: node,
        target_ref: Some(members::target(pod)),
        zone,
        deprecated_topology: None,
    }
}

/// Returns who is to use an endpoint first, if the Service prefers what is near.
fn hints(service: &Service, node: Option<&str>, zone: Option<&str>) -> Option<EndpointHints> {
    let wanted = service.spec.as_ref()?.traffic_distribution.as_deref()?;
    let for_zones = zone.map(|name| vec![ForZone { name: name.to_owned() }]);
    let for_nodes = node.map(|name| vec![ForNode { name: name.to_owned() }]);
    match wanted {
        "PreferClose" | "PreferSameZone" => {
            for_zones.map(|zones| EndpointHints { for_zones: Some(zones), for_nodes: None })
        }
        "PreferSameNode" => Some(EndpointHints { for_zones, for_nodes }).filter(|it| it.for_nodes.is_some()),
        _ => None,
    }
}

fn identity(endpoint: &Endpoint) -> (String, String) {
    let uid = endpoint.target_ref.as_ref().and_then(|target| target.uid.clone());
    (endpoint.addresses.first().cloned().unwrap_or_default(), uid.unwrap_or_default())
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone()),
        protocol: Some(port.protocol.clone()),
        port: Some(port.number),
        app_protocol: port.app_protocol.clone(),
    }
}

fn ports_of(slice: &EndpointSlice) -> Vec<Port> {
    let ports = slice.ports.iter().flatten().map(|port| Port {
        name: port.name.clone().unwrap_or_default(),
        protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
        number: port.port.unwrap_or_default(),
        app_protocol: port.app_protocol.clone(),
    });
    ports.collect()
}

#[cfg(test)]
mod tests;
