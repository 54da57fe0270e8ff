//! Whom the API server trusts when it calls others, and where it calls them.

use serde::Deserialize;
use stanchion_doctor_core::{Meta, Subject};

use super::Look;
use crate::cluster::Cluster;
use crate::cluster::page::list;

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
pub(super) struct Trusting {
    metadata: Meta,
    #[serde(default)]
    pub(super) webhooks: Vec<Webhook>,
    #[serde(default)]
    pub(super) spec: TrustingSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TrustingSpec {
    #[serde(rename = "caBundle")]
    pub(super) bundle: Option<String>,
    pub(super) conversion: Conversion,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Conversion {
    pub(super) webhook: Option<Webhook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Webhook {
    pub(super) client_config: ClientConfig,
}

/// How the API server calls a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub(super) struct ClientConfig {
    /// Whom it trusts, in PEM in base64; without it whom its machine trusts.
    #[serde(rename = "caBundle")]
    pub(super) bundle: Option<String>,
    /// Where the webhook is.
    pub(super) url: Option<String>,
    /// The Service that leads to it.
    pub(super) service: Option<ServiceName>,
}

/// A Service, and its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct ServiceName {
    pub(super) namespace: String,
    pub(super) name: String,
    #[serde(default = "https")]
    pub(super) port: u16,
}

fn https() -> u16 {
    443
}

/// A webhook that an object has called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Called {
    /// The object.
    pub(super) object: Subject,
    /// Where, and whom the API server trusts there.
    pub(super) config: ClientConfig,
}

/// Takes all bundles, and returns the webhooks that are called.
pub(super) async fn read(look: &mut Look, cluster: &Cluster) -> Vec<Called> {
    let (client, mut called) = (cluster.client(), Vec::new());
    for (kind, path) in BUNDLES {
        let mut bundles = Vec::new();
        let read = list(&client, path, "", None, |one: Trusting| {
            let object = one.metadata.subject(kind);
            let configs: Vec<_> = one
                .webhooks
                .into_iter()
                .chain(one.spec.conversion.webhook)
                .map(|one| one.client_config)
                .collect();
            let all = configs.iter().filter_map(|config| config.bundle.clone()).chain(one.spec.bundle);
            bundles.extend(all.filter(|bundle| !bundle.is_empty()).map(|bundle| (object.clone(), bundle)));
            called.extend(configs.into_iter().map(|config| Called { object: object.clone(), config }));
        });
        let read = read.await;
        look.note(path, read);
        for (object, bundle) in bundles {
            look.bundle(&bundle, &object);
        }
    }
    called
}
