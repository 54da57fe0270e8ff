use serde_json::{Value, json};
use stanchion_ha_core::Millis;

use super::*;
use crate::settings::settings;

fn cluster(spec: &Value) -> DatabaseCluster {
    let mut full = json!({"storage": {"size": "10Gi"}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        full[key] = value.clone();
    }
    let object = json!({
        "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster",
        "metadata": {"namespace": "shop", "name": "orders", "uid": "u", "generation": 7}, "spec": full,
    });
    serde_json::from_value(object).expect("a cluster")
}

fn problems(spec: &Value) -> Vec<String> {
    let invalid = validate(&cluster(spec)).expect_err("problems");
    invalid.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_complete() {
    let valid = validate(&cluster(&json!({}))).expect("valid");
    assert_eq!(valid.image, "mariadb:10.11");
    assert_eq!(valid.generation, 7);
    let members: Vec<String> = valid.members.iter().map(|(name, id)| format!("{name}={}", id.0)).collect();
    assert_eq!(members, ["orders-0=1", "orders-1=2", "orders-2=3"]);
    let settings = settings(&valid);
    assert_eq!(settings.check(), Ok(()));
    assert_eq!((settings.heartbeat_interval, settings.missed_heartbeats), (Millis(1_000), 5));
    assert_eq!(settings.max_apply_lag, Millis(2_000));
}

#[test]
fn all_problems_are_told_at_once() {
    let told = problems(&json!({
        "instances": 12,
        "engine": {"version": "11.4", "parameters": {"server_id": "3", "sql_mode": "a\nb"}},
        "failover": {"heartbeatInterval": "soon", "maxApplyLag": "2h", "preferredInstance": "orders-9"},
        "storage": {"size": "0"},
        "database": {"name": "mysql", "user": "replication_1"},
    }));
    assert_eq!(
        told,
        [
            "spec.instances: 12 is not within 1 and 9",
            "spec.failover.preferredInstance: the cluster has no instance \"orders-9\"",
            "spec.failover.heartbeatInterval: \"soon\" is no length of time: write it like 500ms, 2s or 1m30s",
            "spec.failover.maxApplyLag: it must be within 0ns and 3600s",
            "spec.engine.version: \"11.4\" is not supported; 10.11 is",
            "spec.engine.parameters: \"server_id\" cannot be set: Stanchion sets server_id, or failover relies on how \
             it is",
            "spec.engine.parameters: the value of \"sql_mode\" has quotes, control characters, or more than 1024 bytes",
            "spec.storage.size: \"0\" is no size of a volume; write it like 10Gi",
            "spec.database.name: \"mysql\" cannot be used",
            "spec.database.user: \"replication_1\" cannot be used",
        ]
    );
}
