//! Autoscalers: what they measure and how fast they act, if they say nothing.

use serde_json::{Map, Value, json};

use super::fields::{child, fill_absent};

/// Fills in an autoscaler of either version; metrics and behaviour exist in `v2`.
pub(super) fn apply(object: &mut Value) {
    let is_v1 = object.get("apiVersion").and_then(Value::as_str) == Some("autoscaling/v1");
    let spec = child(object, "spec");
    fill_absent(spec, "minReplicas", 1);
    if is_v1 {
        return;
    }
    if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let target = json!({ "type": "Utilization", "averageUtilization": 80 });
        let metrics = json!([{ "type": "Resource", "resource": { "name": "cpu", "target": target } }]);
        spec.insert("metrics".to_owned(), metrics);
    }
    if let Some(behavior) = spec.get_mut("behavior").filter(|behavior| behavior.is_object()) {
        fill_rules(child(behavior, "scaleUp"), true);
        fill_rules(child(behavior, "scaleDown"), false);
    }
}

fn fill_rules(rules: &mut Map<String, Value>, up: bool) {
    let percent = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
    if up {
        fill_absent(rules, "stabilizationWindowSeconds", 0);
        let pods = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
        fill_absent(rules, "policies", json!([pods, percent]));
    } else {
        fill_absent(rules, "policies", json!([percent]));
    }
    fill_absent(rules, "selectPolicy", "Max");
}
