//! Jobs: Pods that are to end well, a number of times.
//!
//! A sync writes the status first, then takes finalizers from Pods that the status has counted, then makes or deletes
//! Pods; so after a crash at any point nothing is lost and nothing is counted twice. Jobs and Pods are shown by
//! different informers: a Job is left alone until its informer shows what was written last, or a Pod that was counted
//! would look as if it had never been.

mod backoff;
mod indexes;
mod manage;
mod new_pod;
mod orphans;
mod plan;
mod policy;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, future, stream};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use parking_lot::Mutex;
use stanchion_informers::{Change, Key, Next, Queue, work};
use stanchion_machinery::selector::Labels;

use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::events::Events;
use crate::expectations::{Expectations, PATIENCE};
use crate::follow;
use crate::owner;
use crate::pod_control::PodControl;
use crate::pods;
use manage::Action;
use new_pod::TRACKING;

/// How many Jobs are looked at at a time, and how many Pods of one are patched at a time.
const AT_ONCE: usize = 8;

/// Who looks after a Job that does not say.
const OURSELVES: &str = "kubernetes.io/job-controller";

struct Context {
    cluster: Arc<Cluster>,
    events: Events,
    expectations: Arc<Expectations>,
    /// The version of what was written last, by the uid of the Job.
    written: Arc<Mutex<HashMap<String, u64>>>,
}

/// Registers the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let expectations = Arc::new(Expectations::default());
    let written: Arc<Mutex<HashMap<String, u64>>> = Arc::default();
    let orphans = orphans::register(cluster);
    let versions = Arc::clone(&written);
    cluster.jobs.on_change(move |change| {
        if let (Change::Deleted(_), Some(uid)) = (change, &change.object().metadata.uid) {
            versions.lock().remove(uid);
        }
    });
    expectations.follow(&cluster.jobs, &cluster.pods);
    follow::owners(&cluster.jobs, &queue);
    follow::dependents(&cluster.pods, &cluster.jobs, &queue, |job, pod: &Pod| {
        owner::selects(&selector(job), &pod.metadata)
    });
    follow::quotas(&cluster.quotas, &cluster.jobs, &queue, |job| verdict::ended(job).is_none());
    let events = cluster.events("job-controller");
    let context = Arc::new(Context { cluster: Arc::clone(cluster), events, expectations, written });
    let reconcile = move |key: Key| Arc::clone(&context).reconcile(key);
    let jobs = work("job", queue, AT_ONCE, reconcile, cluster.stop.clone());
    future::join(jobs, orphans).map(|((), ())| ()).boxed()
}

fn selector(job: &Job) -> Labels {
    let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.map_or_else(Labels::nothing, owner::selector)
}

/// Returns the specification of a Job that is ours to look after.
fn ours(job: &Job) -> Option<&JobSpec> {
    let spec = job.spec.as_ref()?;
    spec.managed_by.as_deref().is_none_or(|manager| manager == OURSELVES).then_some(spec)
}

fn version(job: &Job) -> u64 {
    job.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl Context {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Next, CallError> {
        let Some(job) = self.cluster.jobs.get(&key) else { return Ok(Next::Change) };
        let uid = job.uid().unwrap_or_default();
        let Some(spec) = ours(&job) else { return Ok(Next::Change) };
        if self.written.lock().get(&uid).is_some_and(|written| version(&job) < *written) {
            return Ok(Next::Change);
        }
        let ends = job.metadata.deletion_timestamp.is_some();
        if ends || verdict::ended(&job).is_some() {
            let tracked = self.cluster.pods_of.get(&uid).into_iter().filter(|pod| new_pod::is_tracked(pod));
            self.untrack(tracked.collect()).await?;
            return if ends { Ok(Next::Change) } else { self.expire(&job).await };
        }
        let fulfilled = self.expectations.fulfilled(&uid, Timestamp::now());
        let pods = self.pods(&job).await?;
        let plan = plan::plan(&job, spec, &pods, fulfilled, Timestamp::now());
        if let Some(status) = plan.status {
            let shown = Job { status: Some(status), ..(*job).clone() };
            let shown = self.cluster.replace_status(&shown).await?;
            self.written.lock().insert(uid, version(&shown));
            for told in plan.told {
                if told.warns {
                    self.events.warning(&*job, &told.reason, told.message);
                } else {
                    self.events.normal(&*job, &told.reason, told.message);
                }
            }
        }
        self.untrack(plan.untrack).await?;
        self.perform(&job, plan.action).await?;
        let wait = if fulfilled { None } else { Some(PATIENCE) };
        Ok(plan.next.into_iter().chain(wait).min().map_or(Next::Change, Next::After))
    }

    async fn pods(&self, job: &Arc<Job>) -> Result<Vec<Arc<Pod>>, CallError> {
        let mut candidates = self.cluster.pods_of.get(&job.uid().unwrap_or_default());
        let mut alone = self.cluster.pods_alone.get(&job.namespace().unwrap_or_default());
        // One that was not tracked from the beginning cannot be counted when it has ended.
        alone.retain(|pod| !pods::is_finished(pod));
        candidates.extend(alone);
        self.cluster.claim_with(Some(TRACKING), &**job, &selector(job), candidates).await
    }

    /// Takes the finalizer from Pods that have been counted.
    async fn untrack(&self, pods: Vec<Arc<Pod>>) -> Result<(), CallError> {
        let outcomes =
            stream::iter(pods).map(|pod| orphans::untrack(&self.cluster, pod)).buffer_unordered(AT_ONCE);
        let outcomes: Vec<_> = outcomes.collect().await;
        outcomes.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    async fn perform(&self, job: &Job, action: Action) -> Result<(), CallError> {
        let cluster = &self.cluster;
        let control = PodControl { cluster, events: &self.events, expectations: &self.expectations };
        match action {
            Action::Wait(_) => Ok(()),
            Action::Create(pods) => control.create(job, pods).await,
            Action::Dismiss(pods) => {
                self.untrack(pods.clone()).await?;
                control.delete(job, pods).await
            }
            Action::End(pods) => control.delete(job, pods).await,
        }
    }

    /// Deletes a Job that has ended when its time to live is over, if it has one.
    async fn expire(&self, job: &Job) -> Result<Next, CallError> {
        match plan::kept_for(job, Timestamp::now()) {
            None => Ok(Next::Change),
            Some(left) if !left.is_zero() => Ok(Next::After(left)),
            Some(_) => {
                // What informers show may be older than a longer time to live.
                let live = self.cluster.get::<Job>(&Key::of(job)).await?;
                let live = live.filter(|live| live.uid() == job.uid());
                let Some(live) = live else { return Ok(Next::Change) };
                match plan::kept_for(&live, Timestamp::now()) {
                    Some(left) if left.is_zero() => {
                        self.cluster.delete(&live).await?;
                        Ok(Next::Change)
                    }
                    Some(left) => Ok(Next::After(left)),
                    None => Ok(Next::Change),
                }
            }
        }
    }
}
