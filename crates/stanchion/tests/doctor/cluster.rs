//! What the doctor says of a cluster: of one that is well, and of one with something wrong of each kind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ground::Ground;
use crate::openssl::authority;
use crate::report::doctor;
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_mins(4);
/// What begins with time is looked at this often.
const AGAIN: Duration = Duration::from_secs(3);
const WELL: &str = include_str!("cluster/well.yaml");
const ILL: &str = include_str!("cluster/ill.yaml");
/// The checks of the cluster, and not those of what runs on it.
const CHECKS: &str = "nodes,scheduling,dns,services,volumes,ingress,releases/pending,api,pods/crashing,pods/not-starting,certs";

/// What was found, without what is only worth knowing.
type Found = BTreeSet<(String, String, String)>;

/// Looks at the cluster, and returns how the command ended with what it said.
async fn look(ground: &Ground, more: &[&str]) -> (Option<i32>, Value) {
    let kubeconfig = ground.kubeconfig();
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", CHECKS];
    let (outcome, report) = doctor(&[&words[..], more].concat()).await;
    (outcome.code, report)
}

/// Returns the findings from a severity on, as check, severity and subject.
fn found(report: &Value, severities: &[&str]) -> Found {
    let findings = report["findings"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let each =
        findings.filter(|finding| severities.contains(&finding["severity"].as_str().expect("a severity")));
    let subject = |finding: &Value| {
        let subject = &finding["subject"];
        let namespace =
            subject["namespace"].as_str().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{}", text(&subject["kind"]), text(&subject["name"]))
    };
    each.map(|finding| (text(&finding["check"]), text(&finding["severity"]), subject(finding))).collect()
}

fn expected(lines: &[(&str, &str, &str)]) -> Found {
    let owned = |(check, severity, subject): &(&str, &str, &str)| {
        ((*check).to_owned(), (*severity).to_owned(), (*subject).to_owned())
    };
    lines.iter().map(owned).collect()
}

/// Returns the evidence of the finding of a check about a subject.
fn evidence(report: &Value, check: &str, name: &str) -> String {
    let mut findings = report["findings"].as_array().expect("a list").iter();
    let own = findings.find(|finding| finding["check"] == check && finding["subject"]["name"] == name);
    own.unwrap_or_else(|| panic!("{check} says nothing of {name}: {report:#}"))["evidence"].to_string()
}

/// Marks the simulated nodes, so that what has no processes is placed there.
async fn mark(ground: &Ground) {
    ground.kubectl("label nodes -l kubernetes.io/hostname!=here kind.example.com=simulated").await.done();
}

/// Patches the status of an object.
async fn patch(ground: &Ground, object: &str, status: &str) {
    let words = format!("patch {object} --subresource=status --type=strategic --patch-file=/dev/stdin");
    ground.kubectl_with(status, &words).await.done();
}

/// Breaks what cannot be applied: what nodes say of themselves, and since when a Pod waits.
async fn break_statuses(ground: &Ground) {
    let unknown = r#"{"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}"#;
    patch(ground, "node ghost", unknown).await;
    let pressure = r#"{"status": {"conditions": [{"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure", "message": "kubelet has disk pressure"}]}}"#;
    patch(ground, "node sim-0002", pressure).await;
    let scheduled = r#"{"status": {"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}"#;
    patch(ground, "pod waits -n ill", scheduled).await;
}

/// Keeps a certificate in a Secret that ends soon.
async fn end_soon(ground: &Ground) {
    let folder = folder();
    authority(folder.path(), 3).await;
    let (certificate, key) = (folder.path().join("ca.crt"), folder.path().join("ca.key"));
    let (certificate, key) = (certificate.display(), key.display());
    ground
        .kubectl(&format!("-n ill create secret tls ends-soon --cert={certificate} --key={key}"))
        .await
        .done();
}

/// Returns the kubeconfig of somebody who may look at nodes and at nothing else.
async fn limited(ground: &Ground, folder: &Path) -> String {
    ground.kubectl("-n well create serviceaccount limited").await.done();
    ground.kubectl("create clusterrole looks-at-nodes --verb=get,list --resource=nodes,leases").await.done();
    let bind = "create clusterrolebinding limited --clusterrole=looks-at-nodes --serviceaccount=well:limited";
    ground.kubectl(bind).await.done();
    let token = ground.kubectl("-n well create token limited").await.done();
    let own = fs::read_to_string(ground.kubeconfig()).expect("a kubeconfig");
    let field = |name: &str| {
        let found = own.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("the kubeconfig has no {name}")).trim_matches('"')
    };
    let cluster =
        json!({"server": field("server"), "certificate-authority-data": field("certificate-authority-data")});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "limited", "user": {"token": token.trim()}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "limited"}}],
    });
    let path = folder.join("limited").to_str().expect("a path").to_owned();
    fs::write(&path, config.to_string()).expect("a kubeconfig");
    path
}

/// What may not be read is told, and nothing is concluded from it.
async fn look_as_a_stranger(ground: &Ground) {
    let folder = folder();
    let kubeconfig = limited(ground, folder.path()).await;
    let (outcome, report) = doctor(&["--kubeconfig", &kubeconfig, "--only", CHECKS]).await;
    assert_eq!(outcome.code, Some(3), "{report:#}");
    assert_eq!(found(&report, &["critical", "warning"]), Found::new(), "{report:#}");
    assert!(report["run"].to_string().contains("nodes/ready"), "{report:#}");
    let not_run = report["notRun"].as_array().expect("a list").iter();
    let refused =
        not_run.filter(|check| check["unasked"] == false && check["why"].to_string().contains("forbidden"));
    let refused: BTreeSet<_> = refused.filter_map(|check| check["check"].as_str()).collect();
    for check in
        ["scheduling/pending", "services/no-endpoints", "volumes/stuck", "pods/crashing", "releases/pending"]
    {
        assert!(refused.contains(check), "{check} was run: {report:#}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_well_and_one_that_is_not() {
    within(LIMIT, async {
        let ground =
            Ground::start(&["--simulate-nodes", "20", "--node-name", "here", "--no-databases"]).await;
        mark(&ground).await;
        ground.apply(WELL).await;
        ground.kubectl("-n kube-system rollout status deployment/coredns --timeout=60s").await.done();
        ground.kubectl("-n well rollout status statefulset/db --timeout=60s").await.done();
        let (code, report) = look(&ground, &["--kube-secrets", "--tls-nodes"]).await;
        assert_eq!(found(&report, &["critical", "warning"]), Found::new(), "{report:#}");
        assert_eq!(code, Some(0), "all was read: {report:#}");
        look_as_a_stranger(&ground).await;

        ground.apply(ILL).await;
        break_statuses(&ground).await;
        end_soon(&ground).await;
        ground.kubectl("-n kube-system scale deployment/coredns --replicas=1").await.done();
        let ill = expected(&[
            ("certs/expiry", "critical", "Secret ill/ends-soon"),
            ("dns/replicas", "warning", "Deployment kube-system/coredns"),
            ("ingress/retired", "warning", "Deployment ill/web"),
            ("nodes/pod-addresses", "critical", "Node ghost"),
            ("nodes/pressure", "critical", "Node sim-0002"),
            ("nodes/ready", "critical", "Node ghost"),
            ("pods/crashing", "critical", "Pod ill/crashes"),
            ("pods/not-starting", "warning", "Pod ill/no-image"),
            ("releases/pending", "warning", "Release ill/web"),
            ("services/no-endpoints", "critical", "Service ill/unready"),
            ("services/no-endpoints", "critical", "Service ill/wrong-port"),
            ("services/no-endpoints", "warning", "Service ill/nobody"),
            ("volumes/stuck", "critical", "Pod ill/waits"),
        ]);
        // Some of it is found only once it has been so for a minute.
        let report = loop {
            let (_, report) = look(&ground, &["--kube-secrets"]).await;
            let info = found(&report, &["info"]);
            let pending = expected(&[("scheduling/pending", "info", "Deployment ill/too-large")]);
            let all = found(&report, &["critical", "warning"]);
            assert!(
                all.is_subset(&ill),
                "what is well is found to be ill: {:#?} {report:#}",
                all.difference(&ill)
            );
            if all == ill && info.is_superset(&pending) {
                break report;
            }
            println!("not yet found: {:?}", ill.difference(&all).collect::<Vec<_>>());
            sleep(AGAIN).await;
        };
        assert!(found(&report, &["info"]).contains(&(
            "ingress/limits".to_owned(),
            "info".to_owned(),
            "IngressClass nginx".to_owned()
        )));
        let said = evidence(&report, "pods/crashing", "crashes");
        assert!(said.contains("the data is locked by another one") && !said.contains("hunter2"), "{said}");
        let said = evidence(&report, "volumes/stuck", "waits");
        assert!(said.contains("sim-0001") && said.contains("lease renewed"), "{said}");
        assert!(!report.to_string().contains("PRIVATE KEY"), "{report:#}");
    })
    .await;
}
