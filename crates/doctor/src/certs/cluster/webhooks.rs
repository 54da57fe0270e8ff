//! What webhooks show where the API server calls them, and whether it would believe them.
//!
//! Whoever looks may be elsewhere than the API server. So addresses of Services are looked at only if that of the API server's
//! own Service leads to it, and those of one machine only from that machine: else somebody else would be blamed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use stanchion_doctor_core::{Chain, FoundIn, Service, Subject};

use super::Look;
use super::trusting::{Called, ClientConfig, ServiceName};
use crate::certs::handshake::{Server, look_at};
use crate::certs::parse::{Parsed, Signature};
use crate::cluster::Cluster;
use crate::cluster::page::get;

/// So many servers are asked what they show, and so many Services where they are: that takes seconds where nobody answers.
const MANY: usize = 60;

/// The servers that are called, each with who calls it and whom that trusts.
type Servers = BTreeMap<Server, BTreeSet<(Subject, Option<String>)>>;

/// Shakes hands with webhooks.
pub(super) async fn read(look: &mut Look, cluster: &Cluster, called: Vec<Called>, patience: Duration) {
    let mut failed = Vec::new();
    let mut servers = find(look, cluster, called, patience, &mut failed).await;
    bound(&mut servers, "webhooks", &mut failed);
    let looks = look_at(servers.keys().cloned().collect(), patience).await;
    for ((server, callers), shown) in servers.into_iter().zip(looks) {
        match shown {
            Ok(shown) => {
                for (object, bundle) in callers {
                    look.found.extend(believed(&shown, &object, bundle.as_deref()));
                }
            }
            Err(why) => {
                let (object, _) = callers.first().expect("somebody calls it");
                failed.push(format!("webhook {server} of {object}: {why}"));
            }
        }
    }
    look.tell(failed, |more| format!("{more} more webhooks show no certificate"));
}

/// Finds out where webhooks are.
async fn find(
    look: &Look,
    cluster: &Cluster,
    called: Vec<Called>,
    patience: Duration,
    failed: &mut Vec<String>,
) -> Servers {
    let (mut servers, mut services) = (Servers::new(), BTreeMap::<_, Vec<_>>::new());
    for Called { object, config: ClientConfig { bundle, url, service } } in called {
        let asks = (object, bundle.filter(|bundle| !bundle.is_empty()));
        match (service, url) {
            (Some(service), _) => services.entry(service).or_default().push(asks),
            (None, Some(url)) => match at(&url, cluster) {
                Ok(server) => {
                    servers.entry(server).or_default().insert(asks);
                }
                Err(why) => failed.push(format!("webhook {url} of {}: {why}", asks.0)),
            },
            (None, None) => {}
        }
    }
    if services.is_empty() {
        return servers;
    }
    if let Err(why) = services_are_here(look, cluster, patience).await {
        failed.push(format!("{} Services that lead to webhooks: {why}", services.len()));
        return servers;
    }
    bound(&mut services, "Services that lead to webhooks", failed);
    for (ServiceName { namespace, name, port }, callers) in services {
        match behind(cluster, &namespace, &name, Some(port)).await {
            Ok(server) => servers.entry(server).or_default().extend(callers),
            Err(why) => failed.push(why),
        }
    }
    servers
}

/// Leaves out those that are too many.
fn bound<K: Ord, V>(all: &mut BTreeMap<K, V>, what: &str, failed: &mut Vec<String>) {
    if all.len() > MANY {
        failed.push(format!("only {MANY} of {} {what} are looked at", all.len()));
        *all = std::mem::take(all).into_iter().take(MANY).collect();
    }
}

/// Understands the URL of a webhook.
fn at(url: &str, cluster: &Cluster) -> Result<Server, String> {
    let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
    let host =
        uri.host().filter(|_| uri.scheme() == Some(&Scheme::HTTPS)).ok_or("it is not reached over TLS")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let own = cluster.tls_address().and_then(|(address, _)| Server::at(&address).ok());
    if is_local(&host) && !own.is_some_and(|own| is_local(&own.host)) {
        return Err("only the machine of the API server is there".to_owned());
    }
    Ok(Server { host, port: uri.port_u16().unwrap_or(443), name: None })
}

/// Returns whether every machine has this address for itself.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Makes sure that addresses of Services are those of this cluster from here.
async fn services_are_here(look: &Look, cluster: &Cluster, patience: Duration) -> Result<(), String> {
    let server = behind(cluster, "default", "kubernetes", None).await?;
    let place = format!("the API server is to be at {}:{}", server.host, server.port);
    let shown = look_at(vec![server], patience).await.pop().unwrap_or_else(|| Ok(Vec::new()));
    let shown = shown.map_err(|why| format!("{place}, and from here it is not: {why}"))?;
    let is_known = |one: &Parsed| {
        look.found.iter().any(|known| match known.facts.found_in {
            FoundIn::Handshake => known.der() == one.der(),
            FoundIn::Kubeconfig => known.facts.is_authority && one.is_signed_by(known),
            FoundIn::File | FoundIn::Object => false,
        })
    };
    if shown.first().is_some_and(is_known) {
        Ok(())
    } else {
        Err(format!("{place}, and from here somebody else is"))
    }
}

/// Finds out where a Service is, with its first port unless one is asked for.
async fn behind(cluster: &Cluster, namespace: &str, name: &str, port: Option<u16>) -> Result<Server, String> {
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let found: Service = get(&cluster.client(), &path, None).await.map_err(|error| crate::chain(&error))?;
    let host = found.spec.cluster_ip;
    if host.parse::<IpAddr>().is_err() {
        return Err(format!("Service {namespace}/{name} has no address of its own"));
    }
    let mut ports = found.spec.ports.iter().map(|own| own.port);
    let Some(port) = ports.find(|own| port.is_none_or(|port| port == *own)) else {
        return Err(format!("Service {namespace}/{name} has no port {}", port.unwrap_or_default()));
    };
    Ok(Server { host, port, name: Some(format!("{name}.{namespace}.svc")) })
}

/// Returns what a webhook shows, with whether who calls it believes that.
fn believed(shown: &[Parsed], object: &Subject, bundle: Option<&str>) -> Option<Parsed> {
    let mut first = shown.first()?.clone();
    if let Some(bundle) = bundle {
        let mut trusted = Look::default();
        trusted.all_of(bundle, object);
        // What cannot be read of a bundle has been told, and may be what made it.
        if trusted.missing.is_empty() && !trusted.found.is_empty() {
            first.facts.chain = chain_to(shown, &trusted.found, &format!("the caBundle of {object}"));
        }
    }
    Some(first)
}

/// Says whether one of `trusted` made the first of `shown`, itself or through the others.
fn chain_to(shown: &[Parsed], trusted: &[Parsed], by: &str) -> Chain {
    let (mut at, mut left) = (shown.first(), shown.iter().skip(1).collect::<Vec<_>>());
    while let Some(one) = at {
        for authority in trusted {
            // A certificate that signed itself may be trusted as it is.
            if authority.der() == one.der() {
                return Chain::Signed { by: by.to_owned() };
            }
            if one.names_as_issuer(authority) {
                match one.signature_of(authority) {
                    Signature::Good => return Chain::Signed { by: by.to_owned() },
                    Signature::Bad => {}
                    Signature::Unread => return Chain::Unknown,
                }
            }
        }
        let next = left.iter().position(|next| one.names_as_issuer(next));
        at = next.map(|next| left.swap_remove(next));
    }
    Chain::Untrusted { by: by.to_owned() }
}

#[cfg(test)]
mod tests;
