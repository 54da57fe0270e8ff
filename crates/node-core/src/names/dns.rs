//! The resolv.conf of a Pod.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{PodDNSConfig, PodSpec};
use thiserror::Error;

/// Resolvers read no more servers than this.
const SERVERS_MAX: usize = 3;
/// No more search domains than this are taken.
const SEARCHES_MAX: usize = 32;
/// The longest line of search domains, in bytes.
const SEARCH_LINE_MAX: usize = 2048;

/// Where a Pod's names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsPolicy {
    /// In the cluster, which asks the host's servers for the rest.
    ClusterFirst,
    /// Where the host looks them up.
    Default,
    /// Only where the Pod says.
    None,
}

/// A policy that is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("DNS policy {0:?} is unknown")]
pub struct DnsError(String);

/// What a cluster offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDns {
    /// The addresses of its servers; none when it has no DNS.
    pub servers: Vec<String>,
    /// Its domain, `cluster.local`.
    pub domain: String,
}

/// The contents of a resolv.conf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    /// The servers.
    pub servers: Vec<String>,
    /// The domains in which short names are looked for.
    pub searches: Vec<String>,
    /// The options, such as `ndots:5`.
    pub options: Vec<String>,
    /// What was left out because there is no room for it, in words for an Event.
    pub left_out: Vec<String>,
}

impl DnsPolicy {
    /// Reads the policy of a Pod.
    pub fn of(spec: &PodSpec) -> Result<Self, DnsError> {
        match spec.dns_policy.as_deref() {
            None | Some("" | "ClusterFirst") if spec.host_network == Some(true) => Ok(Self::Default),
            None | Some("" | "ClusterFirst" | "ClusterFirstWithHostNet") => Ok(Self::ClusterFirst),
            Some("Default") => Ok(Self::Default),
            Some("None") => Ok(Self::None),
            Some(other) => Err(DnsError(other.to_owned())),
        }
    }
}

/// Derives the resolv.conf of a Pod from the cluster and the host's own file.
pub fn resolver_of(
    spec: &PodSpec,
    namespace: &str,
    cluster: &ClusterDns,
    host: &Resolver,
) -> Result<Resolver, DnsError> {
    let mut resolver = match DnsPolicy::of(spec)? {
        DnsPolicy::ClusterFirst if !cluster.servers.is_empty() => cluster_first(namespace, cluster, host),
        DnsPolicy::ClusterFirst | DnsPolicy::Default => host.clone(),
        DnsPolicy::None => Resolver::default(),
    };
    if let Some(config) = &spec.dns_config {
        resolver.add(config);
    }
    resolver.cut();
    Ok(resolver)
}

fn cluster_first(namespace: &str, cluster: &ClusterDns, host: &Resolver) -> Resolver {
    let domain = &cluster.domain;
    let mut searches = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
    searches.extend(host.searches.iter().cloned());
    Resolver {
        servers: cluster.servers.clone(),
        searches,
        options: vec!["ndots:5".to_owned()],
        left_out: Vec::new(),
    }
}

impl Resolver {
    /// Reads a resolv.conf.
    pub fn parse(text: &str) -> Self {
        let mut resolver = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => resolver.servers.extend(words.next().map(str::to_owned)),
                // The last such line holds.
                Some("search") => resolver.searches = words.map(str::to_owned).collect(),
                Some("options") => resolver.options.extend(words.map(str::to_owned)),
                Some(_) | None => {}
            }
        }
        resolver
    }

    /// Writes a resolv.conf.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if !self.searches.is_empty() {
            text.extend(["search ", &self.searches.join(" "), "\n"]);
        }
        for server in &self.servers {
            writeln!(text, "nameserver {server}").expect("a String takes any text");
        }
        if !self.options.is_empty() {
            text.extend(["options ", &self.options.join(" "), "\n"]);
        }
        text
    }

    /// Adds what a Pod says itself; its options replace those of the same name.
    fn add(&mut self, config: &PodDNSConfig) {
        self.servers.extend(config.nameservers.iter().flatten().cloned());
        self.searches.extend(config.searches.iter().flatten().cloned());
        let own = config.options.iter().flatten().filter_map(|option| Some((option.name.clone()?, option)));
        let own: BTreeMap<_, _> = own.collect();
        self.options.retain(|option| !own.contains_key(option.split(':').next().unwrap_or(option)));
        self.options.extend(own.into_iter().map(|(name, option)| match option.value.as_deref() {
            None | Some("") => name,
            Some(value) => format!("{name}:{value}"),
        }));
    }

    fn cut(&mut self) {
        let Self { servers, searches, left_out, .. } = self;
        unique(servers);
        unique(searches);
        if servers.len() > SERVERS_MAX {
            servers.truncate(SERVERS_MAX);
            left_out.push(format!(
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver \
                 line is: {}",
                servers.join(" ")
            ));
        }
        let before = searches.len();
        searches.truncate(SEARCHES_MAX);
        while searches.join(" ").len() > SEARCH_LINE_MAX {
            searches.pop();
        }
        if searches.len() < before {
            left_out.push(format!(
                "Search Line limits were exceeded, some search paths have been omitted, the applied search \
                 line is: {}",
                searches.join(" ")
            ));
        }
    }
}

/// Keeps the first of equal texts.
fn unique(texts: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
}
