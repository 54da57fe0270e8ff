//! Repairs of objects, each done on a cluster and seen with kubectl.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::ground::Ground;
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::folder;
use crate::support::{wait_for, within};

const LIMIT: Duration = Duration::from_mins(4);
const ILL: &str = include_str!("repairs/ill.yaml");
const WAITING: &str = include_str!("repairs/waiting.yaml");
/// More Jobs that have ended than people look at.
const JOBS: usize = 11;

/// A cluster with what is to be repaired in it, and a directory for notes.
struct Clinic {
    ground: Ground,
    notes: TempDir,
}

impl Clinic {
    async fn open() -> Self {
        let ground = Ground::start(&["--simulate-nodes", "4", "--node-name", "here", "--no-databases"]).await;
        ground.kubectl("label nodes -l kubernetes.io/hostname!=here kind.example.com=simulated").await.done();
        // Both instances of the database find one node only.
        ground.kubectl("cordon here sim-0002 sim-0003 sim-0004").await.done();
        ground.apply(ILL).await;
        ground.kubectl("-n shop rollout status statefulset/db --timeout=60s").await.done();
        ground.kubectl("uncordon sim-0003 sim-0004").await.done();
        ground.apply(&jobs()).await;
        for workload in ["-n shop deployment/web", "-n kube-system deployment/coredns"] {
            ground.kubectl(&format!("rollout status {workload} --timeout=60s")).await.done();
        }
        ground.kubectl("-n shop wait --for=condition=Complete job --all --timeout=60s").await.done();
        Self { ground, notes: folder() }
    }

    /// Runs `doctor fix` as JSON.
    async fn fix(&self, words: &[&str]) -> Outcome {
        let mut command = stanchion();
        command.args(["--output", "json", "doctor", "fix"]).args(words);
        command.arg("--kubeconfig").arg(self.ground.kubeconfig()).arg("--undo-dir").arg(self.notes.path());
        run(&mut command).await
    }

    /// Repairs, and returns the plan.
    async fn fixed(&self, words: &[&str]) -> Value {
        plan(&self.fix(&[words, &["--yes"]].concat()).await.done())
    }

    async fn field(&self, object: &str, path: &str) -> String {
        self.ground.field(object, path).await
    }

    /// Returns the script that undoes the only repair so far whose notes are there.
    fn undo(&self) -> PathBuf {
        let mut notes = std::fs::read_dir(self.notes.path()).expect("a directory").flatten();
        notes.next().expect("there are notes").path().join("undo.sh")
    }

    /// Patches the status of an object.
    async fn status(&self, object: &str, status: &str) {
        let words = format!("patch {object} --subresource=status --type=strategic --patch-file=/dev/stdin");
        self.ground.kubectl_with(status, &words).await.done();
    }

    /// Waits until the Pod of a workload is on a machine without a kubelet, and lets it have been there for long.
    async fn waits_on_ghost(&self, kind: &str, name: &str) {
        self.ground.apply(&WAITING.replace("NAME", name).replace("KIND", kind)).await;
        let pods = format!("-n shop pods -l app={name}");
        self.ground.wait_field(&pods, ".items[0].spec.nodeName", "ghost").await;
        let pod = self.field(&pods, ".items[0].metadata.name").await;
        let scheduled = r#"{"status": {"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}"#;
        self.status(&format!("-n shop pod {pod}"), scheduled).await;
    }
}

fn plan(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("no plan: {error}: {stdout}"))
}

fn jobs() -> String {
    let mut manifests = String::new();
    for number in 0..JOBS {
        write!(
            manifests,
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: load-{number}, namespace: shop}}\n\
             spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: 'job:1'}}]}}}}}}\n"
        )
        .expect("a string grows");
    }
    manifests
}

#[tokio::test]
async fn what_can_be_repaired_is_and_the_rest_is_left_alone() {
    within(LIMIT, async {
        let clinic = Clinic::open().await;
        history_and_owners(&clinic).await;
        a_database(&clinic).await;
        names_and_jobs(&clinic).await;
        volumes(&clinic).await;
        what_programs_keep(&clinic).await;
    })
    .await;
}

/// A limit is set, and put back; what operators keep is left to them.
async fn history_and_owners(clinic: &Clinic) {
    let ground = &clinic.ground;
    let before = clinic.field("-n shop deployment/web", ".metadata.resourceVersion").await;
    let shown = plan(&clinic.fix(&["workloads/history"]).await.done());
    let change = &shown["plan"][0]["changes"][0];
    assert_eq!(
        (&change["path"], &change["old"], &change["new"]),
        (&"/spec/revisionHistoryLimit".into(), &50.into(), &10.into()),
        "{shown:#}"
    );
    assert_eq!(shown["plan"][0]["takenOverFrom"][0], "kubectl-client-side-apply", "{shown:#}");
    assert_eq!(
        clinic.field("-n shop deployment/web", ".metadata.resourceVersion").await,
        before,
        "nothing is done"
    );
    clinic.fixed(&["workloads/history"]).await;
    assert_eq!(clinic.field("-n shop deployment/web", ".spec.revisionHistoryLimit").await, "10");
    let told = ground
        .kubectl("-n shop get events -o jsonpath={.items[?(@.reason==\"Repaired\")].source.component}")
        .await
        .done();
    assert_eq!(told, "stanchion-doctor");
    run(tokio::process::Command::new("sh").arg(clinic.undo())).await.done();
    assert_eq!(clinic.field("-n shop deployment/web", ".spec.revisionHistoryLimit").await, "50");

    let uid = clinic.field("-n shop statefulset/db", ".metadata.uid").await;
    let owner = format!(
        r#"[{{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "{uid}", "controller": true}}]"#
    );
    let patch = format!(r#"{{"metadata": {{"ownerReferences": {owner}}}}}"#);
    ground.kubectl_with(&patch, "-n shop patch deployment/web --patch-file=/dev/stdin").await.done();
    let refused = clinic.fix(&["workloads/history", "--yes"]).await.failed(3);
    assert!(refused.contains("belongs to StatefulSet db"), "{refused}");
    ground
        .kubectl_with(
            r#"{"metadata": {"ownerReferences": null}}"#,
            "-n shop patch deployment/web --patch-file=/dev/stdin",
        )
        .await
        .done();
}

/// A database loses its liveness probe, gets a budget, and is placed on several nodes.
async fn a_database(clinic: &Clinic) {
    let ids = ["pods/liveness-on-database", "budgets/missing", "workloads/replicas-together"];
    let shown = clinic.fix(&ids).await;
    let shown = plan(&shown.done());
    assert_eq!(shown["plan"].as_array().map(Vec::len), Some(3), "{shown:#}");
    let container = ".spec.template.spec.containers[0]";
    assert_ne!(clinic.field("-n shop statefulset/db", &format!("{container}.livenessProbe")).await, "");
    let done = clinic.fix(&[&ids[..], &["--yes"]].concat()).await;
    assert!(done.stderr.contains("looked again: only what is worth knowing is left"), "{done:?}");
    done.done();
    assert_eq!(clinic.field("-n shop statefulset/db", &format!("{container}.livenessProbe")).await, "");
    assert_eq!(
        clinic.field("-n shop statefulset/db", &format!("{container}.startupProbe.failureThreshold")).await,
        "17280"
    );
    assert_eq!(clinic.field("-n shop pdb/db", ".spec.maxUnavailable").await, "1");
    let places = clinic.field("-n shop pods -l app=db", ".items[*].spec.nodeName").await;
    let places: Vec<&str> = places.split_whitespace().collect();
    assert!(places.len() == 2 && places[0] != places[1], "{places:?}");
}

/// What a program applies is left to it; kubectl hands it over with all that it had applied itself.
async fn what_programs_keep(clinic: &Clinic) {
    let ground = &clinic.ground;
    let kept = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {revisionHistoryLimit: 40}\n";
    let apply = "apply --server-side --force-conflicts --field-manager=argocd-controller -f -";
    ground.kubectl_with(kept, apply).await.done();
    let refused = clinic.fix(&["workloads/history", "--yes"]).await.failed(3);
    assert!(refused.contains("argocd-controller keeps what would change"), "{refused}");
    assert_eq!(clinic.field("-n shop deployment/web", ".spec.revisionHistoryLimit").await, "40");
}

/// Names, and Jobs that have ended.
async fn names_and_jobs(clinic: &Clinic) {
    clinic.fixed(&["dns/replicas"]).await;
    assert_eq!(clinic.field("-n kube-system deployment/coredns", ".status.readyReplicas").await, "2");
    clinic.fixed(&["dns/ndots"]).await;
    let options = clinic.field("-n shop deployment/web", ".spec.template.spec.dnsConfig.options").await;
    let options: Value = serde_json::from_str(&options).expect("JSON");
    assert_eq!(options, serde_json::json!([{"name": "ndots", "value": "2"}, {"name": "edns0"}]));
    let done = clinic.fixed(&["jobs/no-ttl"]).await;
    assert_eq!(done["steps"].as_array().map(Vec::len), Some(JOBS + 1), "{done:#}");
    let ttls = clinic.field("-n shop jobs", ".items[*].spec.ttlSecondsAfterFinished").await;
    assert_eq!(ttls.split_whitespace().filter(|ttl| *ttl == "604800").count(), JOBS, "{ttls}");
    let limits = clinic.field("-n shop cronjob/night", ".spec.successfulJobsHistoryLimit").await;
    assert_eq!(
        (
            limits.as_str(),
            clinic.field("-n shop cronjob/night", ".spec.failedJobsHistoryLimit").await.as_str()
        ),
        ("10", "1")
    );
}

/// A Pod goes to the node that has its volume; a volume goes off a node that is proved gone.
async fn volumes(clinic: &Clinic) {
    let ground = &clinic.ground;
    let ready = r#"{"status": {"capacity": {"cpu": "4", "memory": "8Gi", "pods": "10"}, "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}]}}"#;
    clinic.status("node ghost", ready).await;
    clinic.waits_on_ghost("StatefulSet", "there").await;
    clinic.waits_on_ghost("Deployment", "lost").await;
    let heard = r#"{"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "", "lastTransitionTime": "LATE"}]}}"#;
    // It has been silent for so short a time that it proves nothing.
    clinic.status("node gone", &heard.replace("LATE", "2036-01-01T00:00:00Z")).await;
    ground.kubectl("uncordon sim-0002").await.done();
    let shown = plan(&clinic.fix(&["volumes/stuck"]).await.done());
    assert_eq!(shown["steps"].as_array().map(Vec::len), Some(2), "{shown:#}");
    let left = shown["left"][0]["why"].as_str().expect("a reason");
    assert!(left.contains("is not proved gone") && left.contains("it has not been silent for"), "{left}");

    clinic.status("node gone", &heard.replace("LATE", "2026-01-01T00:00:00Z")).await;
    let (fixed, ()) = tokio::join!(clinic.fix(&["volumes/stuck", "--yes"]), stand_in(ground));
    let done = plan(&fixed.done());
    assert_eq!(done["steps"].as_array().map(Vec::len), Some(3), "{done:#}");
    let pinned = clinic.field("-n shop statefulset/there", ".spec.template.spec.nodeSelector").await;
    assert_eq!(pinned, r#"{"kubernetes.io/hostname":"sim-0002"}"#);
    assert_eq!(clinic.field("-n shop pod/there-0", ".spec.nodeName").await, "sim-0002");
    let taint = clinic
        .field("node/gone", ".spec.taints[?(@.key==\"node.kubernetes.io/out-of-service\")].effect")
        .await;
    assert_eq!(taint, "NoExecute");
}

/// Does what there is nobody for here: a kubelet ends a Pod that is deleted, and a controller takes a volume off a node that is
/// told to be off.
async fn stand_in(ground: &Ground) {
    wait_for("the Pod is deleted", async || {
        let deleted = ground.field("-n shop pod/there-0", ".metadata.deletionTimestamp").await;
        (!deleted.is_empty()).then_some(())
    })
    .await;
    ground.kubectl("-n shop delete pod there-0 --force --grace-period=0").await.done();
    wait_for("the node is told to be off", async || {
        let taints = ground.field("node/gone", ".spec.taints[*].key").await;
        taints.contains("out-of-service").then_some(())
    })
    .await;
    ground.kubectl("delete volumeattachment csi-lost").await.done();
}
