//! A volume that stays attached to a node that has gone: it is taken off by two facts, and never by one.

use std::path::Path;
use std::time::Duration;

use crate::ground::Ground;
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_mins(3);
const STALE: &str = include_str!("stale/stale.yaml");
const ATTACHMENT: &str = "apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: csi-stale}
spec: {attacher: disk.example.com, nodeName: sim-0002, source: {persistentVolumeName: data}}
";

async fn fix(ground: &Ground, notes: &Path, words: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["doctor", "fix", "volumes/stuck"]).args(words);
    run(command.arg("--kubeconfig").arg(ground.kubeconfig()).arg("--undo-dir").arg(notes)).await
}

async fn attachments(ground: &Ground) -> String {
    ground.kubectl("get volumeattachments -o name").await.done()
}

/// Has the second simulated node go, and a Pod wait for a volume that is still attached to it.
async fn start() -> Ground {
    let words = ["--node-name", "here", "--no-databases", "--simulate-nodes"];
    let mut ground = Ground::start(&[&words[..], &["2"]].concat()).await;
    ground.stop("TERM").await;
    ground.go_on_with(&[&words[..], &["1"]].concat()).await;
    ground.apply(STALE).await;
    ground.apply(ATTACHMENT).await;
    let gone = "wait node/sim-0002 --for=condition=Ready=Unknown --timeout=80s";
    ground.kubectl(gone).await.done();
    // It has been silent for longer than its lease, and the Pod waits for longer than a driver takes.
    let renewed = r#"{"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}"#;
    let patch = "-n kube-node-lease patch lease sim-0002 --type=merge --patch-file=/dev/stdin";
    ground.kubectl_with(renewed, patch).await.done();
    let scheduled = r#"{"status": {"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}"#;
    let patch = "patch pod db --subresource=status --type=strategic --patch-file=/dev/stdin";
    ground.kubectl_with(scheduled, patch).await.done();
    ground
}

#[tokio::test]
async fn a_stale_attachment_goes_by_two_facts_and_not_by_one() {
    within(LIMIT, async {
        let (ground, folder) = (start().await, folder());
        let notes = folder.path().join("notes");
        let refused = fix(&ground, &notes, &["--yes"]).await.failed(3);
        for part in [
            "node sim-0002 holds it and is not proved gone",
            "it has not been silent for 5 min",
            "nobody has tainted it as out of service",
            "no provider says that the machine is shut down",
        ] {
            assert!(refused.contains(part), "{part:?} is not in: {refused}");
        }
        assert_eq!(attachments(&ground).await, "volumeattachment.storage.k8s.io/csi-stale\n");

        let taint = "taint node sim-0002 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
        ground.kubectl(taint).await.done();
        let shown = fix(&ground, &notes, &[]).await;
        assert!(shown.stderr.contains("nothing was done"), "{shown:?}");
        let plan = shown.done();
        for part in [
            "delete VolumeAttachment csi-stale to node sim-0002, since",
            "somebody says that the machine is off",
            "none, and no Pod with a claim is left on it",
        ] {
            assert!(plan.contains(part), "{part:?} is not in: {plan}");
        }
        assert_eq!(attachments(&ground).await, "volumeattachment.storage.k8s.io/csi-stale\n");
        let done = fix(&ground, &notes, &["--yes"]).await;
        assert!(done.stderr.contains("looked again: nothing of it is left"), "{done:?}");
        done.done();
        assert_eq!(attachments(&ground).await, "");
        let mut kept = std::fs::read_dir(&notes).expect("there are notes").flatten();
        let kept =
            kept.next().expect("there are notes").path().join("01-volumeattachment-csi-stale.before.json");
        assert!(std::fs::read_to_string(kept).expect("it is kept").contains("disk.example.com"));

        ground.apply(ATTACHMENT).await;
        ground.kubectl("delete node sim-0002").await.done();
        let refused = fix(&ground, &notes, &["--yes"]).await.failed(3);
        assert!(refused.contains("nothing but its deletion"), "{refused}");
        assert_eq!(attachments(&ground).await, "volumeattachment.storage.k8s.io/csi-stale\n");
    })
    .await;
}
