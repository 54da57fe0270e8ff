use std::sync::Arc;

use stanchion_api::validate;
use stanchion_store::{Options as StoreOptions, Store};

use super::*;
use crate::options::{Options, SecurityMode, StoreTls, StoreUsers};

/// Makes a cluster `shop/orders` from fields of its spec.
pub(crate) fn cluster(spec: &Value) -> ValidCluster {
    let mut full = json!({"storage": {"size": "10Gi"}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        full[key] = value.clone();
    }
    let object = json!({
        "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster",
        "metadata": {"namespace": "shop", "name": "orders", "uid": "u", "generation": 1}, "spec": full,
    });
    let object: DatabaseCluster = serde_json::from_value(object).expect("a cluster");
    validate(&object).expect("a spec that makes sense")
}

fn options(dir: &tempfile::TempDir) -> Options {
    let store = Store::open(StoreOptions::new(dir.path().join("store"))).expect("a store");
    let bytes = |text: &str| text.as_bytes().to_vec();
    Options {
        agent_image: "stanchion".to_owned(),
        store_endpoints: vec!["https://127.0.0.1:2379".to_owned()],
        store_tls: Some(StoreTls {
            ca: bytes("a"),
            agents: StoreUsers::Shared { certificate: bytes("b"), key: bytes("c") },
        }),
        store: Arc::new(store),
        security: SecurityMode::Image,
    }
}

#[test]
fn a_pod_is_what_the_snapshot_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest =
        pod::pod(&cluster(&json!({"resources": {"limits": {"memory": "1Gi"}}})), 1, &options(&dir));
    let mut body = manifest.body;
    body["metadata"]["annotations"][pod::TEMPLATE] = json!("HASH");
    let made = serde_json::to_string_pretty(&body).expect("JSON");
    let expected = include_str!("pod.json");
    assert_eq!(made.trim(), expected.trim(), "if this is meant, replace build/pod.json by:\n{made}");
}

#[test]
fn the_template_changes_with_what_the_agent_reads_and_with_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(&dir);
    let of = |spec: &Value| pod::template(&pod::pod(&cluster(spec), 0, &options)).to_owned();
    let plain = of(&json!({}));
    assert_eq!(plain, of(&json!({"instances": 5, "failover": {"maxApplyLag": "5s"}})));
    assert_ne!(plain, of(&json!({"engine": {"parameters": {"max_connections": "500"}}})));
    assert_ne!(plain, of(&json!({"engine": {"version": "10.11.19"}})));
    assert_ne!(plain, of(&json!({"terminationGracePeriodSeconds": 90})));
    let node = Options { security: SecurityMode::Node, ..options.clone() };
    assert!(pod::pod(&cluster(&json!({})), 0, &node).body["spec"]["securityContext"].is_null());
}

#[test]
fn the_agent_is_told_where_everything_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = agent::config_map(&cluster(&json!({})), &options(&dir));
    let text = manifest.body["data"]["agent.json"].as_str().expect("text");
    let config: Value = serde_json::from_str(text).expect("JSON");
    let expected = json!({
        "cluster": "orders",
        "store": {
            "endpoints": ["https://127.0.0.1:2379"],
            "caFile": "/etc/stanchion/store/ca.crt",
            "certFile": "/etc/stanchion/store/tls.crt",
            "keyFile": "/etc/stanchion/store/tls.key",
        },
        "dataDirectory": "/var/lib/mysql", "temporaryDirectory": "/var/lib/mysql-tmp",
        "parameters": {}, "databasePort": 3306, "agentPort": 8377,
        "database": "app", "user": "app", "graceSeconds": 60,
    });
    assert_eq!(config, expected);
}

#[test]
fn a_budget_lets_one_go_and_never_blocks_a_drain() {
    let stay = |instances: i32| {
        budget(&cluster(&json!({"instances": instances}))).map(|it| it.body["spec"]["minAvailable"].clone())
    };
    assert_eq!((stay(1), stay(2), stay(5)), (None, Some(json!(1)), Some(json!(4))));
}

#[test]
fn only_the_managers_word_leads_to_the_primary() {
    let [primary, replicas, instances] = network::services(&cluster(&json!({})));
    assert!(primary.body["spec"]["selector"].is_null());
    assert_eq!(
        replicas.body["spec"]["selector"],
        json!({"stanchion.dev/cluster": "orders", "stanchion.dev/role": "replica"})
    );
    assert_eq!(instances.body["spec"]["publishNotReadyAddresses"], true);
    assert!(
        network::certificate_names(&cluster(&json!({}))).contains(&"*.orders-instances.shop.svc".to_owned())
    );
}

#[test]
fn volumes_belong_to_nobody() {
    let manifest =
        claim::claim(&cluster(&json!({"storage": {"size": "5Gi", "storageClassName": "fast"}})), 2);
    assert_eq!(manifest.key.name, "data-orders-2");
    assert!(manifest.body["metadata"]["ownerReferences"].is_null());
    assert_eq!(manifest.body["spec"]["storageClassName"], "fast");
}
