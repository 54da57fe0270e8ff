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
use parse::Parsed;
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
        Ok((found, missing)) => {
            let read = found.len();
            facts.certificates = judge(found);
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

async fn read(options: &CertificateOptions) -> (Vec<Parsed>, Vec<String>) {
    let directories = options.directories.clone();
    let files = tokio::task::spawn_blocking(move || file::read_all(&directories)).await;
    let (mut found, mut missing) =
        files.unwrap_or_else(|error| (Vec::new(), vec![format!("the files could not be read: {error}")]));
    for server in &options.servers {
        match timeout(options.connect_timeout, handshake::look(server)).await {
            Ok(Ok(shown)) => found.extend(shown),
            Ok(Err(error)) => missing.push(format!("{server}: {}", crate::chain(&error))),
            Err(_) => missing.push(format!("{server}: no answer for {:?}", options.connect_timeout)),
        }
    }
    if let Some(cluster) = &options.cluster {
        let (mut more, mut not) = cluster::read(cluster, options.connect_timeout).await;
        found.append(&mut more);
        missing.append(&mut not);
    }
    (found, missing)
}

/// Compares certificates with the authorities among them.
fn judge(found: Vec<Parsed>) -> Vec<stanchion_doctor_core::Certificate> {
    let chains: Vec<_> = found.iter().map(|certificate| chain_of(certificate, &found)).collect();
    let judged = found.into_iter().zip(chains);
    judged.map(|(parsed, chain)| stanchion_doctor_core::Certificate { chain, ..parsed.facts }).collect()
}

/// Says whether one of `all` made a certificate: of several authorities of that name, as while one is replaced, any.
fn chain_of(certificate: &Parsed, all: &[Parsed]) -> Chain {
    if certificate.is_self_signed() {
        return Chain::Unknown;
    }
    let mut chain = Chain::Unknown;
    for authority in all.iter().filter(|authority| authority.facts.is_authority) {
        if !certificate.names_as_issuer(authority) {
            continue;
        }
        let by = authority.facts.source.clone();
        if certificate.is_signed_by(authority) {
            return Chain::Signed { by };
        }
        chain = Chain::Foreign { by };
    }
    chain
}

#[cfg(test)]
mod tests;
