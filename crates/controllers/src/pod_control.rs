//! Making and deleting Pods on behalf of an owner, which hears of it in Events.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::calls::{CallError, Object};
use crate::cluster::Cluster;
use crate::events::Events;
use crate::expectations::Expectations;

/// How many Pods one sync makes or deletes at most; the rest is for the syncs that follow.
pub(crate) const BURST: usize = 500;

/// How many calls one sync has under way at a time.
const AT_ONCE: usize = 64;

/// Makes and deletes Pods for owners of one kind.
pub(crate) struct PodControl<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) events: &'a Events,
    pub(crate) expectations: &'a Expectations,
}

impl PodControl<'_> {
    /// Makes Pods: one, and after each batch that went well a batch twice as large, so that what cannot be made is
    /// not tried five hundred times. Returns the first failure; that a namespace ends is none.
    pub(crate) async fn create<O: Object>(&self, owner: &O, mut pods: Vec<Pod>) -> Result<(), CallError> {
        let uid = owner.uid().unwrap_or_default();
        pods.truncate(BURST);
        self.expectations.begin(&uid);
        let mut pods = pods.into_iter();
        let (mut size, mut failure) = (1, None);
        while failure.is_none() && pods.len() > 0 {
            let batch: Vec<Pod> = pods.by_ref().take(size).collect();
            let outcomes =
                stream::iter(batch).map(|pod| self.create_one(owner, pod)).buffer_unordered(AT_ONCE);
            let outcomes: Vec<_> = outcomes.collect().await;
            failure = outcomes.into_iter().find_map(Result::err);
            size *= 2;
        }
        self.expectations.end(&uid);
        match failure {
            Some(error) if error.is_namespace_terminating() => Ok(()),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn create_one<O: Object>(&self, owner: &O, pod: Pod) -> Result<(), CallError> {
        match self.cluster.create_pod(&pod).await {
            Ok(made) => {
                let (owner_uid, uid) = (owner.uid().unwrap_or_default(), made.uid.unwrap_or_default());
                self.expectations.created(&owner_uid, &uid, Timestamp::now());
                let message = format!("Created pod: {}", made.name.unwrap_or_default());
                self.events.normal(owner, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                if !error.is_namespace_terminating() {
                    let message = format!("Error creating: {}", error.message());
                    self.events.warning(owner, "FailedCreate", message);
                }
                Err(error)
            }
        }
    }

    /// Deletes Pods, but for those whose deletion informers have yet to show. Returns the first failure; that a Pod is
    /// gone is none.
    pub(crate) async fn delete<O: Object>(
        &self,
        owner: &O,
        mut pods: Vec<Arc<Pod>>,
    ) -> Result<(), CallError> {
        pods.truncate(BURST);
        let outcomes = stream::iter(pods).map(|pod| self.delete_one(owner, pod)).buffer_unordered(AT_ONCE);
        let outcomes: Vec<_> = outcomes.collect().await;
        outcomes.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    async fn delete_one<O: Object>(&self, owner: &O, pod: Arc<Pod>) -> Result<(), CallError> {
        let (owner_uid, uid) = (owner.uid().unwrap_or_default(), pod.uid().unwrap_or_default());
        if !self.expectations.deleting(&owner_uid, &uid, Timestamp::now()) {
            return Ok(());
        }
        match self.cluster.delete(&*pod).await {
            Ok(true) => {
                self.events.normal(owner, "SuccessfulDelete", format!("Deleted pod: {}", pod.name_any()));
                Ok(())
            }
            Ok(false) => {
                // Informers may have shown that before it was waited for.
                self.expectations.not_deleted(&owner_uid, &uid);
                Ok(())
            }
            Err(error) => {
                self.expectations.not_deleted(&owner_uid, &uid);
                self.events.warning(owner, "FailedDelete", format!("Error deleting: {}", error.message()));
                Err(error)
            }
        }
    }
}
