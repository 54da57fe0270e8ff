//! The scheduler against the API server of this repository, in one process. The test acts as nodes and controllers.

#[path = "scheduler/support.rs"]
mod support;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use stanchion_scheduler::explain;

use self::support::{Cluster, node_of, pod};

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_bound_and_told() -> Result<()> {
    let cluster = Cluster::start().await?;
    for name in ["n1", "n2", "n3"] {
        cluster.add_node(name, &json!({"cpu": "2", "memory": "4Gi", "pods": "10"})).await?;
    }
    for number in 0..12 {
        cluster.create_pod(&pod(&format!("p{number}"), "500m", &json!({}))).await?;
    }
    let mut by_node = std::collections::BTreeMap::new();
    for number in 0..12 {
        let bound = cluster.pod_when(&format!("p{number}"), |pod| node_of(pod).is_some()).await?;
        *by_node.entry(node_of(&bound).context("bound")?).or_insert(0) += 1;
    }
    assert_eq!(by_node.into_values().collect::<Vec<i32>>(), [4, 4, 4]);
    let scheduled = cluster.event("p3", "Scheduled").await?;
    let message = scheduled.message.unwrap_or_default();
    assert!(message.starts_with("Successfully assigned default/p3 to n"), "{message}");
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_fits_nowhere_waits_until_it_does() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.add_node("n1", &json!({"cpu": "1", "memory": "4Gi", "pods": "10"})).await?;
    cluster.create_pod(&pod("large", "2", &json!({}))).await?;
    let told = cluster.pod_when("large", |pod| support::condition(pod, "PodScheduled").is_some()).await?;
    let condition = support::condition(&told, "PodScheduled").context("told")?;
    let expected = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption \
                    is not helpful for scheduling.";
    assert_eq!(condition.reason.as_deref(), Some("Unschedulable"));
    assert_eq!(condition.message.as_deref(), Some(expected));
    let event = cluster.event("large", "FailedScheduling").await?;
    assert_eq!(event.message.as_deref(), Some(expected));
    let explanation = explain(cluster.client(), "default", "large").await?;
    assert_eq!(explanation.message.as_deref(), Some(expected));
    assert_eq!(explanation.nodes[0].filter, Some("NodeResourcesFit"));
    cluster.add_node("n2", &json!({"cpu": "4", "memory": "4Gi", "pods": "10"})).await?;
    let bound = cluster.pod_when("large", |pod| node_of(pod).is_some()).await?;
    assert_eq!(node_of(&bound).as_deref(), Some("n2"));
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_more_important_takes_the_place_of_the_less() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_priority("high", 1000).await?;
    cluster.add_node("n1", &json!({"cpu": "1", "memory": "4Gi", "pods": "10"})).await?;
    cluster.create_pod(&pod("low", "800m", &json!({}))).await?;
    cluster.pod_when("low", |pod| node_of(pod).is_some()).await?;
    cluster.create_pod(&pod("high", "800m", &json!({"priorityClassName": "high"}))).await?;
    let victim = cluster.pod_when("low", |pod| pod.metadata.deletion_timestamp.is_some()).await?;
    let condition = support::condition(&victim, "DisruptionTarget").context("a victim is marked")?;
    assert_eq!(condition.reason.as_deref(), Some("PreemptionByScheduler"));
    let kept = |pod: &Pod| pod.status.as_ref().and_then(|status| status.nominated_node_name.clone());
    let waiting = cluster.pod_when("high", |pod| kept(pod).is_some()).await?;
    assert_eq!(kept(&waiting).as_deref(), Some("n1"));
    assert!(node_of(&waiting).is_none());
    cluster.event("low", "Preempted").await?;
    // The node ends the victim.
    cluster.pods().delete("low", &DeleteParams::default().grace_period(0)).await?;
    cluster.pod_when("high", |pod| node_of(pod).as_deref() == Some("n1")).await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_hold_a_pod_back() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.add_node("n1", &json!({"cpu": "1", "memory": "4Gi", "pods": "10"})).await?;
    let gated = pod("gated", "100m", &json!({"schedulingGates": [{"name": "example.com/wait"}]}));
    cluster.create_pod(&gated).await?;
    // A Pod that came later is placed, so the first one was seen.
    cluster.create_pod(&pod("free", "100m", &json!({}))).await?;
    cluster.pod_when("free", |pod| node_of(pod).is_some()).await?;
    assert!(node_of(&cluster.pods().get("gated").await?).is_none());
    let lift = Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    cluster.pods().patch("gated", &PatchParams::default(), &lift).await?;
    cluster.pod_when("gated", |pod| node_of(pod).is_some()).await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_gets_its_volume_before_its_pod_gets_its_node() -> Result<()> {
    let cluster = Cluster::start().await?;
    for name in ["n1", "n2"] {
        cluster.add_node(name, &json!({"cpu": "2", "memory": "4Gi", "pods": "10"})).await?;
    }
    cluster
        .create(
            "storage.k8s.io/v1",
            "StorageClass",
            &json!({
                "metadata": {"name": "local"},
                "provisioner": "kubernetes.io/no-provisioner",
                "volumeBindingMode": "WaitForFirstConsumer",
            }),
        )
        .await?;
    cluster.create("v1", "PersistentVolume", &local_volume("v1", "n2")).await?;
    cluster
        .create(
            "v1",
            "PersistentVolumeClaim",
            &json!({
                "metadata": {"name": "data", "namespace": "default"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "local",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }),
        )
        .await?;
    let volumes = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    cluster.create_pod(&pod("db", "100m", &volumes)).await?;
    let all: Api<PersistentVolume> = Api::all(cluster.client());
    let promised =
        support::when(&all, "v1", |volume| volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_some()));
    let claim = promised.await?.spec.and_then(|spec| spec.claim_ref).context("promised")?;
    assert_eq!(claim.name.as_deref(), Some("data"));
    assert!(node_of(&cluster.pods().get("db").await?).is_none());
    // The controller of volumes completes the binding.
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client(), "default");
    let complete = json!({
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": "v1"},
    });
    claims.patch("data", &PatchParams::default(), &Patch::Merge(complete)).await?;
    let bound = cluster.pod_when("db", |pod| node_of(pod).is_some()).await?;
    assert_eq!(node_of(&bound).as_deref(), Some("n2"));
    cluster.stop().await
}

fn local_volume(name: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": "/volumes/v1"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{
                "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}],
            }]}},
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pods_are_bound_once_each() -> Result<()> {
    let cluster = Cluster::start().await?;
    for number in 0..20 {
        let amounts = json!({"cpu": "8", "memory": "32Gi", "pods": "20"});
        cluster.add_node(&format!("n{number}"), &amounts).await?;
    }
    for number in 0..300 {
        cluster.create_pod(&pod(&format!("p{number}"), "100m", &json!({}))).await?;
    }
    for number in 0..300 {
        cluster.pod_when(&format!("p{number}"), |pod| node_of(pod).is_some()).await?;
    }
    let events: Api<Event> = Api::namespaced(cluster.client(), "default");
    let failed = ListParams::default().fields("reason=FailedScheduling");
    assert!(events.list(&failed).await?.items.is_empty());
    cluster.stop().await
}
