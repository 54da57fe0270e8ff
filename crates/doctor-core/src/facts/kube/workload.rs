//! What makes Pods and keeps them: Deployments, StatefulSets, DaemonSets, and the ReplicaSets of Deployments.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::labels::LabelSelector;
use super::meta::{Condition, Meta, Owner};
use super::template::Template;
use crate::subject::Subject;

/// A Deployment, a StatefulSet or a DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Which of them.
    #[serde(skip)]
    pub kind: WorkloadKind,
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to be.
    pub spec: WorkloadSpec,
    /// What it is.
    pub status: WorkloadStatus,
}

/// The kind of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// Pods that are all the same.
    #[default]
    Deployment,
    /// Pods with a name and data of their own.
    StatefulSet,
    /// A Pod on each node.
    DaemonSet,
}

/// What a workload is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// How many Pods; 1 if nothing is said.
    pub replicas: Option<i64>,
    /// Which Pods are its own.
    pub selector: LabelSelector,
    /// What they are made from.
    pub template: PodTemplate,
    /// How many old revisions are kept; 10 if nothing is said.
    pub revision_history_limit: Option<i64>,
    /// After how many seconds without progress a rollout counts as stalled.
    pub progress_deadline_seconds: Option<i64>,
    /// Whether changes are held back.
    pub paused: bool,
    /// The claims that each Pod gets.
    pub volume_claim_templates: Vec<ClaimTemplate>,
    /// The Service that gives its Pods names.
    pub service_name: String,
    /// How a Deployment replaces Pods.
    pub strategy: Strategy,
    /// How the others replace Pods.
    pub update_strategy: Strategy,
}

/// How Pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Strategy {
    /// `RollingUpdate`, `Recreate` or `OnDelete`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A claim that each Pod gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ClaimTemplate {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
}

/// What Pods are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    /// Their labels and annotations.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// The rest.
    pub spec: Template,
}

/// What a workload is. Of a DaemonSet, the fields of the others are filled from its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    /// The generation this is about.
    pub observed_generation: i64,
    /// How many Pods there are.
    #[serde(alias = "currentNumberScheduled")]
    pub replicas: i64,
    /// How many are ready.
    #[serde(alias = "numberReady")]
    pub ready_replicas: i64,
    /// How many are of the newest revision.
    #[serde(alias = "updatedNumberScheduled")]
    pub updated_replicas: i64,
    /// How many have been ready for long enough.
    #[serde(alias = "numberAvailable")]
    pub available_replicas: i64,
    /// How many a DaemonSet is to have.
    pub desired_number_scheduled: Option<i64>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// The revision of a StatefulSet that most Pods have.
    pub current_revision: String,
    /// The revision of a StatefulSet that they are to have.
    pub update_revision: String,
}

/// A revision of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReplicaSet {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to be.
    pub spec: Count,
    /// What it is.
    pub status: Count,
}

/// A number of Pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Count {
    /// How many.
    pub replicas: Option<i64>,
}

impl WorkloadKind {
    /// Returns the name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}

impl Workload {
    /// Returns what findings call it.
    pub fn subject(&self) -> Subject {
        self.meta.subject(self.kind.name())
    }

    /// Returns how many Pods it is to have.
    pub fn desired(&self) -> i64 {
        match self.kind {
            WorkloadKind::DaemonSet => self.status.desired_number_scheduled.unwrap_or_default(),
            _ => self.spec.replicas.unwrap_or(1),
        }
    }

    /// Returns the labels of its Pods.
    pub fn pod_labels(&self) -> &BTreeMap<String, String> {
        &self.spec.template.meta.labels
    }

    /// Returns who made it, if somebody did: an operator's object.
    pub fn maker(&self) -> Option<&Owner> {
        self.meta.controller()
    }
}
