//! Watches over nodes: says that one is unknown when it is not heard of, taints what cannot be used, and evicts Pods from it.
//!
//! ```text
//!   lease, status -- not renewed for 50 s --> Ready=Unknown -> NoSchedule at once, NoExecute at the pace of its zone
//!   NoExecute     -- tolerationSeconds over --> the Pod is deleted
//! ```
//!
//! One task listens for heartbeats; taints and evictions follow from what nodes and Pods say, and need no memory.

mod eviction;
mod monitor;
mod taints;
mod zones;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use parking_lot::Mutex;
use serde_json::json;
use stanchion_informers::{Change, Key, Next, Queue, work};

use self::eviction::{Eviction, evict};
use self::monitor::{Health, Word};
use self::taints::{EXECUTE, Wanted};
use self::zones::{Pace, Zones};
use crate::Controller;
use crate::calls::CallError;
use crate::cluster::{Cluster, NODE_LEASES};
use crate::events::Events;
use crate::members;
use crate::writes;

/// How often heartbeats are looked for.
const ROUND: Duration = Duration::from_secs(5);
/// Nodes, and Pods, looked at at a time.
const AT_ONCE: usize = 10;

/// A node, and the key and the value of one of its taints.
type TaintOfNode = (String, String, Option<String>);

/// What watching over nodes needs.
struct Watch {
    cluster: Arc<Cluster>,
    events: Events,
    pods: Events,
    zones: Mutex<Zones>,
    /// Since when taints have been there that do not say so themselves, by node and taint.
    since: Mutex<HashMap<TaintOfNode, Timestamp>>,
}

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let (nodes, pods): (Queue<Key>, Queue<Key>) = (Queue::default(), Queue::default());
    let (changed, evictions, of_node) = (nodes.clone(), pods.clone(), cluster.pods_on.clone());
    cluster.nodes.on_change(move |change| {
        let node = change.object();
        let old = match change {
            Change::Modified { old, .. } => taints::of(old, EXECUTE),
            Change::Added(_) | Change::Deleted(_) => Vec::new(),
        };
        changed.add(Key::of(&**node));
        if taints::of(node, EXECUTE) != old {
            for pod in of_node.get(&node.metadata.name.clone().unwrap_or_default()) {
                evictions.add(Key::of(&*pod));
            }
        }
    });
    let (changed, known) = (pods.clone(), cluster.nodes.clone());
    cluster.pods.on_change(move |change| {
        let pod = change.object();
        let node = known.get(&Key::cluster(node_name(pod)));
        if node.is_some_and(|node| !taints::of(&node, EXECUTE).is_empty()) {
            changed.add(Key::of(&**pod));
        }
    });
    let watch = Arc::new(Watch {
        cluster: Arc::clone(cluster),
        events: cluster.events("node-controller"),
        pods: cluster.events("taint-eviction-controller"),
        zones: Mutex::default(),
        since: Mutex::default(),
    });
    Box::pin(run(watch, nodes, pods))
}

async fn run(watch: Arc<Watch>, nodes: Queue<Key>, pods: Queue<Key>) {
    let (tainting, evicting) = (Arc::clone(&watch), Arc::clone(&watch));
    let taint = move |key| {
        let watch = Arc::clone(&tainting);
        async move { watch.taint(&key).await }
    };
    let evict = move |key| {
        let watch = Arc::clone(&evicting);
        async move { watch.evict(&key).await }
    };
    let stop = watch.cluster.stop.clone();
    tokio::join!(
        watch.listen(),
        work("node-taints", nodes, AT_ONCE, taint, stop.clone()),
        work("taint-eviction", pods, AT_ONCE, evict, stop),
    );
}

/// Returns the node that a Pod is on; empty if it has none.
fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("")
}

/// Returns the node that a Pod is on; what the index goes by.
pub(crate) fn node_of(pod: &Pod) -> Vec<String> {
    Some(node_name(pod).to_owned()).filter(|name| !name.is_empty()).into_iter().collect()
}

impl Watch {
    /// Listens for heartbeats until everything is to end.
    async fn listen(&self) {
        let mut heard: BTreeMap<String, Health> = BTreeMap::new();
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.cluster.stop.cancelled() => return,
                _ = round.tick() => {}
            }
            let nodes = self.cluster.nodes.list();
            let names: Vec<Option<&String>> = nodes.iter().map(|node| node.metadata.name.as_ref()).collect();
            heard.retain(|name, _| names.contains(&Some(name)));
            self.zones.lock().renew(&nodes);
            for node in &nodes {
                let name = node.metadata.name.clone().unwrap_or_default();
                let lease = self.cluster.leases.get(&Key::new(NODE_LEASES, &name));
                let now = Timestamp::now();
                let word = monitor::hear(heard.entry(name).or_default(), node, lease.as_deref(), now);
                if let Err(error) = self.act(node, word, now).await {
                    tracing::warn!(node = %Key::of(&**node), error = &error as &dyn std::error::Error, "cannot say how a node is");
                }
            }
        }
    }

    async fn act(&self, node: &Arc<Node>, word: Word, now: Timestamp) -> Result<(), CallError> {
        match word {
            Word::Fine => Ok(()),
            Word::Silent => {
                let Some(silent) = monitor::silenced(node, now) else {
                    return self.unready_pods(node).await;
                };
                let name = silent.metadata.name.clone().unwrap_or_default();
                let api: Api<Node> = Api::all(self.cluster.client.clone());
                writes::replace_status(&api, &silent).await?;
                self.events.normal(
                    &**node,
                    "NodeNotReady",
                    format!("Node {name} status is now: NodeNotReady"),
                );
                self.unready_pods(node).await
            }
            Word::Unready => {
                let name = node.metadata.name.as_deref().unwrap_or("");
                self.events.normal(
                    &**node,
                    "NodeNotReady",
                    format!("Node {name} status is now: NodeNotReady"),
                );
                self.unready_pods(node).await
            }
        }
    }

    /// Says of the Pods of a node that they are not ready, so that nobody is sent to them.
    async fn unready_pods(&self, node: &Node) -> Result<(), CallError> {
        for pod in self.cluster.pods_on.get(&node.metadata.name.clone().unwrap_or_default()) {
            let Some(patch) = monitor::unready(&pod, Timestamp::now()) else { continue };
            let api: Api<Pod> =
                Api::namespaced(self.cluster.client.clone(), pod.metadata.namespace.as_deref().unwrap_or(""));
            match writes::patch_status(&api, &*pod, &patch).await {
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(()) | Err(_) => self.events.warning(&*pod, "NodeNotReady", "Node is not ready"),
            }
        }
        Ok(())
    }

    /// Brings the taints of a node up to date.
    async fn taint(&self, key: &Key) -> Result<Next, CallError> {
        let Some(node) = self.cluster.nodes.get(key) else { return Ok(Next::Change) };
        let now = Timestamp::now();
        let (pace, stopped) = {
            let mut zones = self.zones.lock();
            let stopped = zones.is_all_down();
            let needs = !stopped && taints::lacks_eviction(&node);
            (if needs { zones.take(&node, now) } else { Pace::Stopped }, stopped)
        };
        let wanted = match (&pace, stopped) {
            (_, true) => Wanted::NoEviction,
            (Pace::Go, false) => Wanted::Eviction,
            (Pace::Wait(_) | Pace::Stopped, false) => Wanted::AsIs,
        };
        if let Some(taints) = taints::decide(&node, wanted, now) {
            let mut new = (*node).clone();
            new.spec.get_or_insert_default().taints = Some(taints).filter(|taints| !taints.is_empty());
            let api: Api<Node> = Api::all(self.cluster.client.clone());
            writes::replace(&api, &new).await?;
        }
        Ok(match pace {
            Pace::Wait(delay) => Next::After(delay),
            // Whether evictions have stopped changes with other nodes.
            Pace::Go | Pace::Stopped if !taints::is_ready(&node) => Next::After(ROUND),
            Pace::Go | Pace::Stopped => Next::Change,
        })
    }

    /// Deletes a Pod that its node does not tolerate any longer.
    async fn evict(&self, key: &Key) -> Result<Next, CallError> {
        let Some(pod) = self.cluster.pods.get(key) else { return Ok(Next::Change) };
        let Some(node) = self.cluster.nodes.get(&Key::cluster(node_name(&pod))) else {
            return Ok(Next::Change);
        };
        let now = Timestamp::now();
        let taints: Vec<(Taint, Timestamp)> = {
            let mut since = self.since.lock();
            since.retain(|(node, _, _), _| self.cluster.nodes.get(&Key::cluster(node)).is_some());
            let all = taints::of(&node, EXECUTE).into_iter();
            all.map(|taint| {
                let name = node.metadata.name.clone().unwrap_or_default();
                let first = *since.entry((name, taint.key.clone(), taint.value.clone())).or_insert(now);
                let added = taint.time_added.as_ref().map_or(first, |added| added.0);
                (taint, added)
            })
            .collect()
        };
        match evict(&pod, &taints, now) {
            Eviction::Never => Ok(Next::Change),
            Eviction::After(delay) => Ok(Next::After(delay)),
            Eviction::Now => {
                let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &key.namespace);
                self.pods.normal(&*pod, "TaintManagerEviction", format!("Marking for deletion Pod {key}"));
                let condition = json!({
                    "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
                    "message": "Taint manager: deleting due to NoExecute taint",
                });
                match writes::patch_status(&api, &*pod, &members::with_condition(&pod, &condition, now)).await
                {
                    Err(error) if !error.is_not_found() => return Err(error),
                    Ok(()) | Err(_) => {}
                }
                writes::delete(&api, &*pod, None).await?;
                Ok(Next::Change)
            }
        }
    }
}
