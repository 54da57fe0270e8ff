//! What a cluster of one machine has from the start.

use std::net::Ipv4Addr;

use anyhow::Context;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Who owns the fields of what is made here.
const MANAGER: &str = "stanchion";

/// Makes what is missing, and brings back what was changed: rights of nodes, and the Service of cluster DNS.
pub(crate) async fn furnish(client: &Client, dns: Option<Ipv4Addr>) -> anyhow::Result<()> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "stanchion:nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}],
    });
    apply::<ClusterRoleBinding>(&Api::all(client.clone()), "stanchion:nodes", &binding).await?;
    if let Some(address) = dns {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}},
            "spec": {
                "clusterIP": address.to_string(),
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        });
        apply::<Service>(&Api::namespaced(client.clone(), "kube-system"), "kube-dns", &service).await?;
    }
    Ok(())
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value) -> anyhow::Result<()>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let parameters = PatchParams::apply(MANAGER).force();
    let applied = api.patch(name, &parameters, &Patch::Apply(object)).await;
    applied.map(drop).with_context(|| format!("cannot apply {} {name}", object["kind"]))
}
