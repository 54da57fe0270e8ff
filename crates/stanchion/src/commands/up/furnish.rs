//! What a cluster of one machine has from the start.

use std::net::Ipv4Addr;

use anyhow::Context;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Who owns the fields of what is made here.
const MANAGER: &str = "stanchion";

/// Who the controllers are.
pub(super) const CONTROLLERS: &str = "system:kube-controller-manager";
/// Who follows Services for proxy and DNS.
pub(super) const NETWORK: &str = "system:kube-proxy";
/// Who operates databases.
pub(super) const OPERATOR: &str = "stanchion-operator";
/// Who manages failovers.
pub(super) const MANAGER_OF_FAILOVERS: &str = "stanchion-ha";
/// The role of those who read databases' objects.
const READERS: &str = "stanchion:databases-reader";
/// The group of nodes.
pub(super) const NODES: &str = "system:nodes";

/// What may be done beyond the rights that every cluster gives, by the name of the role.
///
/// A kube-controller-manager gives each controller a service account; here all of them are one user, who has the
/// roles of those accounts.
const CONTROLLER_ROLES: [&str; 17] = [
    "deployment-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "generic-garbage-collector",
    "job-controller",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "root-ca-cert-publisher",
    "service-account-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
];

/// Makes what is missing, and brings back what was changed: rights of the parts, and the Service of cluster DNS.
pub(super) async fn furnish(client: &Client, dns: Option<Ipv4Addr>) -> anyhow::Result<()> {
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let network = json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]}]);
    let controllers = json!([
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
    ]);
    for (name, rules) in [("stanchion:network", network), ("stanchion:controllers", controllers)] {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules,
        });
        apply(&roles, name, &role).await?;
    }
    bind(client, "stanchion:nodes", "system:node", "Group", NODES).await?;
    bind(client, "stanchion:network", "stanchion:network", "User", NETWORK).await?;
    bind(client, "stanchion:controllers", "stanchion:controllers", "User", CONTROLLERS).await?;
    for role in CONTROLLER_ROLES {
        let role = format!("system:controller:{role}");
        bind(client, &format!("stanchion:{role}"), &role, "User", CONTROLLERS).await?;
    }
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

/// Makes what databases need: their kind, and the rights of those who look after them.
pub(super) async fn databases(client: &Client) -> anyhow::Result<()> {
    stanchion_operator::install(client).await.context("cannot make the definition of DatabaseCluster")?;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let parts = [(stanchion_operator::rbac::role(), OPERATOR), (stanchion_ha::role(), MANAGER_OF_FAILOVERS)];
    for (role, user) in parts {
        let name = role.metadata.name.clone().context("a role has no name")?;
        apply(&roles, &name, &serde_json::to_value(role)?).await?;
        bind(client, &name, &name, "User", user).await?;
    }
    // The parts of one process share what they read, and read it as the controllers.
    let readers = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": READERS},
        "rules": [{"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters"], "verbs": ["list", "watch"]}],
    });
    apply(&roles, READERS, &readers).await?;
    bind(client, READERS, READERS, "User", CONTROLLERS).await
}

async fn bind(client: &Client, name: &str, role: &str, kind: &str, subject: &str) -> anyhow::Result<()> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": subject}],
    });
    apply::<ClusterRoleBinding>(&Api::all(client.clone()), name, &binding).await
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value) -> anyhow::Result<()>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let parameters = PatchParams::apply(MANAGER).force();
    let applied = api.patch(name, &parameters, &Patch::Apply(object)).await;
    applied.map(drop).with_context(|| format!("cannot apply {} {name}", object["kind"]))
}
