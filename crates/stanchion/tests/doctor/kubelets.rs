//! What the doctor says of how a node is set, which it asks through the API server.

use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::doctor;
use crate::support::within;

const LIMIT: Duration = Duration::from_mins(2);
/// The checks that ask the node.
const CHECKS: [&str; 4] = ["nodes/eviction", "nodes/image-gc", "nodes/reserved", "certs/kubelet-rotation"];
/// A node that never says that its disk is full, and of which Pods may take all memory.
const BROKEN: [&str; 5] =
    ["--no-databases", "--eviction-hard", "nodefs.available<0%", "--kube-reserved", "memory=0"];

async fn look(ground: &Ground) -> (Option<i32>, Value) {
    let kubeconfig = ground.kubeconfig();
    let checks = CHECKS.join(",");
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", &checks];
    let (outcome, report) = doctor(&words).await;
    assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!(report["gaps"], Value::Array(Vec::new()), "{report:#}");
    (outcome.code, report)
}

#[tokio::test]
async fn a_node_that_keeps_nothing_free() {
    within(LIMIT, async {
        let mut ground = Ground::start(&["--no-databases"]).await;
        let (code, report) = look(&ground).await;
        assert_eq!((code, &report["findings"]), (Some(0), &Value::Array(Vec::new())), "{report:#}");

        ground.stop("TERM").await;
        ground.go_on_with(&BROKEN).await;
        let (code, report) = look(&ground).await;
        let findings = report["findings"].as_array().expect("findings");
        let said: Vec<String> = findings
            .iter()
            .map(|one| {
                [&one["severity"], &one["check"], &one["summary"]]
                    .map(|text| text.as_str().unwrap_or_default())
                    .join(" ")
            })
            .collect();
        let expected = [
            "warning nodes/eviction its kubelet does not evict when the disk is used up",
            "warning nodes/reserved no memory is kept for the kubelet, the container runtime and the system",
        ];
        assert_eq!((code, said), (Some(1), expected.map(str::to_owned).to_vec()), "{report:#}");
        let evidence = findings[0]["evidence"][0].to_string();
        assert!(evidence.contains("nodefs.available<0%") && evidence.contains("proxy/configz"), "{evidence}");
    })
    .await;
}
