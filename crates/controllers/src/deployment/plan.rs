//! What one sync of a Deployment is to do.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::revision;
use super::rollout::{REVISION, Rollout, Set};
use super::status::Conditions;

/// What is to be done with a set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// To make it.
    Create(Box<ReplicaSet>),
    /// To change it, unless it has changed meanwhile; and what to tell of it.
    Patch { set: Arc<ReplicaSet>, patch: Value, message: Option<String> },
    /// To delete it.
    Delete(Arc<ReplicaSet>),
}

/// What one sync of a Deployment is to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// The status and the revision that the Deployment is to show; none if it shows them.
    pub(super) shown: Option<Deployment>,
    /// When to look again although nothing changes.
    pub(super) next: Option<Duration>,
}

/// Decides what one sync is to do. `running` says whether Pods of other sets than the given one may still run.
pub(super) fn plan(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
    running: impl Fn(Option<&Set>) -> bool,
    now: Timestamp,
) -> Option<Plan> {
    let spec = deployment.spec.as_ref()?;
    let (new, old) = revision::split(&spec.template, sets);
    let conditions = Conditions::of(deployment.status.as_ref());
    let mut rollout = Rollout { deployment, spec, now, new, old, conditions, revision: None };
    let status = if deployment.metadata.deletion_timestamp.is_some() {
        rollout.counts()
    } else {
        rollout.note_pause();
        advance(&mut rollout, running)
    };
    let next = rollout.deadline(&status);
    Some(Plan { actions: actions(&rollout), shown: shown(&rollout, status), next })
}

fn advance(rollout: &mut Rollout<'_>, running: impl Fn(Option<&Set>) -> bool) -> DeploymentStatus {
    let paused = rollout.spec.paused == Some(true);
    if paused || rollout.is_resized() {
        rollout.sync_new(false);
        rollout.scale();
        if paused {
            rollout.clean_up();
        }
        rollout.counts()
    } else {
        if rollout.recreates() {
            rollout.recreate(running);
        } else {
            rollout.roll();
        }
        rollout.judged()
    }
}

/// Returns the Deployment with another status or revision, if they are not as shown.
fn shown(rollout: &Rollout<'_>, status: DeploymentStatus) -> Option<Deployment> {
    let mut shown = rollout.deployment.clone();
    let known = shown.annotations().get(REVISION);
    let revision = rollout.revision.clone().filter(|revision| Some(revision) != known);
    if revision.is_none() && shown.status.as_ref() == Some(&status) {
        return None;
    }
    if let Some(revision) = revision {
        shown.annotations_mut().insert(REVISION.to_owned(), revision);
    }
    shown.status = Some(status);
    Some(shown)
}

fn actions(rollout: &Rollout<'_>) -> Vec<Action> {
    rollout.new.iter().chain(&rollout.old).filter_map(action).collect()
}

fn action(set: &Set) -> Option<Action> {
    let Some(known) = &set.known else { return Some(Action::Create(Box::new(set.object.clone()))) };
    if set.delete {
        return Some(Action::Delete(Arc::clone(known)));
    }
    let patch = difference(known, set)?;
    let (from, to) = (Set::known(known).replicas(), set.replicas());
    let message = (from != to).then(|| scaled(set.name(), from, to));
    Some(Action::Patch { set: Arc::clone(known), patch, message })
}

/// Returns how people are told of another size.
pub(super) fn scaled(name: &str, from: i32, to: i32) -> String {
    let way = if to > from { "up" } else { "down" };
    format!("Scaled {way} replica set {name} from {from} to {to}")
}

/// Returns the fields that are to be merged into a set to make it as it is to be.
fn difference(known: &Arc<ReplicaSet>, set: &Set) -> Option<Value> {
    let mut annotations = Map::new();
    for (key, value) in set.object.annotations() {
        if known.annotations().get(key) != Some(value) {
            annotations.insert(key.clone(), json!(value));
        }
    }
    let mut fields = Map::new();
    let (old, new) = (known.spec.as_ref()?, set.object.spec.as_ref()?);
    if old.replicas != new.replicas {
        fields.insert("replicas".to_owned(), json!(new.replicas));
    }
    if old.min_ready_seconds != new.min_ready_seconds {
        fields.insert("minReadySeconds".to_owned(), json!(new.min_ready_seconds));
    }
    if annotations.is_empty() && fields.is_empty() {
        return None;
    }
    let mut metadata = json!({"resourceVersion": known.resource_version(), "uid": known.uid()});
    if !annotations.is_empty() {
        metadata["annotations"] = Value::Object(annotations);
    }
    let mut patch = json!({"metadata": metadata});
    if !fields.is_empty() {
        patch["spec"] = Value::Object(fields);
    }
    Some(patch)
}
