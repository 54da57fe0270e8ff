//! The names of one Service.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_proto::rr::rdata::{CNAME, SRV};
use hickory_proto::rr::{Name, RData, RecordType};

use super::address;
use crate::services::{Endpoint, EndpointState, Protocol, Reach, Service};

/// Shared out among the records of one `SRV` name.
const WEIGHT: u16 = 100;

/// Returns a name below another; the labels come from the outermost. `None`: too long.
pub(super) fn below(name: &Name, labels: &[&str]) -> Option<Name> {
    labels.iter().try_fold(name.clone(), |name, label| name.prepend_label(*label).ok())
}

/// What stands at `REST.SERVICE.NAMESPACE.svc.DOMAIN`, enough of it to answer a type; `rest` from the outermost label.
pub(super) fn node(service: &Service, rest: &[&str], kind: RecordType, domain: &Name) -> Option<Vec<RData>> {
    if let Reach::External(target) = &service.reach {
        let mut target = Name::from_ascii(target).ok()?;
        target.set_fqdn(true);
        return rest.is_empty().then(|| vec![RData::CNAME(CNAME(target))]);
    }
    let own = own_addresses(service);
    if own.is_empty() && published(service).next().is_none() {
        return None;
    }
    match rest {
        [] => {
            let mut records = Vec::new();
            if is(kind, &[RecordType::A, RecordType::AAAA]) {
                match service.reach {
                    Reach::Headless => {
                        // Once each: an address may have several hostnames.
                        let all: BTreeSet<IpAddr> = published(service).map(|one| one.address).collect();
                        records.extend(all.into_iter().map(address));
                    }
                    Reach::Addresses(_) | Reach::External(_) => records.extend(own.into_iter().map(address)),
                }
            }
            if is(kind, &[RecordType::SRV]) {
                records.extend(srv(service, domain, |_, _| true));
            }
            Some(records)
        }
        [protocol] if protocol.starts_with('_') => {
            let any = ports(service).any(|(name, own)| !name.is_empty() && underscored(own) == *protocol);
            any.then(Vec::new)
        }
        [protocol, port] if protocol.starts_with('_') && port.starts_with('_') => {
            let asked = &port[1..];
            let of = |name: &str, own: Protocol| name == asked && underscored(own) == *protocol;
            let there = !asked.is_empty() && ports(service).any(|(name, own)| of(name, own));
            there.then(|| if is(kind, &[RecordType::SRV]) { srv(service, domain, of) } else { Vec::new() })
        }
        [label] => {
            let found: Vec<RData> = published(service)
                .filter(|endpoint| endpoint.label() == *label)
                .map(|endpoint| address(endpoint.address))
                .collect();
            (!found.is_empty()).then_some(found)
        }
        _ => None,
    }
}

/// Returns every name of a Service that has an address, once for each address.
pub(super) fn names(service: &Service, domain: &Name) -> Vec<(IpAddr, Name)> {
    let Some(name) = name(service, domain) else { return Vec::new() };
    let own = own_addresses(service).into_iter().map(|address| (address, name.clone()));
    let members = published(service).filter_map(|one| Some((one.address, below(&name, &[&one.label()])?)));
    own.chain(members).collect()
}

fn name(service: &Service, domain: &Name) -> Option<Name> {
    below(domain, &["svc", &service.key.namespace, &service.key.name])
}

fn own_addresses(service: &Service) -> Vec<IpAddr> {
    match &service.reach {
        Reach::Addresses(addresses) => addresses.clone(),
        Reach::Headless | Reach::External(_) => Vec::new(),
    }
}

/// The endpoints that have names.
fn published(service: &Service) -> impl Iterator<Item = &Endpoint> {
    let named = match &service.reach {
        Reach::Addresses(own) => !own.is_empty(),
        Reach::Headless => true,
        Reach::External(_) => false,
    };
    service.endpoints.iter().filter(move |endpoint| named && endpoint.state == EndpointState::Ready)
}

/// The ports that `SRV` names are made of: a Service's own, or those of its members.
fn ports(service: &Service) -> impl Iterator<Item = (&str, Protocol)> {
    let headless = service.reach == Reach::Headless;
    let own = service.ports.iter().filter(move |_| !headless).map(|port| (&*port.name, port.protocol));
    let members = published(service).filter(move |_| headless).flat_map(|endpoint| &endpoint.ports);
    own.chain(members.map(|port| (&*port.name, port.protocol)))
}

/// The `SRV` records of the ports that are asked for.
fn srv(service: &Service, domain: &Name, asked: impl Fn(&str, Protocol) -> bool) -> Vec<RData> {
    let Some(name) = name(service, domain) else { return Vec::new() };
    let targets: Vec<(u16, Name)> = if service.reach == Reach::Headless {
        let members = published(service).filter_map(|one| Some((one, below(&name, &[&one.label()])?)));
        let ports = |one: &Endpoint| -> Vec<u16> {
            let ports = one.ports.iter().filter(|port| asked(&port.name, port.protocol));
            ports.map(|port| port.number).collect()
        };
        members
            .flat_map(|(one, target)| ports(one).into_iter().map(move |port| (port, target.clone())))
            .collect()
    } else {
        let ports = service.ports.iter().filter(|port| asked(&port.name, port.protocol));
        ports.map(|port| (port.number, name.clone())).collect()
    };
    let among = u16::try_from(targets.len()).unwrap_or(u16::MAX).clamp(1, WEIGHT);
    targets.into_iter().map(|(port, target)| RData::SRV(SRV::new(0, WEIGHT / among, port, target))).collect()
}

fn underscored(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "_tcp",
        Protocol::Udp => "_udp",
    }
}

fn is(kind: RecordType, wanted: &[RecordType]) -> bool {
    kind == RecordType::ANY || wanted.contains(&kind)
}
