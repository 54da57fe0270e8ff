//! What the API server makes of `DatabaseCluster`s: defaults, rules and columns.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::support::Cluster;

/// Returns what the API server says to a cluster.
async fn refused(cluster: &Cluster, name: &str, spec: &Value) -> String {
    match cluster.create(name, spec).await {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_are_shown() -> Result<()> {
    let cluster = Cluster::start().await?;
    let made = cluster.create("orders", &json!({"paused": true, "engine": {"version": "10.11.19"}})).await?;
    let spec = serde_json::to_value(&made.spec)?;
    let expected = json!({
        "engine": {"kind": "MariaDB", "version": "10.11.19"},
        "instances": 3,
        "storage": {"size": "1Gi"},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "failover": {
            "heartbeatInterval": "1s", "missedHeartbeats": 5, "dataLoss": "Never", "maxApplyLag": "2s",
            "switchoverDeadline": "30s",
        },
        "placement": {"antiAffinity": "Required"},
        "paused": true,
        "deletionPolicy": "Retain",
        "database": {"name": "app", "user": "app"},
        "terminationGracePeriodSeconds": 60,
    });
    assert_eq!(spec, expected);
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_with_a_sentence() -> Result<()> {
    let cluster = Cluster::start().await?;
    let parameters = |name: &str, value: &str| json!({"engine": {"parameters": {name: value}}});
    let cases = [
        ("orders", parameters("server_id", "7"), "server_id cannot be set"),
        ("orders", parameters("server_i", "7"), "only the beginning of an option"),
        ("orders", parameters("server-id", "7"), "in lower case and with underscores"),
        ("orders", parameters("gtid_domain_id", "7"), "gtid_* cannot be set"),
        ("orders", parameters("skip_log_bin", "1"), "without autoset_, disable_"),
        ("orders", parameters("sql_mode", "a\nserver_id=7"), "should match"),
        ("orders", json!({"instances": 0}), "greater than or equal to 1"),
        ("orders", json!({"instances": 10}), "less than or equal to 9"),
        ("orders", json!({"engine": {"version": "11.4"}}), "should match"),
        ("orders", json!({"engine": {"kind": "Oracle"}}), "supported values"),
        ("orders", json!({"storage": {"size": "0Gi"}}), "such as 10Gi"),
        ("orders", json!({"failover": {"heartbeatInterval": "10ms"}}), "every 100ms to 1m"),
        ("orders", json!({"failover": {"maxApplyLag": "soon"}}), "should match"),
        (
            "orders",
            json!({"failover": {"preferredInstance": "orders-3"}}),
            "must be an instance of the cluster",
        ),
        ("orders", json!({"database": {"name": "mysql"}}), "the server's own"),
        ("orders", json!({"database": {"user": "root"}}), "the server's own"),
        ("a.b", json!({}), "Pods and Services are named after it"),
        ("a-name-that-is-so-long-that-no-service-can-be-named-after-it", json!({}), "at most 50"),
    ];
    for (name, spec, sentence) in cases {
        let said = refused(&cluster, name, &spec).await;
        ensure!(said.contains(sentence), "{spec}: {said}");
    }
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_cannot_be_unmade() -> Result<()> {
    let cluster = Cluster::start().await?;
    let spec = json!({
        "paused": true, "storage": {"size": "2Gi", "storageClassName": "fast"},
        "failover": {"preferredInstance": "orders-2"},
        "engine": {"parameters": {"max_connections": "500", "slow_query_log": "ON"}},
    });
    cluster.create("orders", &spec).await?;
    let cases = [
        (json!({"storage": {"size": "1Gi"}}), "volumes cannot shrink"),
        (json!({"storage": {"storageClassName": "slow"}}), "storageClassName cannot be changed"),
        (json!({"storage": {"storageClassName": null}}), "storageClassName cannot be changed"),
        (json!({"database": {"name": "other"}}), "cannot be renamed"),
        (json!({"instances": 2}), "must be an instance of the cluster"),
    ];
    for (patch, sentence) in cases {
        let said = match cluster.patch("orders", &json!({"spec": patch})).await {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.to_string(),
        };
        ensure!(said.contains(sentence), "{patch}: {said}");
    }
    cluster.patch("orders", &json!({"spec": {"storage": {"size": "2048Mi"}}})).await?;
    cluster.patch("orders", &json!({"spec": {"storage": {"size": "3Gi"}, "instances": 5}})).await?;
    cluster.stop().await
}
