//! Who gets what there is: quotas, priorities, and budgets when room is made.

use std::time::Instant;

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::{wait_for, within};

const QUOTA: &str = include_str!("../../../../examples/quota.yaml");
const PRIORITY: &str = include_str!("../../../../examples/priority.yaml");

/// What a Pod of the example asks for.
const ASKED: &str = "cpu: 1500m";

#[tokio::test]
async fn a_quota_refuses_until_it_is_raised() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(QUOTA).await;
        let available = ".status.availableReplicas";
        let crew = "deployment/crew -n small";
        ground.wait_field(crew, available, "2").await;
        let told = "-n small get events --field-selector reason=FailedCreate,involvedObject.kind=ReplicaSet -o jsonpath={.items[*].message}";
        // Enough failures for a delay that is longer than what follows may take.
        let told = wait_for("the ReplicaSet does not say why", async || {
            let told = ground.kubectl(told).await.done();
            (told.matches("exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2").count() >= 10)
                .then_some(told)
        })
        .await;
        assert!(told.starts_with("Error creating: pods \"crew-"), "{told}");
        let refused = ground.kubectl("run solo -n small --image=busybox -- true").await.failed(1);
        let expected =
            "pods \"solo\" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2";
        assert!(refused.contains(expected), "{refused}");
        let failure = ".status.conditions[?(@.type==\"ReplicaFailure\")].reason";
        ground.wait_field(crew, failure, "FailedCreate").await;

        let begin = Instant::now();
        ground.kubectl("patch quota two -n small -p '{\"spec\":{\"hard\":{\"pods\":\"3\"}}}'").await.done();
        ground.wait_field(crew, available, "3").await;
        println!("a raised quota was used after {:?}", begin.elapsed());
        let begin = Instant::now();
        ground.kubectl("delete quota two -n small").await.done();
        ground.wait_field(crew, available, "4").await;
        println!("the end of a quota was used after {:?}", begin.elapsed());
        ground.wait_field(crew, failure, "").await;
    })
    .await;
}

/// Returns a share of the node's processors.
async fn share(ground: &Ground, percent: u64) -> String {
    let all = ground.field("nodes", ".items[0].status.allocatable.cpu").await;
    let thousandths = match all.strip_suffix('m') {
        Some(thousandths) => thousandths.parse::<u64>(),
        None => all.parse::<u64>().map(|all| all * 1000),
    };
    format!("cpu: {}m", thousandths.expect("a number") * percent / 100)
}

#[tokio::test]
async fn the_important_takes_the_place_of_others() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        let asked = share(&ground, 75).await;
        let parts: Vec<String> = PRIORITY.split("---").map(|part| part.replace(ASKED, &asked)).collect();
        let [class, low, equal, high] = &parts[..] else { panic!("the example has four parts: {parts:?}") };
        ground.apply(class).await;
        ground.apply(low).await;
        ground.kubectl("wait --for=condition=Ready pod/low --timeout=30s").await.done();
        ground.apply(equal).await;
        let message = ".status.conditions[?(@.type==\"PodScheduled\")].message";
        wait_for("nobody says why the equal one waits", async || {
            let why = ground.field("pod/equal", message).await;
            why.contains("No preemption victims found for incoming pod").then_some(())
        })
        .await;
        assert_eq!(ground.field("pod/low", ".metadata.deletionTimestamp").await, "");

        let wait = async {
            ground.apply(high).await;
            ground.wait_field("pod/high", ".status.nominatedNodeName", &node(&ground).await).await;
            ground.kubectl("wait --for=condition=Ready pod/high --timeout=30s").await.done();
        };
        let (said, ()) = tokio::join!(ground.kubectl("logs -f low"), wait);
        assert_eq!(said.done(), "begun\nsaving\nsaved\n", "the low one has not ended gracefully");
        let events = ground.kubectl("get events -o jsonpath={.items[*].reason}").await.done();
        assert!(events.contains("Preempted"), "{events}");
        assert_eq!(ground.field("pods", ".items[*].metadata.name").await, "equal high");
        assert_eq!(ground.field("pod/equal", ".status.phase").await, "Pending");
    })
    .await;
}

async fn node(ground: &Ground) -> String {
    ground.field("nodes", ".items[0].metadata.name").await
}

#[tokio::test]
async fn room_is_made_where_no_budget_is_broken() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        let (half, most) = (share(&ground, 45).await, share(&ground, 50).await);
        let parts: Vec<&str> = PRIORITY.split("---").collect();
        let [class, low, _, high] = parts[..] else { panic!("the example has four parts: {parts:?}") };
        let low = low.replace(ASKED, &half);
        ground.apply(class).await;
        ground
            .apply(
                "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guard}
spec: {minAvailable: 1, selector: {matchLabels: {role: guarded}}}
",
            )
            .await;
        // The younger one would go first, were it not for the budget.
        for name in ["free", "guarded"] {
            let meta = format!("{{name: {name}, labels: {{role: {name}}}}}");
            ground.apply(&low.replace("{name: low}", &meta)).await;
            ground.kubectl(&format!("wait --for=condition=Ready pod/{name} --timeout=30s")).await.done();
        }
        ground.wait_field("pdb/guard", ".status.currentHealthy", "1").await;
        ground.apply(&high.replace(ASKED, &most)).await;
        ground.kubectl("wait --for=condition=Ready pod/high --timeout=30s").await.done();
        assert_eq!(ground.field("pods", ".items[*].metadata.name").await, "guarded high");
        assert_eq!(ground.field("pod/guarded", ".metadata.deletionTimestamp").await, "");
    })
    .await;
}
