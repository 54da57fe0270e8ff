//! What a cluster's objects are, as JSON. No client, no clock, no chance.

pub mod agent;
pub mod claim;
pub mod network;
pub mod pod;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use kube::api::ApiResource;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stanchion_api::{DatabaseCluster, ValidCluster, names};
use stanchion_informers::Key;

/// An object as it is sent: complete, or the fields that the operator owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Which kind.
    pub resource: ApiResource,
    /// Namespace and name.
    pub key: Key,
    /// The object.
    pub body: Value,
}

impl Manifest {
    /// Makes an object of a cluster from the fields beside kind and metadata; the cluster owns it.
    pub fn owned<K: Resource<DynamicType = ()>>(cluster: &ValidCluster, name: &str, fields: Value) -> Self {
        let mut manifest = Self::labelled::<K>(cluster, name, fields);
        manifest.body["metadata"]["ownerReferences"] = json!([{
            "apiVersion": DatabaseCluster::api_version(&()),
            "kind": DatabaseCluster::kind(&()),
            "name": cluster.name.name(),
            "uid": cluster.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
        manifest
    }

    /// Makes an object of a cluster that outlives it.
    pub fn labelled<K: Resource<DynamicType = ()>>(
        cluster: &ValidCluster,
        name: &str,
        fields: Value,
    ) -> Self {
        let resource = ApiResource::erase::<K>(&());
        let mut body = fields;
        body["apiVersion"] = json!(resource.api_version);
        body["kind"] = json!(resource.kind);
        body["metadata"]["namespace"] = json!(cluster.name.namespace());
        body["metadata"]["name"] = json!(name);
        for (key, value) in labels(cluster) {
            body["metadata"]["labels"][key] = json!(value);
        }
        Self { resource, key: Key::new(cluster.name.namespace(), name), body }
    }

    /// Returns a text that is another one for every other object.
    pub fn hash(&self) -> String {
        hash(&self.body)
    }
}

/// Returns the labels of everything that belongs to a cluster.
pub fn labels(cluster: &ValidCluster) -> [(&'static str, &str); 4] {
    [
        ("app.kubernetes.io/name", "mariadb"),
        ("app.kubernetes.io/instance", cluster.name.name()),
        ("app.kubernetes.io/managed-by", "stanchion"),
        (names::CLUSTER, cluster.name.name()),
    ]
}

/// Returns the account of a cluster's Pods. They have no business with the API, so it has no token.
pub fn account(cluster: &ValidCluster) -> Manifest {
    let fields = json!({"automountServiceAccountToken": false});
    Manifest::owned::<ServiceAccount>(cluster, cluster.name.name(), fields)
}

/// Returns the budget that lets one instance go at a time.
///
/// None for one instance: it would stop every drain for ever. It says how many must stay and not how many may go, because
/// the latter asks the owner of the Pods for its scale, and a cluster has none.
pub fn budget(cluster: &ValidCluster) -> Option<Manifest> {
    let stay = cluster.members.len().checked_sub(1).filter(|stay| *stay > 0)?;
    let fields = json!({"spec": {
        "minAvailable": stay,
        "selector": {"matchLabels": {names::CLUSTER: cluster.name.name()}},
        // One that is not ready protects nothing.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }});
    Some(Manifest::owned::<PodDisruptionBudget>(cluster, cluster.name.name(), fields))
}

/// Returns a text that is another one for every other value.
pub(crate) fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
pub(crate) mod tests;
