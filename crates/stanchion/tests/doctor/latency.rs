//! How long Pods wait: for a scheduler that comes late, for room, and not at all.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::{all_told, doctor};
use crate::support::command::{spawn, stanchion};
use crate::support::{wait_for, within};

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
/// As many as say something.
const QUICK: usize = 100;
/// More than those, so that half of all wait as they do.
const SLOW: usize = 120;
/// Longer than half of the Pods may wait, with what is cut off from whole seconds.
const WAITED: Duration = Duration::from_secs(7);

/// Makes Pods that a scheduler is to place.
async fn make(ground: &Ground, name: &str, pods: usize, scheduler: &str) {
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {pods}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{schedulerName: {scheduler}, containers: [{{name: c, image: 'example.com/app:1.0'}}]}}\n"
    );
    ground.apply(&manifest).await;
}

/// Waits until so many Pods are there, and then as long as is too long.
async fn waited(ground: &Ground, name: &str, pods: usize) {
    wait_for("the Pods are not made", async || {
        let made = ground.field(&format!("pods -l app={name}"), ".items[*].metadata.name").await;
        (made.split_whitespace().count() == pods).then_some(())
    })
    .await;
    tokio::time::sleep(WAITED).await;
}

async fn placed(ground: &Ground, name: &str) {
    ground.kubectl(&format!("rollout status deployment/{name} --timeout=80s")).await.done();
}

async fn look(ground: &Ground) -> Value {
    let kubeconfig = ground.kubeconfig();
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", "scheduling/latency"];
    let (_, report) = doctor(&words).await;
    assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
    report
}

#[tokio::test]
async fn who_waits_for_the_scheduler_and_who_for_room() {
    within(LIMIT, async {
        let ground = Ground::start(&["--simulate-nodes", "4", "--node-name", "here", "--no-databases"]).await;
        ground.kubectl("cordon here").await.done();
        make(&ground, "quick", QUICK, "default-scheduler").await;
        placed(&ground, "quick").await;
        let report = look(&ground).await;
        assert_eq!(all_told(&report), BTreeSet::new(), "{report:#}");

        // Room comes late, and the scheduler says of each that there is none.
        ground.kubectl("cordon -l kubernetes.io/hostname!=here").await.done();
        make(&ground, "no-room", SLOW, "default-scheduler").await;
        waited(&ground, "no-room", SLOW).await;
        wait_for("the scheduler does not say that there is no room", async || {
            let told =
                ground.kubectl("get events --field-selector reason=FailedScheduling -o name").await.done();
            (told.lines().count() >= SLOW).then_some(())
        })
        .await;
        ground.kubectl("uncordon -l kubernetes.io/hostname!=here").await.done();
        placed(&ground, "no-room").await;
        let report = look(&ground).await;
        assert_eq!(all_told(&report), BTreeSet::new(), "{report:#}");

        make(&ground, "slow", SLOW, "late").await;
        waited(&ground, "slow", SLOW).await;
        let mut late = stanchion();
        late.args(["scheduler", "--scheduler-name", "late", "--kubeconfig"]).arg(ground.kubeconfig());
        let _late = spawn(late.stdout(Stdio::null()).stderr(Stdio::null()));
        placed(&ground, "slow").await;
        let report = look(&ground).await;
        let expected = "warning scheduling/latency scheduler default-scheduler".to_owned();
        assert_eq!(all_told(&report), BTreeSet::from([expected]), "{report:#}");
        let samples = &report["findings"][0]["evidence"][0]["value"];
        assert_eq!(*samples, (QUICK + SLOW).to_string(), "{report:#}");
    })
    .await;
}
