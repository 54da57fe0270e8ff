//! The claims of the volumes. They belong to nobody: volumes outlive Pods and clusters.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::json;
use stanchion_api::{ValidCluster, names};

use super::Manifest;

/// Returns the claim of an instance's data.
pub fn claim(cluster: &ValidCluster, ordinal: u32) -> Manifest {
    let mut fields = json!({
        "metadata": {"labels": {names::ORDINAL: ordinal.to_string()}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": cluster.storage.size}},
        },
    });
    if let Some(class) = &cluster.storage.class {
        fields["spec"]["storageClassName"] = json!(class);
    }
    let name = names::claim(cluster.name.name(), ordinal);
    Manifest::labelled::<PersistentVolumeClaim>(cluster, &name, fields)
}
