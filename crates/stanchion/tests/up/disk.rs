//! What happens on a node whose disk is too full.

use stanchion_machinery::quantity::Quantity;

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::command::{run_with, stanchion};
use crate::support::{wait_for, within};

const SLEEPER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: busybox, command: [sleep, '1000']}]}
";

/// No disk has as much: what was built for this test is on it.
const ALL: [&str; 2] = ["--eviction-hard", "nodefs.available<99.9%"];
const ALLOCATABLE: &str = ".items[0].status.allocatable.ephemeral-storage";

/// Returns how much of the disk Pods may use.
async fn allocatable(ground: &Ground) -> i64 {
    let text = ground.field("nodes", ALLOCATABLE).await;
    Quantity::parse(&text).expect("a quantity").value()
}

#[tokio::test]
async fn what_runs_is_evicted_and_nothing_is_placed() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.apply(&SLEEPER.replace("NAME", "first")).await;
        ground.kubectl("wait --for=condition=Ready pod/first --timeout=30s").await.done();
        let pressure = ".items[0].status.conditions[?(@.type==\"DiskPressure\")].status";
        assert_eq!(ground.field("nodes", pressure).await, "False");
        let before = allocatable(&ground).await;

        ground.stop("TERM").await;
        ground.go_on_with(&ALL).await;
        ground.wait_field("nodes", pressure, "True").await;
        ground.wait_field("pod/first", ".status.reason", "Evicted").await;
        let message = ground.field("pod/first", ".status.message").await;
        assert!(message.starts_with("The node was low on resource: ephemeral-storage. "), "{message}");
        let after = allocatable(&ground).await;
        assert!(after < before / 100, "{after} of {before}");
        wait_for("the node has no taint", async || {
            let taints = ground.field("nodes", ".items[0].spec.taints[*].key").await;
            taints.split(' ').any(|key| key == "node.kubernetes.io/disk-pressure").then_some(())
        })
        .await;
        ground.apply(&SLEEPER.replace("NAME", "second")).await;
        let why = ".status.conditions[?(@.type==\"PodScheduled\")].message";
        wait_for("nobody says why the second one waits", async || {
            let why = ground.field("pod/second", why).await;
            why.contains("node.kubernetes.io/disk-pressure").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn amounts_that_cannot_be_held_to_are_refused() {
    for (option, given, why) in [
        (
            "--eviction-hard",
            "imagefs.available<15%",
            "this node looks at memory.available, nodefs.available, nodefs.inodesFree",
        ),
        ("--eviction-hard", "nodefs.available", "is not of the form"),
        ("--kube-reserved", "pid=1000", "only of cpu, memory, ephemeral-storage"),
        ("--system-reserved", "memory=-1Gi", "is less than nothing"),
    ] {
        for verb in ["up", "node"] {
            let refused = run_with("", stanchion().args([verb, option, given])).await.failed(2);
            assert!(refused.contains(why), "{refused}");
        }
    }
}
