//! Versions of the API that go away, and whoever asks for them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::{all_told, doctor};
use crate::support::within;

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(100);
const DEFINITIONS: &str = include_str!("deprecated/definitions.yaml");

async fn told(ground: &Ground) -> BTreeSet<String> {
    let kubeconfig = ground.kubeconfig();
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", "api"];
    let (_, report) = doctor(&words).await;
    assert_eq!(report["run"], serde_json::json!(["api/deprecated"]), "{report:#}");
    assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
    all_told(&report)
}

async fn apply(ground: &Ground, version: &str, kind: &str) {
    let manifest = format!("apiVersion: example.com/{version}\nkind: {kind}\nmetadata: {{name: one}}\n");
    ground.apply(&manifest).await;
}

#[tokio::test]
async fn old_versions_that_somebody_asks_for() {
    within(LIMIT, async {
        let ground = Ground::start(&["--no-databases"]).await;
        ground.apply(DEFINITIONS).await;
        ground.kubectl("wait --for=condition=Established crd --all --timeout=30s").await.done();
        apply(&ground, "v1", "Widget").await;
        apply(&ground, "v1beta1", "Wheel").await;
        // The controllers of the cluster ask for Endpoints.
        let metrics = ground.kubectl("get --raw /metrics").await.done();
        assert!(
            metrics.contains(
                r#"apiserver_requested_deprecated_apis{group="",version="v1",resource="endpoints""#
            ),
            "{metrics}"
        );
        assert_eq!(told(&ground).await, BTreeSet::new());

        apply(&ground, "v1beta1", "Widget").await;
        ground.kubectl("get componentstatuses").await.done();
        let expected = [
            "info api/deprecated API componentstatuses.v1",
            "info api/deprecated API widgets.example.com/v1beta1",
        ];
        assert_eq!(told(&ground).await, expected.map(str::to_owned).into());
    })
    .await;
}
