//! What runs here.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};
use stanchion_sandbox::ContainerId;

use super::{Body, reply};
use crate::clock;
use crate::node::Node;
use crate::pods::{Shown, View};

/// Answers with the Pods of the node.
pub(super) fn list(node: &Node) -> Response<Body> {
    let pods: Vec<Value> = views(node).iter().map(|view| json!(*view.get().pod)).collect();
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods});
    reply(StatusCode::OK, "application/json", list.to_string())
}

/// Answers with what the containers use.
pub(super) async fn summary(node: &Node) -> Response<Body> {
    let time = clock::now().to_time();
    let mut pods = Vec::new();
    for view in views(node) {
        let shown = view.get();
        let mut containers = Vec::new();
        for (name, id) in running(&shown) {
            let stats = node.runtime.stats(&id).await.unwrap_or_default();
            containers.push(json!({
                "name": name,
                "cpu": {"time": time, "usageCoreNanoSeconds": stats.cpu_ns},
                "memory": {
                    "time": time, "usageBytes": stats.memory_usage, "workingSetBytes": stats.memory_working_set,
                },
            }));
        }
        let meta = &shown.pod.metadata;
        pods.push(json!({
            "podRef": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "containers": containers,
        }));
    }
    let summary = json!({"node": {"nodeName": node.options.name}, "pods": pods});
    reply(StatusCode::OK, "application/json", summary.to_string())
}

fn views(node: &Node) -> Vec<Arc<View>> {
    node.views.lock().values().cloned().collect()
}

/// Returns the runs of a Pod that run, with the names of their containers.
pub(crate) fn running(shown: &Shown) -> Vec<(String, ContainerId)> {
    let each = shown.observed.iter().filter(|(_, observed)| observed.running_since().is_some());
    let ids = each.filter_map(|(name, observed)| {
        let id = ContainerId::new(observed.instance.as_ref()?.id.clone()).ok()?;
        Some((name.clone(), id))
    });
    ids.collect()
}
