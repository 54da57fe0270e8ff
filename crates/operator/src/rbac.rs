//! What the operator may do, as data for whoever installs it.

use k8s_openapi::api::rbac::v1::ClusterRole;
use serde_json::json;

/// The name of the role.
pub const ROLE: &str = "stanchion:operator";

/// Returns the role of the operator: what it does and no more.
///
/// Secrets and `ConfigMap`s are read by their names and never listed.
pub fn role() -> ClusterRole {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [
            {"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters"], "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters/status"], "verbs": ["patch"]},
            {"apiGroups": ["stanchion.dev"], "resources": ["databaseclusters/finalizers"], "verbs": ["update"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create", "delete"]},
            {
                "apiGroups": [""], "resources": ["persistentvolumeclaims"],
                "verbs": ["get", "list", "watch", "create", "patch", "delete"],
            },
            {
                "apiGroups": [""], "resources": ["services", "serviceaccounts"],
                "verbs": ["get", "list", "watch", "create", "patch"],
            },
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch", "delete"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
            {
                "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"],
                "verbs": ["get", "list", "watch", "create", "patch", "delete"],
            },
        ],
    });
    serde_json::from_value(role).expect("the role is one; a test makes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_listed() {
        let rules = role().rules.expect("rules");
        let of_secrets =
            rules.iter().filter(|rule| rule.resources.iter().flatten().any(|it| it == "secrets"));
        for rule in of_secrets {
            assert!(!rule.verbs.iter().any(|verb| verb == "list" || verb == "watch" || verb == "*"));
        }
    }
}
