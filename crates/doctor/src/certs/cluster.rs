//! Certificates of a cluster: what its API server and kubelets show, whom the API server trusts when it calls webhooks, those of
//! the kubeconfig, and those in Secrets if that is asked for. Private keys are not looked at.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use stanchion_doctor_core::{FoundIn, Meta, Node, Subject};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::handshake;
use super::parse::Parsed;
use crate::chain;
use crate::cluster::Cluster;
use crate::cluster::page::{PageError, list};

/// So many kubelets are asked what they show.
const NODES: usize = 200;
/// So many at a time.
const AT_ONCE: usize = 20;
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
}

/// Where the authorities stand that the API server trusts.
const BUNDLES: [(&str, &str); 4] = [
    (
        "ValidatingWebhookConfiguration",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    ),
    ("MutatingWebhookConfiguration", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
    ("APIService", "/apis/apiregistration.k8s.io/v1/apiservices"),
    ("CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
];

/// An object that says whom the API server trusts, in one of three ways.
#[derive(Debug, Deserialize)]
struct Trusting {
    metadata: Meta,
    #[serde(default)]
    webhooks: Vec<Webhook>,
    #[serde(default)]
    spec: TrustingSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TrustingSpec {
    #[serde(rename = "caBundle")]
    bundle: Option<String>,
    conversion: Conversion,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Conversion {
    webhook: Option<Webhook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Webhook {
    client_config: ClientConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClientConfig {
    #[serde(rename = "caBundle")]
    bundle: Option<String>,
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
struct Look {
    found: Vec<Parsed>,
    missing: Vec<String>,
}

/// Reads all of it; what cannot be read is told.
pub(super) async fn read(options: &ClusterCertificates, patience: Duration) -> (Vec<Parsed>, Vec<String>) {
    let mut look = Look::default();
    let cluster = &options.cluster;
    look.own(cluster);
    if let Some((address, by_other_name)) = cluster.tls_address() {
        let done = timeout(patience, handshake::look(&address)).await;
        let shown = done
            .map_err(|_| format!("no answer for {patience:?}"))
            .and_then(|done| done.map_err(|error| chain(&error)));
        match shown {
            Ok(mut shown) => {
                if let Some(first) = shown.first_mut().filter(|_| by_other_name) {
                    first.facts.lacks_name = None;
                }
                look.found.extend(shown);
            }
            Err(why) => look.missing.push(format!("{address}: {why}")),
        }
    }
    for (kind, path) in BUNDLES {
        look.bundles(cluster, kind, path).await;
    }
    if options.secrets {
        look.secrets(cluster).await;
    }
    if options.nodes {
        look.kubelets(cluster, patience).await;
    }
    (look.found, look.missing)
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

    /// Takes of a bundle the authority that lasts the longest: the others may be on their way out.
    fn longest(&mut self, bundle: &str, object: &Subject) {
        let mut all = Self::default();
        match STANDARD.decode(bundle) {
            Ok(pem) => {
                for der in CertificateDer::pem_slice_iter(&pem) {
                    match der {
                        Ok(der) => all.take(der, &object.to_string(), FoundIn::Object, Some(object.clone())),
                        Err(error) => {
                            self.missing.push(format!("{object}: its caBundle is no PEM: {error:?}"));
                        }
                    }
                }
            }
            Err(error) => self.missing.push(format!("{object}: its caBundle is no base64: {error}")),
        }
        self.missing.append(&mut all.missing);
        let longest = all.found.into_iter().max_by_key(|parsed| parsed.facts.not_after);
        let is_known = |one: &Parsed, all: &[Parsed]| {
            all.iter().any(|known| known.facts.object == one.facts.object && known.der() == one.der())
        };
        if let Some(longest) = longest.filter(|longest| !is_known(longest, &self.found)) {
            self.found.push(longest);
        }
    }

    async fn bundles(&mut self, cluster: &Cluster, kind: &str, path: &str) {
        let (client, mut all) = (cluster.client(), Vec::new());
        let read = list(&client, path, "", None, |one: Trusting| {
            let object = one.metadata.subject(kind);
            let webhooks = one.webhooks.into_iter().chain(one.spec.conversion.webhook);
            let bundles = webhooks.filter_map(|webhook| webhook.client_config.bundle).chain(one.spec.bundle);
            all.extend(bundles.filter(|bundle| !bundle.is_empty()).map(|bundle| (object.clone(), bundle)));
        });
        self.note(path, read.await);
        for (object, bundle) in all {
            self.longest(&bundle, &object);
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

    /// Shakes hands with kubelets. The API server reaches them by address and does not compare names, so neither is done here.
    async fn kubelets(&mut self, cluster: &Cluster, patience: Duration) {
        const PATH: &str = "/api/v1/nodes";
        let (client, mut all) = (cluster.client(), Vec::new());
        let read = list(&client, PATH, "", None, |node: Node| {
            let at = node.kubelet().map(|(address, port)| {
                if address.contains(':') {
                    format!("[{address}]:{port}")
                } else {
                    format!("{address}:{port}")
                }
            });
            all.extend(at.filter(|_| node.is_ready()).map(|at| (node.meta.subject("Node"), at)));
        });
        self.note(PATH, read.await);
        if all.len() > NODES {
            self.missing
                .push(format!("only {NODES} of {} kubelets are asked for their certificates", all.len()));
            all.truncate(NODES);
        }
        let mut failed = Vec::new();
        for some in all.chunks(AT_ONCE) {
            let mut asked = JoinSet::new();
            for (node, at) in some.iter().cloned() {
                asked.spawn(async move { (timeout(patience, handshake::look(&at)).await, node, at) });
            }
            for (shown, node, at) in asked.join_all().await {
                match shown {
                    Ok(Ok(shown)) => self.found.extend(shown.into_iter().take(1).map(|mut parsed| {
                        parsed.facts.lacks_name = None;
                        parsed.facts.object = Some(node.clone());
                        parsed
                    })),
                    Ok(Err(error)) => failed.push(format!("{node} at {at}: {}", chain(&error))),
                    Err(_) => failed.push(format!("{node} at {at}: no answer for {patience:?}")),
                }
            }
        }
        failed.sort_unstable();
        let more = failed.len().saturating_sub(TOLD);
        failed.truncate(TOLD);
        self.missing.append(&mut failed);
        if more > 0 {
            self.missing.push(format!("{more} more kubelets show no certificate"));
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
