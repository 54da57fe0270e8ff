//! Certificates: in files and kubeconfigs, and such that servers show.

mod cluster;
mod file;
mod handshake;
mod parse;
mod renew;

use std::path::PathBuf;
use std::time::Duration;

use stanchion_doctor_core::{Chain, Facts, Need, Reading};
use tokio::time::timeout;

pub use cluster::ClusterCertificates;
use cluster::Look;
use handshake::Server;
use parse::{Parsed, Signature};
pub use renew::restart::{RestartError, restart_static_pod};
pub use renew::{AnewError, RenewError, SwapError, renew_certificates, survey_certificates};

/// Where certificates are.
#[derive(Clone, Debug, Default)]
pub struct CertificateOptions {
    /// Directories with certificates and kubeconfigs, as `/etc/kubernetes` and `/var/lib/kubelet/pki`; those in them, too.
    pub directories: Vec<PathBuf>,
    /// Servers to shake hands with, as `host:port`.
    pub servers: Vec<String>,
    /// A cluster whose certificates are looked at.
    pub cluster: Option<ClusterCertificates>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
}

/// Reads all certificates into `facts`, and notes what could not be.
pub async fn read_certificates(options: &CertificateOptions, facts: &mut Facts) {
    let named = options.directories.iter().map(|path| path.display().to_string());
    let cluster = options.cluster.iter().map(|one| one.cluster.server().to_owned());
    let source = named.chain(options.servers.iter().cloned()).chain(cluster).collect::<Vec<_>>().join(", ");
    let reading = match timeout(Need::Certificates.deadline(), read(options)).await {
        Ok(Look { found, others, missing }) => {
            let read = found.len();
            facts.certificates = judge(found, &others);
            match (read, missing.is_empty()) {
                (_, true) => Reading::Read { source },
                (0, false) => Reading::Failed { source, why: missing.join("; ") },
                (_, false) => Reading::Partly { source, missing },
            }
        }
        Err(_) => {
            Reading::Failed { source, why: format!("no end after {:?}", Need::Certificates.deadline()) }
        }
    };
    facts.note(Need::Certificates, reading);
}

async fn read(options: &CertificateOptions) -> Look {
    let directories = options.directories.clone();
    let files = tokio::task::spawn_blocking(move || file::read_all(&directories)).await;
    let (mut found, mut missing) =
        files.unwrap_or_else(|error| (Vec::new(), vec![format!("the files could not be read: {error}")]));
    let (mut servers, mut places) = (Vec::new(), Vec::new());
    for place in &options.servers {
        match Server::at(place) {
            Ok(server) => {
                servers.push(server);
                places.push(place);
            }
            Err(error) => missing.push(format!("{place}: {}", crate::chain(&error))),
        }
    }
    let looks = handshake::look_at(servers, options.connect_timeout).await;
    for (place, shown) in places.into_iter().zip(looks) {
        match shown {
            Ok(shown) => found.extend(shown),
            Err(why) => missing.push(format!("{place}: {why}")),
        }
    }
    let mut look = Look { found, others: Vec::new(), missing };
    if let Some(cluster) = &options.cluster {
        let mut own = cluster::read(cluster, options.connect_timeout).await;
        look.found.append(&mut own.found);
        look.others.append(&mut own.others);
        look.missing.append(&mut own.missing);
    }
    look
}

/// Compares certificates with the authorities among them and with others, unless it is known already whom they are of.
fn judge(found: Vec<Parsed>, others: &[Parsed]) -> Vec<stanchion_doctor_core::Certificate> {
    let chain = |certificate: &Parsed| match &certificate.facts.chain {
        Chain::Unknown => chain_of(certificate, found.iter().chain(others)),
        known => known.clone(),
    };
    let chains: Vec<_> = found.iter().map(chain).collect();
    let judged = found.into_iter().zip(chains);
    judged.map(|(parsed, chain)| stanchion_doctor_core::Certificate { chain, ..parsed.facts }).collect()
}

/// Says whether one of `all` made a certificate: of several authorities of that name, as while one is replaced, any. If of
/// one that cannot be told, nothing is concluded from the others.
fn chain_of<'a>(certificate: &Parsed, all: impl Iterator<Item = &'a Parsed>) -> Chain {
    if certificate.is_self_signed() {
        return Chain::Unknown;
    }
    let (mut chain, mut is_certain) = (Chain::Unknown, true);
    for authority in all.filter(|authority| authority.facts.is_authority) {
        if !certificate.names_as_issuer(authority) {
            continue;
        }
        let by = authority.facts.source.clone();
        match certificate.signature_of(authority) {
            Signature::Good => return Chain::Signed { by },
            Signature::Bad => chain = Chain::Foreign { by },
            Signature::Unread => is_certain = false,
        }
    }
    if is_certain { chain } else { Chain::Unknown }
}

#[cfg(test)]
mod tests;
