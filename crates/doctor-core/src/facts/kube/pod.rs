//! A Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::meta::{Condition, Meta, Owner, moment};
use super::template::Template;
use crate::subject::Subject;

/// A Pod, without what it has in common with others.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name.
    pub name: Box<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its labels, shared by Pods that have the same.
    pub labels: Arc<BTreeMap<String, String>>,
    /// The annotations that tell the doctor something.
    pub annotations: BTreeMap<String, String>,
    /// Who manages it.
    pub owner: Option<Arc<Owner>>,
    /// What it has in common with others.
    pub template: Arc<Template>,
    /// Its claims.
    pub claims: Box<[Box<str>]>,
    /// The node it is on.
    pub node: Option<Arc<str>>,
    /// How far it is.
    pub phase: Phase,
    /// Why it is in that phase, in one word: `Evicted`.
    pub reason: Option<Box<str>>,
    /// The class of its resources.
    pub qos: Qos,
    /// When it was made.
    pub created: Option<i64>,
    /// When it was asked to go, the grace period included.
    pub deleted: Option<i64>,
    /// Whether Services lead to it.
    pub is_ready: bool,
    /// Since when it is ready or is not.
    pub ready_since: Option<i64>,
    /// When it was given its node.
    pub scheduled: Option<i64>,
    /// Why it has no node yet: the reason and the message of the scheduler.
    pub unscheduled: Option<Box<(String, String)>>,
    /// Its containers, init containers first.
    pub containers: Box<[ContainerState]>,
}

/// How far a Pod is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Phase {
    /// Not all of its containers have been started.
    Pending,
    /// Some run.
    Running,
    /// All ended well.
    Succeeded,
    /// All ended, some badly.
    Failed,
    /// Its node is silent.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The class of a Pod's resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Qos {
    /// Nothing is asked for.
    #[default]
    BestEffort,
    /// Something is.
    Burstable,
    /// All is asked for, and no more may be had.
    Guaranteed,
}

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerState {
    /// Its name.
    pub name: Box<str>,
    /// Whether it runs before the others.
    pub is_init: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Since when it runs, if it does.
    pub running_since: Option<i64>,
    /// Why it waits: the reason and the message.
    pub waiting: Option<Box<(String, String)>>,
    /// How it ended: this time, if it does not run, or the last time.
    pub ended: Option<Box<Ended>>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ended {
    /// With which code.
    pub exit_code: i32,
    /// By which signal, if one.
    pub signal: Option<i32>,
    /// Why, in one word: `OOMKilled`, `Error`, `Completed`.
    pub reason: String,
    /// When it was started.
    #[serde(deserialize_with = "moment")]
    pub started_at: Option<i64>,
    /// When it ended.
    #[serde(deserialize_with = "moment")]
    pub finished_at: Option<i64>,
}

impl Pod {
    /// Returns what findings call it.
    pub fn subject(&self) -> Subject {
        Subject::namespaced("Pod", &*self.namespace, &*self.name)
    }

    /// Returns whether it has ended and only its record is left.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Returns whether it is there to stay: neither over nor asked to go.
    pub fn is_live(&self) -> bool {
        !self.is_over() && self.deleted.is_none()
    }
}

/// A Pod as the API writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodObject {
    pub(super) metadata: Meta,
    pub(super) spec: Template,
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) phase: Phase,
    pub(super) reason: Option<String>,
    pub(super) qos_class: Qos,
    pub(super) conditions: Vec<Condition>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    pub(super) container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    name: String,
    restart_count: u32,
    ready: bool,
    state: State,
    last_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<Running>,
    terminated: Option<Ended>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Running {
    #[serde(deserialize_with = "moment")]
    started_at: Option<i64>,
}

impl ContainerStatus {
    pub(super) fn reduced(self, is_init: bool) -> ContainerState {
        let ended = self.state.terminated.or(self.last_state.terminated);
        ContainerState {
            name: self.name.into(),
            is_init,
            restarts: self.restart_count,
            is_ready: self.ready,
            running_since: self.state.running.and_then(|running| running.started_at),
            waiting: self.state.waiting.map(|waiting| Box::new((waiting.reason, waiting.message))),
            ended: ended.map(Box::new),
        }
    }
}
