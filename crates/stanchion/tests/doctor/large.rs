//! What is wrong only in large clusters, and with very many Pods.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::{all_told, doctor};
use crate::support::within;

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
const BROKEN: &str = include_str!("large/broken.yaml");
const HEALTHY: &str = include_str!("large/healthy.yaml");
const CHECKS: &str = "scheduling/anti-affinity,scheduling/scoring,scheduling/pending,dns/ndots";

async fn told(ground: &Ground, workloads: &[&str]) -> BTreeSet<String> {
    for workload in workloads {
        ground.kubectl(&format!("rollout status {workload} --timeout=80s")).await.done();
    }
    let kubeconfig = ground.kubeconfig();
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", CHECKS];
    let (_, report) = doctor(&words).await;
    assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
    all_told(&report)
}

#[tokio::test]
async fn very_many_pods_on_very_many_nodes() {
    within(LIMIT, async {
        let ground =
            Ground::start(&["--simulate-nodes", "300", "--node-name", "here", "--no-databases"]).await;
        ground.kubectl("cordon here").await.done();
        ground.apply(HEALTHY).await;
        let healthy = ["spread", "few", "outside"].map(|name| format!("-n healthy deployment/{name}"));
        let scoring = "info scheduling/scoring scheduler default-scheduler";
        let found = told(&ground, &healthy.each_ref().map(String::as_str)).await;
        assert_eq!(found, BTreeSet::from([scoring.to_owned()]), "that is worth knowing in a large cluster");

        ground.apply(BROKEN).await;
        let broken =
            ["zones-apart", "nodes-apart", "many-dots"].map(|name| format!("-n broken deployment/{name}"));
        let expected = [
            "info dns/ndots Deployment broken/zones-apart",
            "info scheduling/anti-affinity Deployment broken/nodes-apart",
            scoring,
            "warning dns/ndots Deployment broken/many-dots",
            "warning scheduling/anti-affinity Deployment broken/zones-apart",
        ];
        let found = told(&ground, &broken.each_ref().map(String::as_str)).await;
        assert_eq!(found, expected.map(str::to_owned).into());
    })
    .await;
}
