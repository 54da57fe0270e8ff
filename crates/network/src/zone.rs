//! What names mean, pure: from Services and namespaces to the answers of cluster DNS.
//!
//! Follows the Kubernetes DNS specification, schema 1.1.0, and where that leaves a choice, `CoreDNS`: endpoints
//! without a hostname are named by their address with dashes, members of every Service have names, `SRV` at the name
//! of a Service gives all its ports, `a-b-c-d.NAMESPACE.pod` is answered for every address.
//!
//! Invariants: a name exists (`NODATA`) exactly if it has records or a name below it has; every ready endpoint has
//! a name, and the reverse name of its address leads back (only 127.0.0.1 is always `localhost`). Nothing of
//! 127.0.0.0/8 is foreign: it means something else on every machine, so it is never asked elsewhere.

mod reverse;
mod service;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use stanchion_informers::Key;
use thiserror::Error;

use self::reverse::Reverse;
use crate::services::Service;

/// Seconds for which an answer holds, also that a name does not exist.
pub const TTL: u32 = 5;
/// Seconds for which the version of the schema holds.
const VERSION_TTL: u32 = 28_800;
/// The version of the specification that is followed.
const VERSION: &str = "1.1.0";

/// Why there cannot be a zone.
#[derive(Debug, Error)]
#[error("{domain:?} cannot be a cluster domain: give a name such as cluster.local")]
pub struct DomainError {
    domain: String,
    #[source]
    source: Option<hickory_proto::ProtoError>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Records {
        answers: Vec<Record>,
        additionals: Vec<Record>,
    },
    /// Another name stands for it; what that one means is part of the answer.
    Alias {
        record: Record,
        target: Name,
    },
    /// The name exists, but has nothing of the type.
    NoData {
        authority: Record,
    },
    NoName {
        authority: Record,
    },
    /// Not known yet: the Services have not been read.
    Unready,
    /// Not of this cluster.
    Foreign,
}

/// The names of a cluster.
#[derive(Debug, Clone)]
pub struct Zone {
    domain: Name,
    /// Where this zone is served, as its `NS` says.
    server: Option<IpAddr>,
    ready: bool,
    namespaces: BTreeSet<String>,
    services: HashMap<Key, Service>,
    reverse: Reverse,
    serial: u32,
}

impl Zone {
    /// Starts with no names and not ready.
    pub fn new(domain: &str, server: Option<IpAddr>) -> Result<Self, DomainError> {
        let wrong = |source| DomainError { domain: domain.to_owned(), source };
        let mut name = Name::from_ascii(domain).map_err(|error| wrong(Some(error)))?.to_lowercase();
        if name.iter().next().is_none() {
            return Err(wrong(None));
        }
        name.set_fqdn(true);
        Ok(Self {
            domain: name,
            server,
            ready: false,
            namespaces: BTreeSet::new(),
            services: HashMap::new(),
            reverse: Reverse::default(),
            serial: 1,
        })
    }

    /// From now on a name that is not known does not exist.
    pub fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Records whether a namespace exists.
    pub fn put_namespace(&mut self, name: &str, exists: bool) {
        let changed =
            if exists { self.namespaces.insert(name.to_owned()) } else { self.namespaces.remove(name) };
        if changed {
            self.serial = self.serial.wrapping_add(1);
        }
    }

    /// Records a Service as it is now. `None`: it is gone.
    pub fn put_service(&mut self, key: &Key, service: Option<Service>) {
        if self.services.get(key) == service.as_ref() {
            return;
        }
        self.serial = self.serial.wrapping_add(1);
        self.reverse.remove(key);
        match service {
            Some(service) => {
                for (address, name) in service::names(&service, &self.domain) {
                    self.reverse.insert(address, key, name);
                }
                self.services.insert(key.clone(), service);
            }
            None => drop(self.services.remove(key)),
        }
    }

    /// Returns what a name means. Names are compared without case and answered as they were asked.
    pub fn lookup(&self, name: &Name, kind: RecordType) -> Answer {
        let found = if self.domain.zone_of(name) {
            if !self.ready {
                return Answer::Unready;
            }
            self.node(name, kind).map(|records| (records, &self.domain))
        } else {
            match self.reverse.node(name, kind) {
                reverse::Node::Foreign => return Answer::Foreign,
                reverse::Node::Known(_) if !self.ready => return Answer::Unready,
                reverse::Node::Apex => Some((self.apex(), reverse::zone())),
                reverse::Node::Known(targets) => {
                    let records = targets.into_iter().map(|target| RData::PTR(PTR(target))).collect();
                    Some((records, reverse::zone()))
                }
                reverse::Node::Between => Some((Vec::new(), reverse::zone())),
                reverse::Node::Missing if self.ready => return self.no_name(reverse::zone()),
                reverse::Node::Missing => return Answer::Unready,
            }
        };
        match found {
            Some((records, zone)) => self.select(name, kind, records, zone),
            None => self.no_name(&self.domain),
        }
    }

    /// Keeps what is of the type.
    fn select(&self, name: &Name, kind: RecordType, records: Vec<RData>, zone: &Name) -> Answer {
        let ttl = |data: &RData| if matches!(data, RData::TXT(_)) { VERSION_TTL } else { TTL };
        if let ([RData::CNAME(CNAME(target))], true) = (&*records, kind != RecordType::CNAME) {
            let target = target.clone();
            let record = Record::from_rdata(name.clone(), TTL, RData::CNAME(CNAME(target.clone())));
            return Answer::Alias { record, target };
        }
        let of_kind =
            records.into_iter().filter(|data| kind == RecordType::ANY || data.record_type() == kind);
        let answers: Vec<Record> =
            of_kind.map(|data| Record::from_rdata(name.clone(), ttl(&data), data)).collect();
        if answers.is_empty() {
            return Answer::NoData { authority: self.soa(zone) };
        }
        let additionals = if kind == RecordType::SRV { self.glue(&answers) } else { Vec::new() };
        Answer::Records { answers, additionals }
    }

    /// What stands at a name of the domain, enough of it to answer a type. `None`: nothing, and nothing below.
    fn node(&self, name: &Name, kind: RecordType) -> Option<Vec<RData>> {
        let labels: Option<Vec<String>> = name.iter().take(self.depth(name)).map(text).collect();
        let mut labels = labels?;
        labels.reverse();
        let path: Vec<&str> = labels.iter().map(String::as_str).collect();
        match path.as_slice() {
            [] => Some(self.apex()),
            ["dns-version"] => Some(vec![RData::TXT(TXT::new(vec![VERSION.to_owned()]))]),
            ["dns", "ns"] => Some(self.server.map(address).into_iter().collect()),
            ["svc" | "pod" | "dns"] => Some(Vec::new()),
            ["svc" | "pod", namespace] => self.namespaces.contains(*namespace).then(Vec::new),
            ["pod", namespace, dashed] if self.namespaces.contains(*namespace) => {
                Some(vec![address(undash(dashed)?)])
            }
            ["svc", namespace, service, rest @ ..] => {
                let service = self.services.get(&Key::new(*namespace, *service))?;
                service::node(service, rest, kind, &self.domain)
            }
            _ => None,
        }
    }

    /// How many labels a name of the domain has below it. (`num_labels` leaves out a `*`.)
    fn depth(&self, name: &Name) -> usize {
        name.iter().count().saturating_sub(self.domain.iter().count())
    }

    fn apex(&self) -> Vec<RData> {
        let server = service::below(&self.domain, &["dns", "ns"]);
        let mut records = vec![self.soa(&self.domain).data];
        records.extend(server.map(|server| RData::NS(NS(server))));
        records
    }

    /// The addresses that the targets of SRV records have.
    fn glue(&self, answers: &[Record]) -> Vec<Record> {
        let targets: BTreeSet<&Name> = answers
            .iter()
            .filter_map(|record| if let RData::SRV(srv) = &record.data { Some(&srv.target) } else { None })
            .collect();
        let Some(first) = targets.first() else { return Vec::new() };
        // All targets are of one Service: `[MEMBER.]SERVICE.NAMESPACE.svc.DOMAIN`.
        let labels: Vec<String> = first.iter().take(self.depth(first)).filter_map(text).collect();
        let [.., service, namespace, _] = labels.as_slice() else { return Vec::new() };
        let Some(service) = self.services.get(&Key::new(namespace, service)) else { return Vec::new() };
        service::names(service, &self.domain)
            .into_iter()
            .filter(|(_, name)| targets.contains(name))
            .map(|(ip, name)| Record::from_rdata(name, TTL, address(ip)))
            .collect()
    }

    fn no_name(&self, zone: &Name) -> Answer {
        Answer::NoName { authority: self.soa(zone) }
    }

    /// The record that says for how long a name that does not exist stays so.
    fn soa(&self, zone: &Name) -> Record {
        let below =
            |labels: &[&str]| service::below(&self.domain, labels).unwrap_or_else(|| self.domain.clone());
        let (server, person) = (below(&["dns", "ns"]), below(&["hostmaster"]));
        let soa = SOA::new(server, person, self.serial, 7200, 1800, 86_400, TTL);
        Record::from_rdata(zone.clone(), TTL, RData::SOA(soa))
    }
}

/// The record of an address.
fn address(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

/// A label in lower case. `None`: not text, so nobody's name.
fn text(label: &[u8]) -> Option<String> {
    std::str::from_utf8(label).ok().map(str::to_ascii_lowercase)
}

/// The address of a Pod's name.
fn undash(label: &str) -> Option<IpAddr> {
    let v4 = label.replace('-', ".").parse().map(IpAddr::V4);
    v4.or_else(|_| label.replace('-', ":").parse().map(IpAddr::V6)).ok()
}
