//! Whether a Pod that is bound to the node can run there: the last word after the scheduler's, or the only one.
//!
//! The checks, their order and the words are kubelet's. Taints are left to the scheduler and to who evicts.

mod affinity;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use stanchion_machinery::quantity::Quantity;

use crate::capacity::Amounts;
use crate::resources::{Amount, Resources};
use crate::status::Failure;

/// What a node is and has.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels, as the API has them.
    pub labels: &'a BTreeMap<String, String>,
    /// What Pods may use of it.
    pub allocatable: &'a Amounts,
}

/// What the Pods use that are there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pods: i64,
    amounts: BTreeMap<Amount, i64>,
    ports: Vec<HostPort>,
}

impl Used {
    /// Adds a Pod.
    pub fn add(&mut self, spec: &PodSpec) {
        self.pods += 1;
        let total = Resources::of_pod(spec);
        for amount in AMOUNTS {
            let used = self.amounts.entry(amount).or_default();
            *used = used.saturating_add(total.request(amount).unwrap_or(0));
        }
        self.ports.extend(host_ports(spec));
    }
}

/// A port of the machine that a Pod asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The address; nothing for that of the node.
    pub ip: Option<String>,
    /// The port.
    pub port: u16,
    /// TCP, UDP or SCTP.
    pub protocol: String,
    /// Where it leads in the Pod.
    pub container_port: u16,
}

impl HostPort {
    fn conflicts(&self, other: &Self) -> bool {
        let same_ip = self.ip.is_none() || other.ip.is_none() || self.ip == other.ip;
        same_ip && self.port == other.port && self.protocol == other.protocol
    }
}

const AMOUNTS: [Amount; 3] = [Amount::Cpu, Amount::Memory, Amount::EphemeralStorage];

/// Returns the ports of the machine that a Pod asks for.
pub fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|init| init.restart_policy.as_deref() == Some("Always"));
    let all = sidecars.chain(&spec.containers).flat_map(|container| container.ports.iter().flatten());
    let ports = all.filter_map(|port| {
        let ip = port.host_ip.clone().filter(|ip| !matches!(ip.as_str(), "" | "0.0.0.0" | "::"));
        let number = u16::try_from(port.host_port?).ok().filter(|number| *number > 0)?;
        let container_port = u16::try_from(port.container_port).ok()?;
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        Some(HostPort { ip, port: number, protocol, container_port })
    });
    ports.collect()
}

/// Says why a Pod cannot run at a place, beside those that are there.
pub fn refuse(spec: &PodSpec, place: &Place<'_>, used: &Used) -> Option<Failure> {
    let os = spec.os.as_ref().is_some_and(|os| os.name != "linux");
    let os = os
        .then(|| rejected("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"));
    os.or_else(|| lacks(spec, place, used)).or_else(|| {
        if !affinity::matches(spec, place) {
            return Some(misfit("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"));
        }
        let ports = host_ports(spec);
        let taken = ports.iter().any(|port| used.ports.iter().any(|other| port.conflicts(other)));
        taken.then(|| misfit("NodePorts", "node(s) didn't have free ports for the requested pod ports"))
    })
}

/// Names the first resource of which there is too little.
fn lacks(spec: &PodSpec, place: &Place<'_>, used: &Used) -> Option<Failure> {
    let of = |name: &str| place.allocatable.get(name).copied();
    let short = |name: &str, requested: i64, used: i64, capacity: i64| {
        let text = format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        );
        Some(rejected(&format!("OutOf{name}"), &text))
    };
    let pods = of("pods").map_or(i64::MAX, Quantity::value);
    if used.pods.saturating_add(1) > pods {
        return short("pods", 1, used.pods, pods);
    }
    let total = Resources::of_pod(spec);
    AMOUNTS.into_iter().find_map(|amount| {
        let requested = total.request(amount).filter(|requested| *requested > 0)?;
        let capacity = of(amount.name()).map_or(0, |whole| amount.units(whole));
        let taken = used.amounts.get(&amount).copied().unwrap_or(0);
        if requested > capacity.saturating_sub(taken) {
            short(amount.name(), requested, taken, capacity)
        } else {
            None
        }
    })
}

fn misfit(predicate: &str, why: &str) -> Failure {
    rejected(predicate, &format!("Predicate {predicate} failed: {why}"))
}

fn rejected(reason: &str, message: &str) -> Failure {
    let message = format!("{REJECTED}{message}");
    Failure { reason: reason.to_owned(), message, is_disruption: false }
}

/// What stands before the message in the status, but not in the Event.
pub const REJECTED: &str = "Pod was rejected: ";

#[cfg(test)]
mod tests;
