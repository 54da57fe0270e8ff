//! Workloads that something is wrong with, and such that nothing is, on many nodes without processes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::{doctor, told};
use crate::support::within;

const BROKEN: &str = include_str!("workloads/broken.yaml");
const HEALTHY: &str = include_str!("workloads/healthy.yaml");
/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
/// More Jobs that have ended than people look at.
const JOBS: usize = 11;
/// More revisions of a release than anybody goes back.
const REVISIONS: usize = 31;

/// What is to be found, and nothing else.
const EXPECTED: [&str; 24] = [
    "info budgets/empty PodDisruptionBudget broken/lost",
    "info jobs/no-deadline Namespace broken",
    "info jobs/no-ttl Namespace broken",
    "info pods/resources StatefulSet broken/db",
    "info workloads/history Deployment broken/slow-end",
    "info workloads/quota-by-class PriorityClass important",
    "warning budgets/blocking PodDisruptionBudget broken/all-of-it",
    "warning budgets/missing StatefulSet broken/db",
    "warning budgets/overlapping Deployment broken/web",
    "warning jobs/cronjob CronJob broken/backup",
    "warning pods/database-priority StatefulSet broken/db",
    "warning pods/grace-period Deployment broken/slow-end",
    "warning pods/grace-period StatefulSet broken/db",
    "warning pods/liveness-is-readiness StatefulSet broken/db",
    "warning pods/liveness-on-database StatefulSet broken/db",
    "warning pods/moving-tag StatefulSet broken/db",
    "warning pods/qos-order StatefulSet broken/db",
    "warning pods/resources StatefulSet broken/db",
    "warning pods/shell-as-first-process Deployment broken/shell",
    "warning pods/startup-budget StatefulSet broken/db",
    "warning pods/temp-space StatefulSet broken/db",
    "warning releases/pile Release broken/old",
    "warning workloads/replicas-together StatefulSet broken/db",
    "warning workloads/stalled Deployment broken/stalled",
];

#[tokio::test]
async fn what_is_wrong_with_workloads_is_found_and_nothing_else() {
    within(LIMIT, async {
        let ground = Ground::start(&["--simulate-nodes", "4", "--no-databases"]).await;
        let nodes = ground.field("nodes", ".items[*].metadata.name").await;
        let real = nodes.split_whitespace().find(|name| !name.starts_with("sim-")).expect("this machine");
        ground.kubectl(&format!("cordon {real}")).await.done();
        ground.apply(HEALTHY).await;
        ground.apply(BROKEN).await;
        ground.apply(&many()).await;
        settled(&ground).await;

        let kubeconfig = ground.kubeconfig();
        let kubeconfig = kubeconfig.to_str().expect("a path");
        let only = "pods,workloads,budgets,jobs,releases/pile";
        let (_, report) = doctor(&["--kubeconfig", kubeconfig, "--only", only]).await;
        assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
        let findings = report["findings"].as_array().expect("findings");
        let told: BTreeSet<String> = findings.iter().map(told).collect();
        let expected: BTreeSet<String> = EXPECTED.into_iter().map(str::to_owned).collect();
        assert_eq!(told, expected, "{report:#}");
        let together = findings.iter().find(|one| one["check"] == "workloads/replicas-together");
        assert_eq!(together.expect("it is there")["count"], 3);
        for finding in findings {
            let evidence = finding["evidence"].as_array().expect("evidence");
            let from =
                |one: &Value| one["source"].as_str().is_some_and(|source| source.starts_with("https://"));
            assert!(!evidence.is_empty() && evidence.iter().all(from), "{finding:#}");
        }
    })
    .await;
}

/// Returns Jobs, and the Secrets in which Helm keeps a release.
fn many() -> String {
    let mut manifests = String::new();
    for number in 0..JOBS {
        write!(
            manifests,
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: done-{number}, namespace: broken}}\n\
             spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: 'example.com/job:1.0'}}]}}}}}}\n"
        )
        .expect("a string grows");
    }
    for number in 1..=REVISIONS {
        write!(
            manifests,
            "---\napiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\nmetadata:\n  name: sh.helm.release.v1.old.v{number}\n  \
             namespace: broken\n  labels: {{owner: helm, name: old, version: '{number}', status: superseded}}\n"
        )
        .expect("a string grows");
    }
    manifests
}

/// Waits until everything is as it will be.
async fn settled(ground: &Ground) {
    for (namespace, workload) in [
        ("broken", "statefulset/db"),
        ("broken", "deployment/neighbour"),
        ("broken", "deployment/important"),
        ("broken", "deployment/shell"),
        ("broken", "deployment/slow-end"),
        ("broken", "deployment/web"),
        ("healthy", "statefulset/db"),
        ("healthy", "deployment/web"),
    ] {
        ground.kubectl(&format!("rollout status -n {namespace} {workload} --timeout=60s")).await.done();
    }
    for namespace in ["broken", "healthy"] {
        let words = format!("wait -n {namespace} --for=condition=Complete job --all --timeout=60s");
        ground.kubectl(&words).await.done();
    }
    let stalled = "wait -n broken --for=condition=Progressing=False deployment/stalled --timeout=60s";
    ground.kubectl(stalled).await.done();
    let budgets = [
        ("broken", "all-of-it", 2),
        ("broken", "one-of-it", 2),
        ("broken", "lost", 0),
        ("healthy", "db", 3),
        ("healthy", "web", 2),
    ];
    for (namespace, budget, pods) in budgets {
        let object = format!("-n {namespace} pdb/{budget}");
        ground.wait_field(&object, ".status.expectedPods", &pods.to_string()).await;
        ground.wait_field(&object, ".status.currentHealthy", &pods.to_string()).await;
    }
}
