//! A web site through what a site goes through: a Pod that is not ready, one that hangs, a bad release, a drained node.

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::{wait_for, within};
use crate::visitor::Visitor;

const SITE: &str = include_str!("../../../../examples/site.yaml");

/// Visits enough to meet every Pod.
const MANY: usize = 40;

/// Starts a cluster with the site in it. Returns the names of the Pods too.
async fn start() -> (Ground, Visitor, Vec<String>) {
    let ground = Ground::start(&[]).await;
    ground.apply(SITE).await;
    ground.kubectl("rollout status deployment/site --timeout=60s").await.done();
    let address = ground.field("service/site", ".spec.clusterIP").await;
    let names = ground.field("pods -l app=site", ".items[*].metadata.name").await;
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    wait_for("the Service does not know all Pods", async || {
        (in_service(&ground).await == names.len()).then_some(())
    })
    .await;
    wait_for("the Service does not answer", async || crate::visitor::ask(&address).await.map(drop)).await;
    (ground, Visitor::begin(&address), names)
}

/// Returns how many endpoints of the Service are ready.
async fn in_service(ground: &Ground) -> usize {
    let ready = "{.items[*].endpoints[*].conditions.ready}";
    let slices = format!("get endpointslices -l kubernetes.io/service-name=site -o jsonpath={ready}");
    ground.kubectl(&slices).await.done().split_whitespace().filter(|ready| *ready == "true").count()
}

#[tokio::test]
async fn a_pod_that_is_not_ready_is_left_out_and_let_back() {
    within(LIMIT, async {
        let (ground, visitor, pods) = start().await;
        let sick = &pods[0];
        ground.kubectl(&format!("exec {sick} -- rm /tmp/www/ready")).await.done();
        ground.wait_field(&format!("pod/{sick}"), ".status.containerStatuses[0].ready", "false").await;
        wait_for("the visitors still meet the Pod", async || {
            (!visitor.next(MANY).await.contains(sick)).then_some(())
        })
        .await;
        assert_eq!(in_service(&ground).await, 2);
        let events = ground.kubectl(&format!("events --for pod/{sick}")).await.done();
        assert!(
            events.contains("Readiness probe failed: HTTP probe failed with statuscode: 404"),
            "{events}"
        );
        ground.kubectl(&format!("exec {sick} -- touch /tmp/www/ready")).await.done();
        wait_for("the visitors do not meet the Pod again", async || {
            visitor.next(MANY).await.contains(sick).then_some(())
        })
        .await;
        let restarts = ground.field("pods", ".items[*].status.containerStatuses[*].restartCount").await;
        assert_eq!(restarts, "0 0 0");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_is_not_alive_is_restarted() {
    within(LIMIT, async {
        let (ground, _visitor, pods) = start().await;
        let pod = format!("pod/{}", pods[0]);
        ground.kubectl(&format!("exec {} -- rm /tmp/www/alive", pods[0])).await.done();
        ground.wait_field(&pod, ".status.containerStatuses[0].restartCount", "1").await;
        ground.wait_field(&pod, ".status.containerStatuses[0].ready", "true").await;
        let events = ground.kubectl(&format!("events --for {pod}")).await.done();
        for said in [
            "Liveness probe failed: HTTP probe failed with statuscode: 404",
            "Container site failed liveness probe, will be restarted",
        ] {
            assert!(events.contains(said), "{said} is not among\n{events}");
        }
        let finished =
            ground.field(&pod, ".status.containerStatuses[0].lastState.terminated.finishedAt").await;
        assert!(!finished.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_notices_a_bad_release() {
    within(LIMIT, async {
        let (ground, visitor, _) = start().await;
        ground.kubectl("set image deployment/site site=no-such-image:1").await.done();
        let stopped = ground.kubectl("rollout status deployment/site --timeout=60s").await.failed(1);
        assert!(stopped.contains("deployment \"site\" exceeded its progress deadline"), "{stopped}");
        let why = ".status.conditions[?(@.type==\"Progressing\")].reason";
        assert_eq!(ground.field("deployment/site", why).await, "ProgressDeadlineExceeded");
        assert_eq!(ground.field("deployment/site", ".status.availableReplicas").await, "3");
        let history = ground.kubectl("rollout history deployment/site").await.done();
        assert_eq!(history.lines().filter(|line| line.starts_with(['1', '2'])).count(), 2, "{history}");
        ground.kubectl("rollout undo deployment/site").await.done();
        ground.kubectl("rollout status deployment/site --timeout=60s").await.done();
        ground.wait_field("deployment/site", ".status.replicas", "3").await;
        visitor.next(MANY).await;
    })
    .await;
}

#[tokio::test]
async fn a_drain_keeps_to_the_budget() {
    within(LIMIT, async {
        let (ground, visitor, _) = start().await;
        let node = ground.field("nodes", ".items[0].metadata.name").await;
        let kept = ground.kubectl(&format!("drain {node} --timeout=3s")).await.failed(1);
        assert!(kept.contains("Cannot evict pod as it would violate the pod's disruption budget."), "{kept}");
        let two = ".status.availableReplicas";
        ground.wait_field("deployment/site", two, "2").await;
        visitor.next(MANY).await;
        drop(visitor);

        ground.kubectl("patch pdb site -p '{\"spec\":{\"minAvailable\":0}}'").await.done();
        ground.kubectl(&format!("drain {node} --timeout=30s")).await.done();
        ground.wait_field("pods", ".items[*].status.phase", "Pending Pending Pending").await;
        let why = ".items[*].status.conditions[?(@.type==\"PodScheduled\")].message";
        wait_for("nobody says why Pods wait", async || {
            let why = ground.field("pods", why).await;
            let said = why.matches("0/1 nodes are available: 1 node(s) were unschedulable.").count();
            (said == 3).then_some(())
        })
        .await;
        let nodes = ground.kubectl("get nodes").await.done();
        assert!(nodes.contains("Ready,SchedulingDisabled"), "{nodes}");
        ground.kubectl(&format!("uncordon {node}")).await.done();
        ground.kubectl("rollout status deployment/site --timeout=60s").await.done();
    })
    .await;
}
