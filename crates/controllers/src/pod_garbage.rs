//! Deletes Pods that nobody else will: of nodes that are gone, of nodes out of service, never placed, and the oldest of too
//! many that have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use serde_json::{Value, json};
use stanchion_informers::Key;

use crate::Controller;
use crate::calls::{CallError, call};
use crate::cluster::Cluster;
use crate::members;
use crate::writes;

/// How often Pods are looked through.
const ROUND: Duration = Duration::from_secs(20);
/// How long a node may be missing before the API is asked whether it is gone.
const QUARANTINE: Duration = Duration::from_secs(40);
/// How many Pods that have ended are kept.
const ENDED: usize = 12_500;

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Why a Pod is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Its node is gone.
    Orphan,
    /// It is to end, and its node is out of service.
    OutOfService,
    /// It is to end, and was never placed.
    Unplaced,
    /// There are too many that have ended.
    Ended,
}

/// Makes the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    Box::pin(run(Arc::clone(cluster)))
}

async fn run(cluster: Arc<Cluster>) {
    let mut missing: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut round = tokio::time::interval(ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cluster.stop.cancelled() => return,
            _ = round.tick() => {}
        }
        let (pods, nodes) = (cluster.pods.list(), cluster.nodes.list());
        let now = Timestamp::now();
        let gone = confirmed(&cluster, suspects(&mut missing, &pods, &nodes, now)).await;
        for (pod, why) in decide(&pods, &nodes, &gone, ENDED) {
            if let Err(error) = delete(&cluster, pod, why, now).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(pod = %Key::of(&**pod), error, "cannot delete a pod that nobody else will");
            }
        }
    }
}

fn node_of(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("")
}

/// Returns the nodes of Pods that have been missing for long enough.
fn suspects(
    missing: &mut BTreeMap<String, Timestamp>,
    pods: &[Arc<Pod>],
    nodes: &[Arc<Node>],
    now: Timestamp,
) -> Vec<String> {
    let there: std::collections::BTreeSet<&str> =
        nodes.iter().filter_map(|node| node.metadata.name.as_deref()).collect();
    let named = pods.iter().map(|pod| node_of(pod)).filter(|name| !name.is_empty() && !there.contains(name));
    let since: BTreeMap<String, Timestamp> =
        named.map(|name| (name.to_owned(), missing.get(name).copied().unwrap_or(now))).collect();
    *missing = since;
    let passed = |since: Timestamp| Duration::try_from(now.duration_since(since)).unwrap_or_default();
    missing.iter().filter(|(_, since)| passed(**since) >= QUARANTINE).map(|(name, _)| name.clone()).collect()
}

async fn confirmed(cluster: &Cluster, names: Vec<String>) -> Vec<String> {
    let api: Api<Node> = Api::all(cluster.client.clone());
    let mut gone = Vec::new();
    for name in names {
        match call::<Node, _>("get", &Key::cluster(&name), api.get_opt(&name)).await {
            Ok(None) => gone.push(name),
            Ok(Some(_)) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(node = name, error, "cannot tell whether a node is gone");
            }
        }
    }
    gone
}

/// Returns the Pods that are to go; of those that have ended all but the newest, and evicted ones first.
fn decide<'a>(
    pods: &'a [Arc<Pod>],
    nodes: &[Arc<Node>],
    gone: &[String],
    keep: usize,
) -> Vec<(&'a Arc<Pod>, Why)> {
    let out: Vec<&str> =
        nodes.iter().filter(|node| is_out(node)).filter_map(|node| node.metadata.name.as_deref()).collect();
    let mut found = Vec::new();
    let mut ended: Vec<&Arc<Pod>> = Vec::new();
    for pod in pods {
        let (node, ends) = (node_of(pod), members::is_terminating(pod));
        if gone.iter().any(|name| name == node) {
            found.push((pod, Why::Orphan));
        } else if ends && out.contains(&node) {
            found.push((pod, Why::OutOfService));
        } else if ends && node.is_empty() {
            found.push((pod, Why::Unplaced));
        } else if matches!(members::phase(pod), "Succeeded" | "Failed") {
            ended.push(pod);
        }
    }
    if ended.len() > keep {
        let kept = |pod: &Pod| pod.status.as_ref().and_then(|it| it.reason.as_deref()) != Some("Evicted");
        let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|created| created.0);
        ended.sort_by_key(|pod| (kept(pod), created(pod), pod.metadata.name.clone()));
        ended.truncate(ended.len() - keep);
        found.extend(ended.into_iter().map(|pod| (pod, Why::Ended)));
    }
    found
}

fn is_out(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let tainted = taints.is_some_and(|all| all.iter().any(|taint| taint.key == OUT_OF_SERVICE));
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|all| all.iter().any(|it| it.type_ == "Ready" && it.status == "True"));
    tainted && !ready
}

/// Returns the patch that says that a Pod has failed; none if it has ended by itself.
fn failed(pod: &Pod, why: Why, now: Timestamp) -> Option<Value> {
    if matches!(members::phase(pod), "Succeeded" | "Failed") {
        return None;
    }
    let mut patch = match why {
        Why::Orphan => {
            let condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
            });
            members::with_condition(pod, &condition, now)
        }
        Why::OutOfService | Why::Unplaced | Why::Ended => {
            json!({"metadata": {"uid": pod.metadata.uid}, "status": {}})
        }
    };
    patch["status"]["phase"] = json!("Failed");
    Some(patch)
}

/// Deletes a Pod at once. It fails first, for there is nobody else who could say what became of it.
async fn delete(cluster: &Cluster, pod: &Arc<Pod>, why: Why, now: Timestamp) -> Result<(), CallError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    tracing::info!(pod = %Key::of(&**pod), ?why, "deleting a pod that nobody else will");
    if let Some(patch) = failed(pod, why, now) {
        match writes::patch_status(&api, &**pod, &patch).await {
            Err(error) if !error.is_not_found() => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    writes::delete(&api, &**pod, Some(0)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: &str, phase: &str, ends: bool) -> Arc<Pod> {
        let object = json!({
            "metadata": {"name": name, "uid": name, "deletionTimestamp": ends.then_some("2026-01-01T00:00:00Z")},
            "spec": {"containers": [], "nodeName": node},
            "status": {"phase": phase, "reason": if name.starts_with('e') { "Evicted" } else { "" }},
        });
        Arc::new(serde_json::from_value(object).expect("a pod"))
    }

    fn node(name: &str, ready: &str, taint: &str) -> Arc<Node> {
        let object = json!({
            "metadata": {"name": name}, "spec": {"taints": [{"key": taint, "effect": "NoExecute"}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        });
        Arc::new(serde_json::from_value(object).expect("a node"))
    }

    #[test]
    fn pods_that_nobody_ends_go() {
        let nodes = [
            node("up", "True", OUT_OF_SERVICE),
            node("out", "Unknown", OUT_OF_SERVICE),
            node("down", "Unknown", "x"),
        ];
        let pods = [
            pod("a", "gone", "Running", false),
            pod("b", "out", "Running", true),
            pod("c", "out", "Running", false),
            pod("d", "up", "Running", true),
            pod("f", "down", "Running", true),
            pod("g", "", "Pending", true),
            pod("h", "", "Pending", false),
            pod("i", "up", "Failed", false),
            pod("e", "up", "Failed", false),
            pod("k", "up", "Succeeded", false),
        ];
        let told = |keep| -> Vec<(String, Why)> {
            let found = decide(&pods, &nodes, &["gone".to_owned()], keep);
            found.into_iter().map(|(pod, why)| (pod.metadata.name.clone().unwrap_or_default(), why)).collect()
        };
        let of = |name: &str, why| (name.to_owned(), why);
        let always = vec![of("a", Why::Orphan), of("b", Why::OutOfService), of("g", Why::Unplaced)];
        assert_eq!(told(3), always);
        assert_eq!(told(1), [always, vec![of("e", Why::Ended), of("i", Why::Ended)]].concat());
        assert_eq!(
            failed(&pods[0], Why::Orphan, Timestamp::UNIX_EPOCH).expect("a patch")["status"]["phase"],
            "Failed"
        );
        assert_eq!(failed(&pods[9], Why::Ended, Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_node_is_missed_for_a_while() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a moment");
        let (mut missing, pods) = (BTreeMap::new(), [pod("a", "n", "Running", false)]);
        assert!(suspects(&mut missing, &pods, &[], at(0)).is_empty());
        assert!(suspects(&mut missing, &pods, &[], at(39)).is_empty());
        assert_eq!(suspects(&mut missing, &pods, &[], at(40)), ["n"]);
        assert!(suspects(&mut missing, &pods, &[node("n", "True", "x")], at(60)).is_empty());
        assert!(suspects(&mut missing, &pods, &[], at(80)).is_empty(), "counted anew");
    }
}
