//! What the status of a Deployment says: counts, and how far the rollout is.
//!
//! ```text
//!                +------------------ a rollout begins -----------------+
//!                v                                                     |
//!   Progressing True (created, found, updated) -- all available --> True, NewReplicaSetAvailable
//!                |            ^
//!     stands still too long   | moves
//!                v            |
//!   Progressing False, ProgressDeadlineExceeded
//! ```

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use super::rollout::{Rollout, Set};
use crate::numbers::nonzero;

/// Why there is no new set.
pub(super) const NOT_MADE: &str = "ReplicaSetCreateError";
const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const DONE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// The conditions of a Deployment.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<DeploymentCondition>);

impl Conditions {
    pub(super) fn of(status: Option<&DeploymentStatus>) -> Self {
        Self(status.and_then(|status| status.conditions.clone()).unwrap_or_default())
    }

    pub(super) fn get(&self, kind: &str) -> Option<&DeploymentCondition> {
        self.0.iter().find(|condition| condition.type_ == kind)
    }

    /// Sets a condition. One with the same status and reason stays as it is.
    fn set(&mut self, new: DeploymentCondition) {
        let known = self.get(&new.type_);
        if known.is_none_or(|known| known.status != new.status || known.reason != new.reason) {
            self.replace(new);
        }
    }

    /// Sets a condition whatever there was. The moment of the last transition stays if there is none.
    fn replace(&mut self, mut new: DeploymentCondition) {
        if let Some(known) = self.get(&new.type_).filter(|known| known.status == new.status) {
            new.last_transition_time.clone_from(&known.last_transition_time);
        }
        self.remove(&new.type_);
        self.0.push(new);
    }

    fn remove(&mut self, kind: &str) {
        self.0.retain(|condition| condition.type_ != kind);
    }

    fn into_vec(self) -> Option<Vec<DeploymentCondition>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: String, now: Timestamp) -> DeploymentCondition {
    DeploymentCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// Returns what a Deployment shows when its new set cannot be made; none if it shows that already, or never does.
pub(super) fn not_made(deployment: &Deployment, name: &str, why: &str, now: Timestamp) -> Option<Deployment> {
    let spec = deployment.spec.as_ref()?;
    spec.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)?;
    let mut status = deployment.status.clone().unwrap_or_default();
    let mut conditions = Conditions::of(Some(&status));
    let message = format!("Failed to create new replica set {name:?}: {why}");
    conditions.set(condition(PROGRESSING, "False", NOT_MADE, message, now));
    status.conditions = conditions.into_vec();
    let shown = Deployment { status: Some(status), ..deployment.clone() };
    (shown.status != deployment.status).then_some(shown)
}

/// Returns whether the status says that the new set could not be made.
pub(super) fn is_short_of_sets(deployment: &Deployment) -> bool {
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|it| it.type_ == PROGRESSING && it.reason.as_deref() == Some(NOT_MADE))
}

impl Rollout<'_> {
    fn progressing(&mut self, status: &str, reason: &str, message: String) {
        if self.progress_deadline().is_some() {
            self.conditions.set(condition(PROGRESSING, status, reason, message, self.now));
        }
    }

    pub(super) fn found_new(&mut self, name: &str) {
        if self.conditions.get(PROGRESSING).is_none() {
            self.progressing("True", "FoundNewReplicaSet", format!("Found new replica set {name:?}"));
        }
    }

    pub(super) fn made_new(&mut self, name: &str) {
        self.progressing("True", "NewReplicaSetCreated", format!("Created new replica set {name:?}"));
    }

    /// Notes when a Deployment is paused or goes on, so that the deadline does not count the pause.
    pub(super) fn note_pause(&mut self) {
        let reason = self.conditions.get(PROGRESSING).and_then(|condition| condition.reason.as_deref());
        let (noted, timed_out) = (reason == Some(PAUSED), reason == Some(TIMED_OUT));
        let paused = self.spec.paused == Some(true);
        if timed_out || paused == noted {
            return;
        }
        if paused {
            self.progressing("Unknown", PAUSED, "Deployment is paused".to_owned());
        } else {
            self.progressing("Unknown", "DeploymentResumed", "Deployment is resumed".to_owned());
        }
    }

    /// Returns the status without a judgement of the rollout.
    pub(super) fn counts(&self) -> DeploymentStatus {
        let known = self.deployment.status.as_ref();
        let sum = |count: &dyn Fn(&Set) -> Option<i32>| self.all().filter_map(count).sum::<i32>();
        let available = sum(&|set| set.status()?.available_replicas);
        let mut conditions = self.conditions.clone();
        conditions.set(if available >= self.replicas() - self.max_unavailable() {
            let message = "Deployment has minimum availability.".to_owned();
            condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, self.now)
        } else {
            let message = "Deployment does not have minimum availability.".to_owned();
            condition(AVAILABLE, "False", "MinimumReplicasUnavailable", message, self.now)
        });
        let updated = self.new.as_ref().and_then(Set::status).map_or(0, |status| status.replicas);
        DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: nonzero(sum(&|set| Some(set.status()?.replicas))),
            updated_replicas: nonzero(updated),
            ready_replicas: nonzero(sum(&|set| set.status()?.ready_replicas)),
            available_replicas: nonzero(available),
            unavailable_replicas: nonzero((self.total() - available).max(0)),
            terminating_replicas: self.terminating(),
            collision_count: known.and_then(|status| status.collision_count),
            conditions: conditions.into_vec(),
        }
    }

    /// Returns how many Pods are being deleted; none if a set does not say.
    fn terminating(&self) -> Option<i32> {
        self.all().try_fold(0, |sum, set| match set.status() {
            None => Some(sum),
            Some(status) if status.observed_generation.unwrap_or(0) == 0 => {
                Some(sum + status.terminating_replicas.unwrap_or(0))
            }
            Some(status) => status.terminating_replicas.map(|count| sum + count),
        })
    }

    /// Returns the status with a judgement of the rollout.
    pub(super) fn judged(&self) -> DeploymentStatus {
        let mut status = self.counts();
        let mut conditions = Conditions::of(Some(&status));
        let known = self.conditions.get(PROGRESSING);
        let was_done = known.is_some_and(|condition| condition.reason.as_deref() == Some(DONE));
        let nothing_left = status.replicas == status.updated_replicas && was_done;
        match self.progress_deadline() {
            None => conditions.remove(PROGRESSING),
            Some(_) if nothing_left => {}
            Some(deadline) => self.judge(&mut conditions, &status, deadline),
        }
        match self.failure() {
            Some(failure) => conditions.set(failure),
            None => conditions.remove(REPLICA_FAILURE),
        }
        status.conditions = conditions.into_vec();
        status
    }

    fn judge(&self, conditions: &mut Conditions, status: &DeploymentStatus, deadline: i32) {
        let subject = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", set.name()),
            None => format!("Deployment {:?}", self.deployment.name_any()),
        };
        if self.is_complete_in(status) {
            let message = format!("{subject} has successfully progressed.");
            conditions.set(condition(PROGRESSING, "True", DONE, message, self.now));
        } else if self.moves(status) {
            let message = format!("{subject} is progressing.");
            // Replaced even if it says the same: the deadline counts from the last update.
            conditions.replace(condition(PROGRESSING, "True", "ReplicaSetUpdated", message, self.now));
        } else if is_late(conditions, deadline, self.now) {
            let message = format!("{subject} has timed out progressing.");
            conditions.set(condition(PROGRESSING, "False", TIMED_OUT, message, self.now));
        }
    }

    fn moves(&self, new: &DeploymentStatus) -> bool {
        let none = DeploymentStatus::default();
        let old = self.deployment.status.as_ref().unwrap_or(&none);
        let count = |field: Option<i32>| field.unwrap_or(0);
        let outdated = |status: &DeploymentStatus| count(status.replicas) - count(status.updated_replicas);
        count(new.updated_replicas) > count(old.updated_replicas)
            || outdated(new) < outdated(old)
            || count(new.ready_replicas) > count(old.ready_replicas)
            || count(new.available_replicas) > count(old.available_replicas)
    }

    /// Returns whether all Pods asked for are there, are of the new set and are available, by the status as it was.
    pub(super) fn is_complete(&self) -> bool {
        self.deployment.status.as_ref().is_some_and(|status| self.is_complete_in(status))
    }

    fn is_complete_in(&self, status: &DeploymentStatus) -> bool {
        let all = |count: Option<i32>| count.unwrap_or(0) == self.replicas();
        all(status.updated_replicas)
            && all(status.replicas)
            && all(status.available_replicas)
            && status.observed_generation >= self.deployment.metadata.generation
    }

    /// Returns what keeps a set from having its Pods, of the new set first.
    fn failure(&self) -> Option<DeploymentCondition> {
        let mut sets = self.new.iter().chain(&self.old);
        sets.find_map(|set| {
            let conditions = set.status()?.conditions.as_ref()?;
            let failure = conditions.iter().find(|condition| condition.type_ == REPLICA_FAILURE)?;
            Some(DeploymentCondition {
                type_: REPLICA_FAILURE.to_owned(),
                status: failure.status.clone(),
                reason: failure.reason.clone(),
                message: failure.message.clone(),
                last_transition_time: failure.last_transition_time.clone(),
                last_update_time: failure.last_transition_time.clone(),
            })
        })
    }

    /// Returns when a rollout that stands still will have done so for too long.
    pub(super) fn deadline(&self, status: &DeploymentStatus) -> Option<Duration> {
        let deadline = SignedDuration::from_secs(self.progress_deadline()?.into());
        if self.is_complete_in(status) || self.spec.paused == Some(true) {
            return None;
        }
        let conditions = Conditions::of(Some(status));
        let known = conditions.get(PROGRESSING)?;
        if matches!(known.reason.as_deref(), Some(DONE | TIMED_OUT)) {
            return None;
        }
        let left = deadline - self.now.duration_since(known.last_update_time.as_ref()?.0);
        // Times in objects are whole seconds: one more makes sure that the deadline has passed.
        Some(Duration::try_from(left).unwrap_or(Duration::ZERO) + Duration::from_secs(1))
    }
}

fn is_late(conditions: &Conditions, deadline: i32, now: Timestamp) -> bool {
    conditions.get(PROGRESSING).is_some_and(|known| {
        match (known.reason.as_deref(), &known.last_update_time) {
            (Some(DONE), _) => false,
            (Some(TIMED_OUT), _) => true,
            (_, Some(since)) => now.duration_since(since.0) > SignedDuration::from_secs(deadline.into()),
            (_, None) => false,
        }
    })
}
