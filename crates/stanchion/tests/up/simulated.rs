//! Many nodes without processes.

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::{wait_for, within};

#[tokio::test]
async fn pods_are_spread_over_simulated_nodes() {
    within(LIMIT, async {
        let ground = Ground::start(&["--simulate-nodes", "20"]).await;
        let nodes = ground.kubectl("get nodes -o name").await.done();
        assert_eq!(nodes.lines().count(), 21, "{nodes}");
        ground
            .apply(
                r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 60
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [sim-0001, sim-0002, sim-0003]}]}]
      containers: [{name: c, image: anything}]
",
            )
            .await;
        ground.kubectl("rollout status deployment/many --timeout=90s").await.done();
        let places = ground.field("pods", ".items[*].spec.nodeName").await;
        for node in ["sim-0001", "sim-0002", "sim-0003"] {
            let there = places.split_whitespace().filter(|place| *place == node).count();
            assert!((15..=25).contains(&there), "{node} has {there} of 60");
        }
        let explained = ground.explain("many-", "sim-0001").await;
        assert!(explained.contains("NodeAffinity: node(s) didn't match Pod's node affinity/selector"), "{explained}");
        ground.kubectl("drain sim-0001 --force --grace-period=0 --timeout=60s").await.done();
        wait_for("the drained node keeps its Pods", async || {
            let places = ground.field("pods", ".items[*].spec.nodeName").await;
            (!places.contains("sim-0001") && places.split_whitespace().count() == 60).then_some(())
        })
        .await;
    })
    .await;
}
