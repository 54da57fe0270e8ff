//! A Deployment with its `ReplicaSet`s, as they are to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::jiff::Timestamp;

use super::status::Conditions;
use crate::numbers::{Rounding, share};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// A `ReplicaSet`, as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) object: ReplicaSet,
    /// As it is; none if it is to be made.
    pub(super) known: Option<Arc<ReplicaSet>>,
    /// Whether it is to be deleted.
    pub(super) delete: bool,
}

impl Set {
    pub(super) fn known(set: &Arc<ReplicaSet>) -> Self {
        Self { object: (**set).clone(), known: Some(Arc::clone(set)), delete: false }
    }

    /// Returns how many Pods it is to have.
    pub(super) fn replicas(&self) -> i32 {
        self.object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    /// Returns how many Pods are available.
    pub(super) fn available(&self) -> i32 {
        self.status().and_then(|status| status.available_replicas).unwrap_or(0)
    }

    pub(super) fn status(&self) -> Option<&ReplicaSetStatus> {
        self.object.status.as_ref()
    }

    pub(super) fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.object.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn annotations(&mut self) -> &mut BTreeMap<String, String> {
        self.object.metadata.annotations.get_or_insert_default()
    }

    /// Returns the number of its revision, 0 if it has none.
    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
    }

    /// Returns what orders sets by age, the oldest first.
    pub(super) fn age(&self) -> (Option<Timestamp>, &str) {
        (self.object.metadata.creation_timestamp.as_ref().map(|time| time.0), self.name())
    }
}

/// A Deployment with its `ReplicaSet`s, as they are to be; the functions of the neighbouring files change it.
pub(super) struct Rollout<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) spec: &'a DeploymentSpec,
    pub(super) now: Timestamp,
    /// The set of the template of now.
    pub(super) new: Option<Set>,
    /// All others, the oldest first.
    pub(super) old: Vec<Set>,
    pub(super) conditions: Conditions,
    /// The revision that the Deployment is to show.
    pub(super) revision: Option<String>,
}

impl Rollout<'_> {
    /// Returns how many Pods are asked for.
    pub(super) fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Returns whether old Pods go before new ones come.
    pub(super) fn recreates(&self) -> bool {
        self.spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
    }

    /// Returns all sets, old ones first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    /// Returns how many Pods all sets are to have.
    pub(super) fn total(&self) -> i32 {
        self.all().map(Set::replicas).sum()
    }

    /// Returns how many Pods there may be above what is asked for.
    pub(super) fn max_surge(&self) -> i32 {
        self.leeway().0
    }

    /// Returns how many Pods may be missing.
    pub(super) fn max_unavailable(&self) -> i32 {
        if self.replicas() == 0 { 0 } else { self.leeway().1.min(self.replicas()) }
    }

    fn leeway(&self) -> (i32, i32) {
        if self.recreates() {
            return (0, 0);
        }
        let rolling = self.spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
        let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
        let surge = surge.map_or(0, |value| share(value, self.replicas(), Rounding::Up));
        let unavailable = unavailable.map_or(0, |value| share(value, self.replicas(), Rounding::Down));
        // Without any leeway nothing could ever move.
        if (surge, unavailable) == (0, 0) { (0, 1) } else { (surge, unavailable) }
    }

    /// Returns the time a rollout may stand still, if that is limited.
    pub(super) fn progress_deadline(&self) -> Option<i32> {
        self.spec.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)
    }

    /// Gives a set a size, and notes what it was a share of.
    pub(super) fn resize(set: &mut Set, size: i32, replicas: i32, max_surge: i32) {
        set.object.spec.get_or_insert_default().replicas = Some(size);
        let annotations = set.annotations();
        annotations.insert(DESIRED_REPLICAS.to_owned(), replicas.to_string());
        annotations.insert(MAX_REPLICAS.to_owned(), (replicas + max_surge).to_string());
    }
}
