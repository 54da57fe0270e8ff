//! Network policies and ingress classes.

use serde_json::{Value, json};

use super::fields::{child, fill_absent, items};

/// Fills in the protocols of ports and the directions a policy is about.
pub(super) fn apply_policy(object: &mut Value) {
    let spec = child(object, "spec");
    for direction in ["ingress", "egress"] {
        for rule in items(spec, direction) {
            for port in items(rule, "ports") {
                fill_absent(port, "protocol", "TCP");
            }
        }
    }
    let is_empty = |value: Option<&Value>| value.and_then(Value::as_array).is_none_or(Vec::is_empty);
    if is_empty(spec.get("policyTypes")) {
        let both = !is_empty(spec.get("egress"));
        spec.insert(
            "policyTypes".to_owned(),
            if both { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) },
        );
    }
}

/// Says that parameters of an ingress class belong to the cluster.
pub(super) fn apply_ingress_class(object: &mut Value) {
    let parameters = child(object, "spec").get_mut("parameters").and_then(Value::as_object_mut);
    if let Some(parameters) = parameters {
        fill_absent(parameters, "scope", "Cluster");
    }
}
