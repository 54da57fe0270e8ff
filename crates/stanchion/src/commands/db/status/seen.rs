//! What is known of a cluster at one moment.

use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use stanchion_api::{ConditionKind, DatabaseCluster, DatabaseClusterSpec, DatabaseClusterStatus};

use crate::commands::db::clusters::Clusters;
use crate::error::Failure;

/// So many Events are shown.
const EVENTS: usize = 5;

/// What is known of a cluster at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) generation: Option<i64>,
    pub(super) spec: DatabaseClusterSpec,
    pub(super) status: DatabaseClusterStatus,
    /// The Pods of the cluster, in the order of their names.
    pub(super) pods: Vec<PodSeen>,
    /// The newest Events about the cluster, the newest last.
    pub(super) events: Vec<EventSeen>,
}

/// A Pod of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSeen {
    pub(super) name: String,
    pub(super) node: Option<String>,
    pub(super) phase: String,
    pub(super) ready: bool,
    pub(super) restarts: i32,
    pub(super) deleting: bool,
}

/// An Event about the cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventSeen {
    pub(super) at: Option<Timestamp>,
    pub(super) type_: String,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Seen {
    /// Looks at a cluster.
    pub(super) async fn look(clusters: &Clusters, name: &str) -> Result<Self, Failure> {
        let cluster = clusters.get(name).await?;
        let (pods, events) = tokio::try_join!(clusters.pods(name), clusters.events(name))?;
        Ok(Self::of(cluster, pods, events))
    }

    fn of(cluster: DatabaseCluster, pods: Vec<Pod>, events: Vec<Event>) -> Self {
        let mut pods: Vec<PodSeen> = pods.into_iter().map(pod).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        let old = events.len().saturating_sub(EVENTS);
        Self {
            namespace: cluster.namespace().unwrap_or_default(),
            name: cluster.name_any(),
            generation: cluster.metadata.generation,
            status: cluster.status.unwrap_or_default(),
            spec: cluster.spec,
            pods,
            events: events.into_iter().skip(old).map(event).collect(),
        }
    }

    /// Returns what is not in order.
    pub(super) fn complaint(&self) -> Option<String> {
        let ready = self.status.conditions.iter().find(|it| it.type_ == ConditionKind::Ready.to_string());
        let readiness = self.status.ha.as_ref().and_then(|ha| ha.readiness.as_ref());
        match (ready, readiness) {
            (None, _) => Some(format!("nobody has looked at {} yet", self.name)),
            (Some(ready), _) if ready.status != "True" => {
                Some(format!("{} is not Ready ({}): {}", self.name, ready.reason, ready.message))
            }
            (Some(_), None) => Some(format!("no manager has looked at {} yet", self.name)),
            // One instance alone has nobody to take over, and was asked for.
            (Some(_), Some(readiness)) if !readiness.could && self.spec.instances > 1 => {
                Some(format!("nobody would take over now: {}", readiness.why))
            }
            (Some(_), Some(_)) => None,
        }
    }
}

fn pod(pod: Pod) -> PodSeen {
    let (name, deleting) = (pod.name_any(), pod.metadata.deletion_timestamp.is_some());
    let status = pod.status.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    PodSeen {
        name,
        node: pod.spec.and_then(|spec| spec.node_name),
        phase: status.phase.unwrap_or_default(),
        ready: conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True"),
        restarts: status.container_statuses.unwrap_or_default().iter().map(|it| it.restart_count).sum(),
        deleting,
    }
}

fn event(event: Event) -> EventSeen {
    EventSeen {
        at: event.last_timestamp.map(|time| time.0),
        type_: event.type_.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    }
}
