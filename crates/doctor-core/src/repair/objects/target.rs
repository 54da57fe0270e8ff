//! Which object is edited.

use std::fmt;

use serde::Serialize;

use crate::subject::Subject;

/// An object that is edited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its namespace, if its kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A kind that is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum TargetKind {
    /// A disruption budget.
    PodDisruptionBudget,
    /// A Job.
    Job,
    /// What makes Jobs.
    CronJob,
    /// Pods that are all the same.
    Deployment,
    /// Pods with a name and data of their own.
    StatefulSet,
    /// A Pod on each node.
    DaemonSet,
    /// A Pod, which its workload makes anew.
    Pod,
    /// A node.
    Node,
    /// What says that a volume is attached to a node.
    VolumeAttachment,
}

impl TargetKind {
    const ALL: [Self; 9] = [
        Self::PodDisruptionBudget,
        Self::Job,
        Self::CronJob,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Pod,
        Self::Node,
        Self::VolumeAttachment,
    ];

    /// Returns the kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Pod => "Pod",
            Self::Node => "Node",
            Self::VolumeAttachment => "VolumeAttachment",
        }
    }

    /// Returns its version of the API.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::PodDisruptionBudget => "policy/v1",
            Self::Job | Self::CronJob => "batch/v1",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps/v1",
            Self::Pod | Self::Node => "v1",
            Self::VolumeAttachment => "storage.k8s.io/v1",
        }
    }

    /// Returns whether it makes Pods from a template that lasts.
    pub fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::DaemonSet)
    }

    fn plural(self) -> &'static str {
        match self {
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::Job => "jobs",
            Self::CronJob => "cronjobs",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Pod => "pods",
            Self::Node => "nodes",
            Self::VolumeAttachment => "volumeattachments",
        }
    }
}

impl Target {
    /// Returns the object that findings call `subject`, if it is of a kind that is edited.
    pub fn of(subject: &Subject) -> Option<Self> {
        let kind = TargetKind::named(&subject.kind)?;
        Some(Self { kind, namespace: subject.namespace.clone(), name: subject.name.clone() })
    }

    /// Names a node.
    pub fn node(name: &str) -> Self {
        Self { kind: TargetKind::Node, namespace: None, name: name.to_owned() }
    }

    /// Returns the path of the list it is in.
    pub fn list_path(&self) -> String {
        let version = self.kind.api_version();
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        match &self.namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.kind.plural()),
            None => format!("{root}/{}", self.kind.plural()),
        }
    }

    /// Returns its path.
    pub fn path(&self) -> String {
        format!("{}/{}", self.list_path(), self.name)
    }

    /// Returns what kubectl calls it.
    pub fn kubectl(&self) -> String {
        let kind = self.kind.name().to_lowercase();
        match &self.namespace {
            Some(namespace) => format!("--namespace={namespace} {kind}/{}", self.name),
            None => format!("{kind}/{}", self.name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.name(), self.name),
            None => write!(f, "{} {}", self.kind.name(), self.name),
        }
    }
}
