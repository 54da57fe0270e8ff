//! Bindings of roles: the API groups of what they refer to.

use serde_json::Value;
use stanchion_machinery::meta::object_mut;

use super::fields::{child, fill, items, text};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Fills in the API groups of the role and of users and groups.
pub(super) fn apply(object: &mut Value) {
    fill(child(object, "roleRef"), "apiGroup", GROUP);
    for subject in items(object_mut(object), "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            fill(subject, "apiGroup", GROUP);
        }
    }
}
