//! Certificates of a cluster: what its API server and kubelets show, whom the API server trusts when it calls webhooks, those of
//! the kubeconfig, and those in Secrets if that is asked for. Private keys are not looked at.

mod kubelets;
mod trusting;
mod webhooks;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use stanchion_doctor_core::{FoundIn, Meta, Subject};

use super::handshake::{Server, look_at};
use super::parse::Parsed;
use crate::chain;
use crate::cluster::Cluster;
use crate::cluster::page::{PageError, list};

/// So many failures are told by name.
const TOLD: usize = 5;

/// Which certificates of a cluster to look at.
#[derive(Clone, Debug)]
pub struct ClusterCertificates {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether to read Secrets of the type `kubernetes.io/tls`.
    pub secrets: bool,
    /// Whether to shake hands with kubelets.
    pub nodes: bool,
    /// Whether to shake hands with webhooks.
    pub webhooks: bool,
}

/// A Secret, without its key.
#[derive(Debug, Deserialize)]
struct TlsSecret {
    metadata: Meta,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    data: TlsData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TlsData {
    #[serde(rename = "tls.crt")]
    certificate: Option<String>,
}

/// What was found, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) found: Vec<Parsed>,
    /// Authorities that are trusted, too, and not judged.
    pub(super) others: Vec<Parsed>,
    pub(super) missing: Vec<String>,
}

/// Reads all of it; what cannot be read is told.
pub(super) async fn read(options: &ClusterCertificates, patience: Duration) -> Look {
    let mut look = Look::default();
    let cluster = &options.cluster;
    look.own(cluster);
    look.api_server(cluster, patience).await;
    let called = trusting::read(&mut look, cluster).await;
    if options.secrets {
        look.secrets(cluster).await;
    }
    if options.nodes {
        kubelets::read(&mut look, cluster, patience).await;
    }
    if options.webhooks {
        webhooks::read(&mut look, cluster, called, patience).await;
    }
    look
}

impl Look {
    /// Takes the authority and the certificate of the kubeconfig.
    fn own(&mut self, cluster: &Cluster) {
        let source = format!("kubeconfig of {}", cluster.server());
        for authority in cluster.authorities() {
            let der = CertificateDer::from(authority.clone());
            self.take(der, &format!("{source}, authority"), FoundIn::Kubeconfig, None);
        }
        match cluster.client_certificate() {
            Some(Ok(pem)) => self.first(&pem, &format!("{source}, user"), FoundIn::Kubeconfig, None),
            Some(Err(why)) => self.missing.push(format!("{source}, user: {why}")),
            None => {}
        }
    }

    /// Takes what the API server shows.
    async fn api_server(&mut self, cluster: &Cluster, patience: Duration) {
        let Some((address, by_other_name)) = cluster.tls_address() else { return };
        let shown = match Server::at(&address) {
            Ok(server) => look_at(vec![server], patience).await.pop(),
            Err(error) => Some(Err(chain(&error))),
        };
        match shown {
            Some(Ok(mut shown)) => {
                if let Some(first) = shown.first_mut().filter(|_| by_other_name) {
                    first.facts.lacks_name = None;
                }
                self.found.extend(shown);
            }
            Some(Err(why)) => self.missing.push(format!("{address}: {why}")),
            None => {}
        }
    }

    /// Tells some of what failed by name.
    fn tell(&mut self, mut failed: Vec<String>, more: impl FnOnce(usize) -> String) {
        failed.sort_unstable();
        let others = failed.len().saturating_sub(TOLD);
        failed.truncate(TOLD);
        self.missing.append(&mut failed);
        if others > 0 {
            self.missing.push(more(others));
        }
    }

    /// Takes a certificate.
    fn take(
        &mut self,
        der: CertificateDer<'static>,
        source: &str,
        found_in: FoundIn,
        object: Option<Subject>,
    ) {
        match Parsed::new(der, source.to_owned(), found_in) {
            Ok(mut parsed) => {
                parsed.facts.object = object;
                self.found.push(parsed);
            }
            Err(error) => self.missing.push(format!("{source}: {error}")),
        }
    }

    /// Takes the first certificate of a chain.
    fn first(&mut self, pem: &[u8], source: &str, found_in: FoundIn, object: Option<Subject>) {
        match CertificateDer::pem_slice_iter(pem).next() {
            Some(Ok(der)) => self.take(der, source, found_in, object),
            Some(Err(error)) => self.missing.push(format!("{source}: it is no PEM: {error:?}")),
            None => {}
        }
    }

    /// Takes a bundle. The authority that lasts the longest stands for it: the others may be on their way out, and are only
    /// kept to compare with.
    fn bundle(&mut self, bundle: &str, object: &Subject) {
        let mut own = Self::default();
        own.all_of(bundle, object);
        self.missing.append(&mut own.missing);
        let longest = own.found.iter().map(|parsed| parsed.facts.not_after).max();
        for one in own.found {
            let is_same =
                |known: &&Parsed| known.facts.object == one.facts.object && known.der() == one.der();
            if self.found.iter().chain(&self.others).any(|known| is_same(&known)) {
                continue;
            }
            let stands_for_it = Some(one.facts.not_after) == longest;
            if stands_for_it { self.found.push(one) } else { self.others.push(one) }
        }
    }

    /// Takes all that is in a bundle.
    fn all_of(&mut self, bundle: &str, object: &Subject) {
        match STANDARD.decode(bundle) {
            Ok(pem) => {
                for der in CertificateDer::pem_slice_iter(&pem) {
                    match der {
                        Ok(der) => self.take(der, &object.to_string(), FoundIn::Object, Some(object.clone())),
                        Err(error) => {
                            self.missing.push(format!("{object}: its caBundle is no PEM: {error:?}"));
                        }
                    }
                }
            }
            Err(error) => self.missing.push(format!("{object}: its caBundle is no base64: {error}")),
        }
    }

    async fn secrets(&mut self, cluster: &Cluster) {
        const SECRETS: &str = "/api/v1/secrets";
        let (client, mut all) = (cluster.client(), Vec::new());
        let read =
            list(&client, SECRETS, "fieldSelector=type%3Dkubernetes.io%2Ftls", None, |one: TlsSecret| {
                if let Some(certificate) = one.data.certificate.filter(|_| one.kind == "kubernetes.io/tls") {
                    all.push((one.metadata.subject("Secret"), certificate));
                }
            });
        self.note(SECRETS, read.await);
        for (object, certificate) in all {
            match STANDARD.decode(certificate) {
                Ok(pem) => self.first(&pem, &object.to_string(), FoundIn::Object, Some(object.clone())),
                Err(error) => self.missing.push(format!("{object}: it is no base64: {error}")),
            }
        }
    }

    /// Notes what could not be read; an API that has no such kind has none of them.
    fn note(&mut self, path: &str, read: Result<(), PageError>) {
        match read {
            Err(error) if !error.is_absent() => {
                let why = chain(&error);
                self.missing.push(if why.starts_with(path) { why } else { format!("{path}: {why}") });
            }
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
