//! `ReplicaSet`s: as many Pods as asked for.
//!
//! Pods are counted only when informers have shown what earlier syncs made and deleted (see [`Expectations`]); the
//! status is kept up to date all the same.

mod decide;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::FutureExt;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use stanchion_informers::{Key, Next, Queue, work};

use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::events::Events;
use crate::expectations::{Expectations, PATIENCE};
use crate::follow;
use crate::owner;
use crate::pod_control::{BURST, PodControl};
use crate::pods;
use crate::rank::least_wanted;
use decide::Scaling;

/// How many `ReplicaSet`s are looked at at a time.
const AT_ONCE: usize = 8;

struct Context {
    cluster: Arc<Cluster>,
    events: Events,
    expectations: Arc<Expectations>,
}

/// Registers the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let expectations = Arc::new(Expectations::default());
    expectations.follow(&cluster.replica_sets, &cluster.pods);
    follow::owners(&cluster.replica_sets, &queue);
    follow::dependents(&cluster.pods, &cluster.replica_sets, &queue, |set, pod: &Pod| {
        owner::selects(&decide::selector(set), &pod.metadata)
    });
    follow::quotas(&cluster.quotas, &cluster.replica_sets, &queue, status::has_failed);
    let context = Arc::new(Context {
        cluster: Arc::clone(cluster),
        events: cluster.events("replicaset-controller"),
        expectations,
    });
    let stop = cluster.stop.clone();
    let reconcile = move |key: Key| Arc::clone(&context).reconcile(key);
    work("replicaset", queue, AT_ONCE, reconcile, stop).boxed()
}

impl Context {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Next, CallError> {
        let Some(set) = self.cluster.replica_sets.get(&key) else { return Ok(Next::Change) };
        let uid = set.uid().unwrap_or_default();
        let fulfilled = self.expectations.fulfilled(&uid, Timestamp::now());
        let pods = self.pods(&set).await?;
        let scaling = decide::scaling(&set, &pods);
        let done = if fulfilled && set.metadata.deletion_timestamp.is_none() {
            self.scale(&set, &scaling, &pods).await
        } else {
            Ok(())
        };
        let now = Timestamp::now();
        let failure = done.as_ref().err().map(|error| (&scaling, error.message()));
        let status = status::status(&set, &pods, failure, now);
        if set.status.as_ref() != Some(&status) {
            self.cluster.replace_status(&ReplicaSet { status: Some(status), ..(*set).clone() }).await?;
        }
        done?;
        let wait = if fulfilled { None } else { Some(PATIENCE) };
        let next = decide::next_available(&set, &pods, now).into_iter().chain(wait).min();
        Ok(next.map_or(Next::Change, Next::After))
    }

    /// Returns the Pods of a set that have not ended.
    async fn pods(&self, set: &Arc<ReplicaSet>) -> Result<Vec<Arc<Pod>>, CallError> {
        let uid = set.uid().unwrap_or_default();
        let mut candidates = self.cluster.pods_of.get(&uid);
        candidates.extend(self.cluster.pods_alone.get(&set.namespace().unwrap_or_default()));
        candidates.retain(|pod| !pods::is_finished(pod));
        self.cluster.claim(&**set, &decide::selector(set), candidates).await
    }

    async fn scale(&self, set: &ReplicaSet, scaling: &Scaling, pods: &[Arc<Pod>]) -> Result<(), CallError> {
        let cluster = &self.cluster;
        let control = PodControl { cluster, events: &self.events, expectations: &self.expectations };
        match *scaling {
            Scaling::Enough => Ok(()),
            Scaling::Create(count) => control.create(set, vec![decide::new_pod(set); count.min(BURST)]).await,
            Scaling::Delete(count) => {
                let related = self.related(set);
                let chosen = least_wanted(pods, &related, count, Timestamp::now());
                control.delete(set, chosen).await
            }
        }
    }

    /// Returns the Pods of all sets that have the same controller, such as the Deployment's other revisions.
    fn related(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        let siblings = match owner::controller(set.meta()) {
            Some(controller) => self.cluster.replica_sets_of.get(&controller.uid),
            None => vec![Arc::new(set.clone())],
        };
        siblings.iter().flat_map(|set| self.cluster.pods_of.get(&set.uid().unwrap_or_default())).collect()
    }
}
