//! Deployments: one `ReplicaSet` for each template, and Pods moved from old ones to the new one.
//!
//! A sync makes a plan from what informers show, carries it out and shows it in the status. Sets have names made from
//! their template, so a plan from an old view cannot make one twice; changes of sets are refused by the API if they
//! were made from an old view.

mod plan;
mod revision;
mod roll;
mod rollout;
mod scale;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::FutureExt;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use stanchion_informers::{Change, Informer, Key, Next, Queue, work};
use stanchion_machinery::selector::Labels;

use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::events::Events;
use crate::follow;
use crate::owner;
use crate::pods;
use plan::Action;
use rollout::Set;

/// How many Deployments are looked at at a time.
const AT_ONCE: usize = 8;

const SCALING: &str = "ScalingReplicaSet";

struct Context {
    cluster: Arc<Cluster>,
    events: Events,
}

/// Registers the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    follow::owners(&cluster.deployments, &queue);
    follow::dependents(
        &cluster.replica_sets,
        &cluster.deployments,
        &queue,
        |deployment, set: &ReplicaSet| owner::selects(&selector(deployment), &set.metadata),
    );
    follow::quotas(&cluster.quotas, &cluster.deployments, &queue, status::is_short_of_sets);
    let (adding, sets) = (queue.clone(), cluster.replica_sets.clone());
    cluster.pods.on_change(move |change| {
        // What does not run any more may be what the new set waits for.
        let ended = matches!(change, Change::Deleted(_)) || pods::is_finished(change.object());
        if ended && let Some(key) = deployment_of(&sets, change.object()) {
            adding.add(key);
        }
    });
    let events = cluster.events("deployment-controller");
    let context = Arc::new(Context { cluster: Arc::clone(cluster), events });
    let reconcile = move |key: Key| Arc::clone(&context).reconcile(key);
    work("deployment", queue, AT_ONCE, reconcile, cluster.stop.clone()).boxed()
}

fn selector(deployment: &Deployment) -> Labels {
    deployment.spec.as_ref().map_or_else(Labels::nothing, |spec| owner::selector(&spec.selector))
}

fn deployment_of(sets: &Informer<ReplicaSet>, pod: &Pod) -> Option<Key> {
    let (key, uid) = owner::controlled_by::<ReplicaSet>(&pod.metadata)?;
    let set = sets.get(&key).filter(|set| set.metadata.uid.as_deref() == Some(uid))?;
    owner::controlled_by::<Deployment>(&set.metadata).map(|(key, _)| key)
}

impl Context {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Next, CallError> {
        let Some(deployment) = self.cluster.deployments.get(&key) else { return Ok(Next::Change) };
        let sets = self.sets(&deployment).await?;
        let running = |new: Option<&Set>| self.others_run(&sets, new);
        let Some(plan) = plan::plan(&deployment, &sets, running, Timestamp::now()) else {
            return Ok(Next::Change);
        };
        for action in plan.actions {
            self.perform(&deployment, action).await?;
        }
        if let Some(shown) = plan.shown {
            self.cluster.replace_status(&shown).await?;
        }
        Ok(plan.next.map_or(Next::Change, Next::After))
    }

    async fn sets(&self, deployment: &Arc<Deployment>) -> Result<Vec<Arc<ReplicaSet>>, CallError> {
        let namespace = deployment.namespace().unwrap_or_default();
        let mut candidates = self.cluster.replica_sets.namespace(&namespace);
        candidates.retain(|set| owner::controller(&set.metadata).is_none());
        candidates.extend(self.cluster.replica_sets_of.get(&deployment.uid().unwrap_or_default()));
        self.cluster.claim(&**deployment, &selector(deployment), candidates).await
    }

    /// Returns whether Pods of other sets than the new one may still run.
    fn others_run(&self, sets: &[Arc<ReplicaSet>], new: Option<&Set>) -> bool {
        let uid = new.and_then(|set| set.object.metadata.uid.clone());
        let others = sets.iter().filter_map(|set| set.uid()).filter(|other| Some(other) != uid.as_ref());
        others.flat_map(|uid| self.cluster.pods_of.get(&uid)).any(|pod| !pods::is_finished(&pod))
    }

    async fn perform(&self, deployment: &Deployment, action: Action) -> Result<(), CallError> {
        match action {
            Action::Create(set) => self.create(deployment, &set).await,
            Action::Patch { set, patch, message } => {
                self.cluster.patch::<ReplicaSet>(&Key::of(&*set), &patch).await?;
                if let Some(message) = message {
                    self.events.normal(deployment, SCALING, message);
                }
                Ok(())
            }
            Action::Delete(set) => self.cluster.delete(&*set).await.map(drop),
        }
    }

    async fn create(&self, deployment: &Deployment, set: &ReplicaSet) -> Result<(), CallError> {
        let name = set.name_any();
        match self.cluster.create(set).await {
            Ok(_) => {
                let size = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
                if size > 0 {
                    self.events.normal(deployment, SCALING, plan::scaled(&name, 0, size));
                }
                Ok(())
            }
            Err(error) if error.is_already_exists() => self.settle_collision(deployment, set, error).await,
            Err(error) => {
                if !error.is_namespace_terminating() {
                    let why = error.message();
                    if let Some(shown) = status::not_made(deployment, &name, &why, Timestamp::now()) {
                        self.cluster.replace_status(&shown).await?;
                    }
                    let message = format!("Failed to create new replica set {name:?}: {why}");
                    self.events.warning(deployment, status::NOT_MADE, message);
                }
                Err(error)
            }
        }
    }

    /// A set of this name may be ours, which informers have not shown yet; if not, the next try takes another name.
    async fn settle_collision(
        &self,
        deployment: &Deployment,
        set: &ReplicaSet,
        error: CallError,
    ) -> Result<(), CallError> {
        let Some(other) = self.cluster.get::<ReplicaSet>(&Key::of(set)).await? else { return Err(error) };
        if revision::is_same(deployment, set, &other) {
            return Ok(());
        }
        let mut shown = deployment.clone();
        let status = shown.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        self.cluster.replace_status(&shown).await?;
        Err(error)
    }
}
