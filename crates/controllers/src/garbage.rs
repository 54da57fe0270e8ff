//! Deletes what belonged to something that is gone, and carries out how deletions are to go on: in the foreground, in the
//! background, or leaving orphans.
//!
//! ```text
//!   every kind, metadata only -- follow --> graph -- what to look at --> look: ask the API, decide (verdict), act
//! ```
//!
//! The graph says what to look at and nothing more: that an owner is gone is believed only of the API, asked by the name
//! in the reference, and a deletion holds only for the object as it was read then.

mod follow;
mod graph;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use parking_lot::Mutex;
use serde_json::Value;
use stanchion_informers::{Key, Next, Queue, work};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::follow::Kinds;
use self::graph::{Ending, FOREGROUND, Graph, Node, ORPHAN, Owner, Uid};
use self::verdict::{Dependents, Standing, Verdict};
use crate::Controller;
use crate::calls::{CallError, call_of};
use crate::cluster::Cluster;
use crate::events::Events;

/// Objects looked at at a time.
const AT_ONCE: usize = 20;
/// When to look again at what cannot be decided before all objects have been seen.
const AGAIN: Duration = Duration::from_millis(500);
/// When to look again at a reference to what is not followed: nothing will say that it is gone.
const STRANGE: Duration = Duration::from_mins(1);

/// What collecting needs.
struct Collector {
    cluster: Arc<Cluster>,
    events: Events,
    graph: Mutex<Graph>,
    kinds: Mutex<Kinds>,
    queue: Queue<Uid>,
    /// Told when a definition has changed.
    definitions: Notify,
}

/// An owner of an object.
enum Found {
    /// As the graph sees it.
    Seen(Standing),
    /// As the API sees it; the graph has not seen it yet, so it would not say when it goes.
    Asked(Standing),
    /// Its kind is not served, so nobody can tell.
    Strange,
    /// It cannot be what the reference says.
    Invalid,
}

/// Makes the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue = Queue::default();
    let collector = Arc::new(Collector {
        cluster: Arc::clone(cluster),
        events: cluster.events("garbage-collector-controller"),
        graph: Mutex::default(),
        kinds: Mutex::default(),
        queue: queue.clone(),
        definitions: Notify::new(),
    });
    let stop = cluster.stop.clone();
    Box::pin(async move {
        let looking = Arc::clone(&collector);
        let look = move |uid| {
            let collector = Arc::clone(&looking);
            async move { collector.look(uid).await }
        };
        tokio::join!(follow::run(collector), work("garbage", queue, AT_ONCE, look, stop));
    })
}

impl Collector {
    fn look_at(&self, uids: BTreeSet<Uid>) {
        for uid in uids {
            self.queue.add(uid);
        }
    }

    /// Takes note that an object is gone, before its watch says so.
    fn gone(&self, uid: Uid) {
        let looks = self.graph.lock().remove(uid);
        self.look_at(looks);
    }

    async fn look(&self, uid: Uid) -> Result<Next, CallError> {
        let Some(node) = self.graph.lock().node(uid).cloned() else { return Ok(Next::Change) };
        if !self.kinds.lock().is_complete(Instant::now()) {
            return Ok(Next::After(AGAIN));
        }
        match node.ending {
            Ending::Not => self.judge(uid, &node).await,
            Ending::Otherwise => Ok(Next::Change),
            Ending::Foreground => self.wait_for_dependents(uid, &node).await,
            Ending::Orphan => self.let_go(uid, &node).await,
        }
    }

    /// Lets an object end whose dependents are gone, or has those looked at that hold it up.
    async fn wait_for_dependents(&self, uid: Uid, node: &Node) -> Result<Next, CallError> {
        let holding: Vec<(Uid, Ending)> = {
            let graph = self.graph.lock();
            let holding = graph.dependents_of(uid).into_iter().filter_map(|it| Some((it, graph.node(it)?)));
            let holding = holding.filter(|(_, node)| node.blocks(uid));
            holding.map(|(uid, node)| (uid, node.ending)).collect()
        };
        if holding.is_empty() {
            return self.finish(uid, node, FOREGROUND).await;
        }
        // The others are on their way; to look at them would be to look at a circle for ever.
        self.look_at(
            holding.into_iter().filter(|(_, ending)| *ending == Ending::Not).map(|(uid, _)| uid).collect(),
        );
        Ok(Next::Change)
    }

    /// Takes an object that ends out of the references of those that belong to it.
    async fn let_go(&self, uid: Uid, node: &Node) -> Result<Next, CallError> {
        let dependents: Vec<Node> = {
            let graph = self.graph.lock();
            graph.dependents_of(uid).into_iter().filter_map(|it| graph.node(it).cloned()).collect()
        };
        for dependent in dependents {
            let Some(meta) = self.read(&dependent).await? else { continue };
            let references = meta.owner_references.clone().unwrap_or_default();
            let kept: Vec<OwnerReference> =
                references.iter().filter(|it| Uid::of(&it.uid) != uid).cloned().collect();
            if kept.len() < references.len() {
                self.patch(&dependent, &verdict::refer(&meta, &kept)).await?;
            }
        }
        self.finish(uid, node, ORPHAN).await
    }

    async fn finish(&self, uid: Uid, node: &Node, finalizer: &str) -> Result<Next, CallError> {
        match self.read(node).await? {
            None => self.gone(uid),
            Some(meta) => {
                if let Some(patch) = verdict::finish(&meta, finalizer) {
                    self.patch(node, &patch).await?;
                }
            }
        }
        Ok(Next::Change)
    }

    /// Finds out what the owners of an object are, and does what follows from it.
    async fn judge(&self, uid: Uid, node: &Node) -> Result<Next, CallError> {
        let all_solid = {
            let graph = self.graph.lock();
            node.owners.iter().all(|owner| graph.owner(node, Uid::of(&owner.uid)) == Owner::Solid)
        };
        if all_solid {
            return Ok(Next::Change);
        }
        let Some(meta) = self.read(node).await? else {
            self.gone(uid);
            return Ok(Next::Change);
        };
        if meta.deletion_timestamp.is_some() {
            return Ok(Next::Change);
        }
        let (mut owners, mut next) = (Vec::new(), Next::Change);
        for reference in meta.owner_references.iter().flatten() {
            match self.find(node, reference).await? {
                Found::Seen(standing) => owners.push(standing),
                Found::Asked(standing) => {
                    next = Next::After(STRANGE);
                    owners.push(standing);
                }
                Found::Strange => return Ok(Next::After(STRANGE)),
                Found::Invalid => return Ok(Next::Change),
            }
        }
        match verdict::decide(&meta, &owners, self.dependents(uid)) {
            Verdict::Keep => {}
            Verdict::Refer(references) => self.patch(node, &verdict::refer(&meta, &references)).await?,
            Verdict::Delete(policy) => self.delete(uid, node, &meta, policy).await?,
            Verdict::Unblock(references) => {
                self.patch(node, &verdict::refer(&meta, &references)).await?;
                self.queue.add(uid);
            }
        }
        Ok(next)
    }

    fn dependents(&self, uid: Uid) -> Dependents {
        let graph = self.graph.lock();
        let dependents = graph.dependents_of(uid);
        let waits = |it: &Uid| graph.node(*it).is_some_and(|node| node.ending == Ending::Foreground);
        if dependents.is_empty() {
            Dependents::None
        } else if dependents.iter().any(waits) {
            Dependents::Waiting
        } else {
            Dependents::Some
        }
    }

    /// Finds out what an owner is, from the graph if it is there and from the API if it seems to be gone.
    async fn find(&self, node: &Node, reference: &OwnerReference) -> Result<Found, CallError> {
        let uid = Uid::of(&reference.uid);
        let kind = self.kinds.lock().find(&reference.api_version, &reference.kind);
        let Some(kind) = kind else {
            // It went with its definition, or nobody can tell.
            let buried = self.graph.lock().is_buried(uid);
            return Ok(if buried { Found::Seen(Standing::Dangling) } else { Found::Strange });
        };
        if kind.namespaced && node.namespace.is_empty() {
            self.report(node, reference);
            return Ok(Found::Invalid);
        }
        let known = self.graph.lock().owner(node, uid);
        match known {
            Owner::Solid => return Ok(Found::Seen(Standing::Solid)),
            Owner::Waiting => return Ok(Found::Seen(Standing::Waiting)),
            Owner::Elsewhere => self.report(node, reference),
            Owner::Unseen => {}
        }
        let namespace = if kind.namespaced { node.namespace.as_str() } else { "" };
        let key = Key::new(namespace, &reference.name);
        let api = kind.api(&self.cluster.client, namespace);
        let found = call_of("get", &reference.kind, &key, api.get_opt(&reference.name)).await?;
        let standing = match found {
            Some(owner) if owner.metadata.uid.as_ref() == Some(&reference.uid) => {
                match graph::ending(&owner.metadata) {
                    Ending::Foreground => Standing::Waiting,
                    Ending::Not | Ending::Otherwise | Ending::Orphan => Standing::Solid,
                }
            }
            Some(_) | None => Standing::Dangling,
        };
        Ok(Found::Asked(standing))
    }

    fn report(&self, node: &Node, reference: &OwnerReference) {
        let OwnerReference { api_version, kind, name, uid, .. } = reference;
        let owner =
            format!("[{api_version}/{kind}, namespace: {}, name: {name}, uid: {uid}]", node.namespace);
        let message = format!("ownerRef {owner} does not exist in namespace {:?}", node.namespace);
        self.events.warning_about(&reference_to(node), "OwnerRefInvalidNamespace", message);
    }

    /// Reads the metadata of an object as it is now; none if it is gone.
    async fn read(&self, node: &Node) -> Result<Option<ObjectMeta>, CallError> {
        let api = node.kind.api(&self.cluster.client, &node.namespace);
        let found = call_of("get", &node.kind.resource.kind, &key(node), api.get_opt(&node.name)).await?;
        Ok(found.map(|object| object.metadata).filter(|meta| meta.uid.as_ref() == Some(&node.uid)))
    }

    /// Changes an object; one that is gone is success.
    async fn patch(&self, node: &Node, patch: &Value) -> Result<(), CallError> {
        let api = node.kind.api(&self.cluster.client, &node.namespace);
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let answer = api.patch(&node.name, &params, &patch);
        match call_of("patch", &node.kind.resource.kind, &key(node), answer).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn delete(
        &self,
        uid: Uid,
        node: &Node,
        meta: &ObjectMeta,
        policy: PropagationPolicy,
    ) -> Result<(), CallError> {
        let api = node.kind.api(&self.cluster.client, &node.namespace);
        let preconditions =
            Preconditions { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let answer = api.delete(&node.name, &params);
        match call_of("delete", &node.kind.resource.kind, &key(node), answer).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => {
                self.gone(uid);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn key(node: &Node) -> Key {
    Key::new(&node.namespace, &node.name)
}

fn reference_to(node: &Node) -> ObjectReference {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ObjectReference {
        api_version: some(&node.kind.resource.api_version),
        kind: some(&node.kind.resource.kind),
        namespace: some(&node.namespace),
        name: some(&node.name),
        uid: some(&node.uid),
        ..ObjectReference::default()
    }
}
