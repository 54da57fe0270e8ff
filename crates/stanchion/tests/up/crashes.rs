//! The cluster's process may end at any moment: Pods go on, and nothing starts twice.

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::{machine, wait_for, within};

/// Pods that end when they are told to.
pub(crate) const SLEEPER: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleeper}
spec:
  replicas: 3
  selector: {matchLabels: {app: sleeper}}
  template:
    metadata: {labels: {app: sleeper}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox
        command: [sh, -c, 'trap exit TERM; echo started; while :; do sleep 0.1; done']
";

/// The names of the Pods, how often their containers were restarted, and what they said.
async fn seen(ground: &Ground) -> (String, String, String) {
    let names = ground.field("pods", ".items[*].metadata.name").await;
    let restarts = ground.field("pods", ".items[*].status.containerStatuses[*].restartCount").await;
    let said = ground.kubectl("logs -l app=sleeper --tail=-1").await.done();
    (names, restarts, said)
}

#[tokio::test]
async fn pods_outlive_the_process() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.apply(SLEEPER).await;
        ground.kubectl("rollout status deployment/sleeper --timeout=60s").await.done();
        wait_for("the Pods say nothing", async || {
            (seen(&ground).await.2 == "started\nstarted\nstarted\n").then_some(())
        })
        .await;
        let before = seen(&ground).await;
        assert_eq!(before.1, "0 0 0");
        for signal in ["KILL", "TERM"] {
            ground.again(signal).await;
            ground.kubectl("rollout status deployment/sleeper --timeout=30s").await.done();
            assert_eq!(seen(&ground).await, before, "after SIG{signal}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_rollout_goes_on_after_a_crash() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.apply(SLEEPER).await;
        ground.kubectl("rollout status deployment/sleeper --timeout=60s").await.done();
        for round in 0..3 {
            ground.kubectl(&format!("set env deployment/sleeper ROUND={round}")).await.done();
            ground.again("KILL").await;
            ground.kubectl("rollout status deployment/sleeper --timeout=60s").await.done();
        }
        ground.wait_field("deployment/sleeper", ".status.replicas", "3").await;
        wait_for("Pods of before are left", async || {
            let running = ground.field("pods", ".items[*].status.phase").await;
            (running == "Running Running Running").then_some(())
        })
        .await;
        wait_for("processes of before are left", async || {
            let shims = ground.processes().into_iter().filter(|line| line.contains("sandbox-shim")).count();
            (shims <= 3).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn down_keeps_everything_and_reset_nothing() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.apply(SLEEPER).await;
        ground.kubectl("rollout status deployment/sleeper --timeout=60s").await.done();
        ground.end("down").await.done();
        assert_eq!(ground.processes(), Vec::<String>::new());
        ground.again("TERM").await;
        ground.kubectl("rollout status deployment/sleeper --timeout=60s").await.done();
        wait_for("the Pods do not run again", async || {
            let running = ground.field("pods", ".items[*].status.containerStatuses[*].ready").await;
            (running == "true true true").then_some(())
        })
        .await;
        let data = ground.data_dir();
        let cgroups = machine::cgroups(&data);
        ground.end("reset").await.done();
        machine::assert_clean(&data, &cgroups);
    })
    .await;
}
