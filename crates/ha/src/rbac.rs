//! What a manager may do in the Kubernetes API.

use k8s_openapi::api::rbac::v1::ClusterRole;
use serde_json::json;

/// The name of the role.
pub const ROLE: &str = "stanchion:ha-manager";

/// Returns the role: it reads clusters and Pods, and shows who writes.
///
/// # Panics
///
/// Never: what stands here is a role, as a test sees.
pub fn role() -> ClusterRole {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [
            {"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
            {
                "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
                "verbs": ["create", "get", "patch"],
            },
        ],
    });
    serde_json::from_value(role).expect("the role is one; a test makes it")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_role_is_one() {
        assert_eq!(super::role().rules.map(|rules| rules.len()), Some(5));
    }
}
