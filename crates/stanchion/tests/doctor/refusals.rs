//! What `doctor fix` leaves alone: what is exempt, and what others have changed meanwhile.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::meddler::Meddler;
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_mins(3);
/// Two workloads that keep more than anybody goes back to.
const HOARDERS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: first, namespace: default}
spec:
  replicas: 0
  revisionHistoryLimit: 50
  selector: {matchLabels: {app: first}}
  template: {metadata: {labels: {app: first}}, spec: {containers: [{name: c, image: 'app:1'}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: second, namespace: default}
spec:
  replicas: 0
  revisionHistoryLimit: 60
  selector: {matchLabels: {app: second}}
  template: {metadata: {labels: {app: second}}, spec: {containers: [{name: c, image: 'app:1'}]}}
";
const LIMIT_OF: &str = ".spec.revisionHistoryLimit";
/// The deed to the second one.
const DEED: &str = "PATCH /apis/apps/v1/namespaces/default/deployments/second?";

async fn fix(kubeconfig: &Path, notes: &Path, words: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["--output", "json", "doctor", "fix", "workloads/history"]).args(words);
    run(command.arg("--kubeconfig").arg(kubeconfig).arg("--undo-dir").arg(notes)).await
}

/// Returns the limits of both.
async fn limits(ground: &Ground) -> (String, String) {
    let first = ground.field("deployment/first", LIMIT_OF).await;
    (first, ground.field("deployment/second", LIMIT_OF).await)
}

fn owned(limits: (&str, &str)) -> (String, String) {
    (limits.0.to_owned(), limits.1.to_owned())
}

#[tokio::test]
async fn what_is_exempt_or_changes_meanwhile_is_left_alone() {
    within(LIMIT, async {
        let ground = Ground::start(&["--no-databases"]).await;
        ground.apply(HOARDERS).await;
        exempt(&ground).await;
        changed(&ground).await;
        seen(&ground).await;
    })
    .await;
}

/// Exempt are both, then one, then none.
async fn exempt(ground: &Ground) {
    let (folder, kubeconfig) = (folder(), ground.kubeconfig());
    let file = folder.path().join("exemptions.yaml");
    let path = file.to_str().expect("a path");
    let notes = folder.path().join("notes");
    std::fs::write(
        &file,
        "[{check: workloads/history, kind: Deployment, name: '*', reason: they are rolled back to}]",
    )
    .expect("it is written");
    let all = fix(&kubeconfig, &notes, &["--yes", "--exemptions", path]).await;
    assert!(all.stderr.contains("there is nothing to repair"), "{all:?}");
    assert_eq!(all.done(), "");
    assert_eq!(limits(ground).await, owned(("50", "60")));
    assert!(!notes.exists());

    let one = "[{check: workloads/history, kind: Deployment, namespace: default, name: second, reason: it is rolled back to}]";
    std::fs::write(&file, one).expect("it is written");
    let done = fix(&kubeconfig, &notes, &["--yes", "--exemptions", path]).await;
    assert!(done.stderr.contains("looked again: nothing of it is left"), "{done:?}");
    let plan: Value = serde_json::from_str(&done.done()).expect("a plan");
    let what = plan["plan"].to_string();
    assert!(what.contains("default/first") && !what.contains("second"), "{plan:#}");
    assert_eq!(limits(ground).await, owned(("10", "60")));

    let lapsed = one.replace("reason", "expires: 2026-01-01, reason");
    std::fs::write(&file, lapsed).expect("it is written");
    let shown = fix(&kubeconfig, &notes, &["--exemptions", path]).await.done();
    assert!(shown.contains("default/second"), "its exemption has ended: {shown}");

    let wrong = "[{check: workloads/history, name: second}]";
    std::fs::write(&file, wrong).expect("it is written");
    let refused = fix(&kubeconfig, &notes, &["--yes", "--exemptions", path]).await.failed(2);
    assert!(refused.contains("reason"), "{refused}");
    assert_eq!(limits(ground).await, owned(("10", "60")));
}

/// Both are repaired; at the last moment somebody sets the second one. What they say stands, and what was done before can be undone.
async fn changed(ground: &Ground) {
    let first = "patch deployment/first --type=merge -p '{\"spec\":{\"revisionHistoryLimit\":50}}'";
    ground.kubectl(first).await.done();
    for (manager, limit, why) in [
        ("kubectl-edit", "40", "Deployment default/second has changed since the plan was made"),
        ("operator", "45", "Deployment default/second: operator keeps what would change"),
    ] {
        let folder = folder();
        let (kubeconfig, notes) = (folder.path().join("kubeconfig"), folder.path().join("notes"));
        let patch = format!("'{{\"spec\":{{\"revisionHistoryLimit\":{limit}}}}}'");
        let set = format!("patch deployment/second --field-manager={manager} --type=merge -p {patch}");
        let meddler = Meddler::start(ground, DEED, &set).await;
        std::fs::write(&kubeconfig, meddler.kubeconfig()).expect("it is written");
        let refused = fix(&kubeconfig, &notes, &["--yes"]).await;
        assert!(meddler.has_meddled(), "{refused:?}");
        let said = refused.failed(1);
        let stopped = "stopped at Deployment default/second: 1 of 2 changes of objects are done";
        assert!(said.contains(stopped) && said.contains(why), "{said}");
        assert_eq!(limits(ground).await, owned(("10", limit)), "nothing of theirs is lost");
        let owners = ground.field("deployment/second", ".metadata.managedFields[*].manager").await;
        assert!(owners.contains(manager) && !owners.contains("stanchion"), "{owners}");

        let mut all = std::fs::read_dir(&notes).expect("there are notes").flatten();
        let script = all.next().expect("there are notes").path().join("undo.sh");
        run(tokio::process::Command::new("sh").arg(script)).await.done();
        assert_eq!(limits(ground).await, owned(("50", limit)), "only what was done is undone");
        meddler.end().await;
    }
}

/// Something else of the object changes: that does not speak against it, and is not lost either.
async fn seen(ground: &Ground) {
    ground.kubectl("patch deployment/second --field-manager=kubectl-edit --type=merge -p '{\"spec\":{\"revisionHistoryLimit\":70}}'").await.done();
    let folder = folder();
    let (kubeconfig, notes) = (folder.path().join("kubeconfig"), folder.path().join("notes"));
    let meddler = Meddler::start(ground, DEED, "annotate deployment/second seen=yes").await;
    std::fs::write(&kubeconfig, meddler.kubeconfig()).expect("it is written");
    let done = fix(&kubeconfig, &notes, &["--yes"]).await;
    assert!(meddler.has_meddled(), "{done:?}");
    done.done();
    assert_eq!(limits(ground).await, owned(("10", "10")));
    assert_eq!(ground.field("deployment/second", ".metadata.annotations.seen").await, "yes");
    meddler.end().await;
}
