//! `StatefulSet`s: Pods with names that stay, each with its own claims, started and ended in order.
//!
//! Names are known beforehand, so a sync from an old view makes nothing twice: the API refuses it.

mod identity;
mod plan;
mod retention;
mod revision;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::FutureExt;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;
use stanchion_informers::{Change, Failure, Key, Next, Queue, work};
use stanchion_machinery::selector::Labels;

use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::events::Events;
use crate::follow;
use crate::owner;
use crate::pods::{self, Phase};
use plan::{Action, View};
use revision::Update;

/// How many `StatefulSet`s are looked at at a time.
const AT_ONCE: usize = 8;

/// Why a sync of a set could not be done.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Call(#[from] CallError),
    /// A claim is in the way of the new one of its name until it is gone.
    #[error("claim {0} is being deleted")]
    ClaimEnds(Key),
    /// A Pod that is not the set's has the name of one of its Pods.
    #[error("pod {0} is there already and belongs to somebody else")]
    NameTaken(Key),
}

impl Failure for SyncError {
    fn is_stale(&self) -> bool {
        match self {
            Self::Call(error) => error.is_stale(),
            Self::ClaimEnds(_) | Self::NameTaken(_) => false,
        }
    }
}

struct Context {
    cluster: Arc<Cluster>,
    events: Events,
}

/// Registers the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    follow::owners(&cluster.stateful_sets, &queue);
    follow::dependents(&cluster.pods, &cluster.stateful_sets, &queue, |set, pod: &Pod| {
        identity::ordinal(set, pod).is_some() && owner::selects(&selector(set), &pod.metadata)
    });
    follow::quotas(&cluster.quotas, &cluster.stateful_sets, &queue, status::is_short_of_pods);
    let (adding, sets) = (queue.clone(), cluster.stateful_sets.clone());
    cluster.claims.on_change(move |change| {
        // A claim that is gone may be what a new Pod waits for.
        if let Change::Deleted(claim) = change {
            let sets = sets.namespace(claim.metadata.namespace.as_deref().unwrap_or_default());
            let concerned = sets.iter().filter(|set| is_claim_of(set, claim));
            concerned.for_each(|set| adding.add(Key::of(&**set)));
        }
    });
    let events = cluster.events("statefulset-controller");
    let context = Arc::new(Context { cluster: Arc::clone(cluster), events });
    let reconcile = move |key: Key| Arc::clone(&context).reconcile(key);
    work("statefulset", queue, AT_ONCE, reconcile, cluster.stop.clone()).boxed()
}

fn selector(set: &StatefulSet) -> Labels {
    set.spec.as_ref().map_or_else(Labels::nothing, |spec| owner::selector(&spec.selector))
}

fn is_claim_of(set: &StatefulSet, claim: &PersistentVolumeClaim) -> bool {
    let templates = set.spec.as_ref().and_then(|spec| spec.volume_claim_templates.as_ref());
    let name = claim.name_any();
    let set_name = set.name_any();
    let prefixes =
        templates.into_iter().flatten().map(|template| format!("{}-{set_name}-", template.name_any()));
    prefixes.into_iter().any(|prefix| name.starts_with(&prefix))
}

impl Context {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Next, SyncError> {
        let Some(set) = self.cluster.stateful_sets.get(&key) else { return Ok(Next::Change) };
        let Some(spec) = &set.spec else { return Ok(Next::Change) };
        // What belongs to a set that ends is being deleted; it must not be made again.
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Next::Change);
        }
        let revisions = self.revisions(&set).await?;
        let pods = self.pods(&set).await?;
        let update = self.update_revision(&set, &revisions).await?;
        let known = set.status.as_ref().and_then(|status| status.current_revision.as_deref());
        let current = revisions.iter().find(|revision| revision.metadata.name.as_deref() == known);
        let current = current.unwrap_or(&update);
        let claim = |name: &str| self.cluster.claims.get(&Key::new(key.namespace.clone(), name));
        let now = Timestamp::now();
        let view = View { set: &set, spec, current, update: &update, pods: &pods, claim: &claim, now };
        let (plan, status) = (view.plan(), status::status(&view));
        let mut done = Ok(());
        for action in plan.actions {
            done = self.perform(&set, action).await;
            if done.is_err() {
                break;
            }
        }
        if set.status.as_ref() != Some(&status) {
            self.cluster.replace_status(&StatefulSet { status: Some(status), ..(*set).clone() }).await?;
        }
        done?;
        self.truncate(&set, &revisions, &pods, [current, &update]).await?;
        Ok(plan.next.map_or(Next::Change, Next::After))
    }

    async fn pods(&self, set: &Arc<StatefulSet>) -> Result<Vec<Arc<Pod>>, CallError> {
        let mut candidates = self.cluster.pods_of.get(&set.uid().unwrap_or_default());
        candidates.extend(self.cluster.pods_alone.get(&set.namespace().unwrap_or_default()));
        candidates.retain(|pod| identity::ordinal(set, pod).is_some());
        self.cluster.claim(&**set, &selector(set), candidates).await
    }

    async fn revisions(&self, set: &Arc<StatefulSet>) -> Result<Vec<Arc<ControllerRevision>>, CallError> {
        let candidates = self.cluster.revisions.namespace(&set.namespace().unwrap_or_default());
        self.cluster.claim(&**set, &selector(set), candidates).await
    }

    /// Returns the revision of the template of now, made or renumbered if need be.
    async fn update_revision(
        &self,
        set: &StatefulSet,
        revisions: &[Arc<ControllerRevision>],
    ) -> Result<Arc<ControllerRevision>, CallError> {
        match revision::update(set, revisions) {
            Update::Is(revision) => Ok(revision),
            Update::Renumber(revision, number) => {
                let key = Key::of(&*revision);
                let version = revision.resource_version();
                let patch = json!({"metadata": {"resourceVersion": version}, "revision": number});
                self.cluster.patch(&key, &patch).await.map(Arc::new)
            }
            Update::Create(new) => self.create_revision(set, &new).await,
        }
    }

    /// A revision of this name may be ours, which informers have not shown yet; if not, the next try takes another name.
    async fn create_revision(
        &self,
        set: &StatefulSet,
        new: &ControllerRevision,
    ) -> Result<Arc<ControllerRevision>, CallError> {
        let error = match self.cluster.create(new).await {
            Ok(created) => return Ok(Arc::new(created)),
            Err(error) if error.is_already_exists() => error,
            Err(error) => return Err(error),
        };
        let Some(other) = self.cluster.get::<ControllerRevision>(&Key::of(new)).await? else {
            return Err(error);
        };
        if revision::is_same(new, &other) {
            return Ok(Arc::new(other));
        }
        let mut shown = set.clone();
        let status = shown.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        self.cluster.replace_status(&shown).await?;
        Err(error)
    }

    async fn truncate(
        &self,
        set: &StatefulSet,
        revisions: &[Arc<ControllerRevision>],
        pods: &[Arc<Pod>],
        kept: [&Arc<ControllerRevision>; 2],
    ) -> Result<(), CallError> {
        let kept = kept.map(|revision| revision.name_any());
        let live: Vec<&str> =
            pods.iter().map(|pod| identity::revision(pod)).chain(kept.iter().map(String::as_str)).collect();
        for revision in revision::surplus(set, revisions, &live) {
            self.cluster.delete(&*revision).await?;
        }
        Ok(())
    }

    async fn perform(&self, set: &StatefulSet, action: Action) -> Result<(), SyncError> {
        match action {
            Action::Create { pod, claims } => {
                self.create_claims(set, &pod.name_any(), claims).await?;
                self.create_pod(set, &pod).await
            }
            Action::Claim { pod, claims } => self.create_claims(set, &pod.name_any(), claims).await,
            Action::Delete(pod) => self.delete_pod(set, &pod).await,
            Action::Recreate(pod) => {
                let (key, name) = (Key::of(set), pod.name_any());
                if pods::phase(&pod) == Phase::Failed {
                    let message = format!("StatefulSet {key} is recreating failed Pod {name}");
                    self.events.warning(set, "RecreatingFailedPod", message);
                } else {
                    let message = format!("StatefulSet {key} is recreating terminated Pod {name}");
                    self.events.normal(set, "RecreatingTerminatedPod", message);
                }
                self.delete_pod(set, &pod).await
            }
            Action::Label(pod, ordinal) => {
                let labels = serde_json::Map::from_iter(
                    identity::labels(set, ordinal).map(|(key, value)| (key, json!(value))),
                );
                let patch = json!({"metadata": {"uid": pod.uid(), "labels": labels}});
                self.cluster.patch::<Pod>(&Key::of(&*pod), &patch).await?;
                Ok(())
            }
            Action::Own(claim, owners) => {
                let version = claim.resource_version();
                let patch = json!({"metadata": {"resourceVersion": version, "ownerReferences": owners}});
                self.cluster.patch::<PersistentVolumeClaim>(&Key::of(&*claim), &patch).await?;
                Ok(())
            }
        }
    }

    async fn create_claims(
        &self,
        set: &StatefulSet,
        pod: &str,
        claims: Vec<PersistentVolumeClaim>,
    ) -> Result<(), SyncError> {
        for claim in claims {
            let (name, set_name) = (claim.name_any(), set.name_any());
            match self.cluster.create(&claim).await {
                Ok(_) => {
                    let message = format!("create Claim {name} Pod {pod} in StatefulSet {set_name} success");
                    self.events.normal(set, "SuccessfulCreate", message);
                }
                // Informers have not shown it yet; one that ends is told apart by the API only.
                Err(error) if error.is_already_exists() => {
                    let key = Key::of(&claim);
                    let live = self.cluster.get::<PersistentVolumeClaim>(&key).await?;
                    if live.is_some_and(|live| live.metadata.deletion_timestamp.is_some()) {
                        return Err(SyncError::ClaimEnds(key));
                    }
                }
                Err(error) => {
                    let why = error.message();
                    let message = format!(
                        "create Claim {name} for Pod {pod} in StatefulSet {set_name} failed error: {why}"
                    );
                    self.events.warning(set, "FailedCreate", message);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    async fn create_pod(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        let (name, set_name) = (pod.name_any(), set.name_any());
        match self.cluster.create(pod).await {
            Ok(_) => {
                let message = format!("create Pod {name} in StatefulSet {set_name} successful");
                self.events.normal(set, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                let taken = error.is_already_exists() && self.is_foreign(set, pod).await?;
                if taken || !error.is_already_exists() && !error.is_namespace_terminating() {
                    let why = error.message();
                    let message = format!("create Pod {name} in StatefulSet {set_name} failed error: {why}");
                    self.events.warning(set, "FailedCreate", message);
                }
                if taken { Err(SyncError::NameTaken(Key::of(pod))) } else { Err(error.into()) }
            }
        }
    }

    /// Returns whether somebody else has a Pod of this name.
    async fn is_foreign(&self, set: &StatefulSet, pod: &Pod) -> Result<bool, CallError> {
        let live = self.cluster.get::<Pod>(&Key::of(pod)).await?;
        let owner = |live: &Pod| owner::controller(&live.metadata).map(|owner| owner.uid.clone());
        Ok(live.is_some_and(|live| owner(&live) != set.uid()))
    }

    async fn delete_pod(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        let (name, set_name) = (pod.name_any(), set.name_any());
        match self.cluster.delete(pod).await {
            Ok(deleted) => {
                if deleted {
                    let message = format!("delete Pod {name} in StatefulSet {set_name} successful");
                    self.events.normal(set, "SuccessfulDelete", message);
                }
                Ok(())
            }
            Err(error) => {
                let why = error.message();
                let message = format!("delete Pod {name} in StatefulSet {set_name} failed error: {why}");
                self.events.warning(set, "FailedDelete", message);
                Err(error.into())
            }
        }
    }
}
