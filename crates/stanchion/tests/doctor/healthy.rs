//! A cluster that nothing is wrong with, with a database that nothing is wrong with.

use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::doctor;
use crate::support::within;

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
const ORDERS: &str = include_str!("../../../../examples/orders.yaml");

#[tokio::test]
async fn a_healthy_database_on_a_healthy_ground_has_no_finding_above_info() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(ORDERS).await;
        ground.kubectl("wait --for=condition=Ready dbc/orders --timeout=80s").await.done();
        let kubeconfig = ground.kubeconfig();
        let (_, report) = doctor(&["--kubeconfig", kubeconfig.to_str().expect("a path")]).await;
        let findings = report["findings"].as_array().expect("findings");
        let above: Vec<&Value> = findings.iter().filter(|finding| finding["severity"] != "info").collect();
        assert!(above.is_empty(), "{above:#?}");
        let ran = report["run"].as_array().expect("checks");
        for check in [
            "pods/liveness-on-database",
            "workloads/replicas-together",
            "budgets/missing",
            "nodes/eviction",
            "nodes/image-gc",
            "nodes/reserved",
            "certs/kubelet-rotation",
        ] {
            assert!(ran.contains(&Value::from(check)), "{check} was not run: {report:#}");
        }
        // One node is all there is, so that its instances share it.
        assert!(
            findings.iter().any(|finding| finding["check"] == "workloads/replicas-together"),
            "{report:#}"
        );
    })
    .await;
}
