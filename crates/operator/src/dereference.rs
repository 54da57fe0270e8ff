//! What there is of a cluster: the objects that are followed, read as facts.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodStatus, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use stanchion_api::{Guarded, names};
use stanchion_informers::{Copies, Informer, Key};
use stanchion_machinery::quantity::Quantity;

use crate::build::Manifest;
use crate::build::pod::TEMPLATE;

/// The kinds that the operator follows. Secrets are not among them: each is read by its name.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) clusters: Informer<Guarded>,
    pub(crate) pods: Informer<Pod>,
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) services: Informer<Service>,
    pub(crate) budgets: Informer<PodDisruptionBudget>,
    pub(crate) accounts: Informer<ServiceAccount>,
}

/// A Pod, as far as plans depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodFacts {
    pub(crate) ordinal: u32,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The hash of what it was made from.
    pub(crate) template: String,
    pub(crate) life: Life,
    pub(crate) ready: bool,
    /// Why it has not started, if somebody has said.
    pub(crate) held_up: Option<String>,
}

/// What a container waits for that is only being started.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Where a Pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// No container of it has run.
    Pending,
    /// It runs.
    Running,
    /// It is being deleted.
    Leaving,
    /// It has ended and will not run again.
    Ended,
}

/// A claim, as far as plans depend on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimFacts {
    pub(crate) ordinal: u32,
    pub(crate) uid: String,
    pub(crate) leaving: bool,
    /// What it asks for.
    pub(crate) size: Option<Quantity>,
}

impl Followed {
    pub(crate) fn new(copies: &Copies) -> Self {
        Self {
            clusters: copies.of(),
            pods: copies.of(),
            claims: copies.of(),
            services: copies.of(),
            budgets: copies.of(),
            accounts: copies.of(),
        }
    }

    /// Waits until the first list of everything has arrived.
    pub(crate) async fn synced(&self) {
        self.clusters.synced().await;
        self.pods.synced().await;
        self.claims.synced().await;
        self.services.synced().await;
        self.budgets.synced().await;
        self.accounts.synced().await;
    }

    /// Returns the Pods that a cluster's object owns, in the order of their ordinals.
    pub(crate) fn pods_of(&self, cluster: &Key, uid: &str) -> Vec<PodFacts> {
        let pods = self.pods.namespace(&cluster.namespace);
        let mut facts: Vec<PodFacts> = pods
            .iter()
            .filter(|pod| is_owned(&pod.metadata, uid))
            .filter_map(|pod| facts(cluster, pod))
            .collect();
        facts.sort_by_key(|pod| pod.ordinal);
        facts
    }

    /// Returns the claims of a cluster's instances, in the order of their ordinals.
    pub(crate) fn claims_of(&self, cluster: &Key) -> Vec<ClaimFacts> {
        let named = (0..).take(names::MOST_INSTANCES as usize).filter_map(|ordinal| {
            let name = names::claim(&cluster.name, ordinal);
            let claim = self.claims.get(&Key::new(cluster.namespace.clone(), name))?;
            let requests = claim.spec.as_ref()?.resources.as_ref().and_then(|it| it.requests.as_ref());
            let size = requests.and_then(|requests| requests.get("storage"));
            Some(ClaimFacts {
                ordinal,
                uid: claim.uid().unwrap_or_default(),
                leaving: claim.metadata.deletion_timestamp.is_some(),
                size: size.and_then(|size| Quantity::parse(&size.0).ok()),
            })
        });
        named.collect()
    }

    /// Returns the version of an object of a kind that is followed; none if it is not there or not followed.
    pub(crate) fn version(&self, manifest: &Manifest) -> Option<String> {
        let key = &manifest.key;
        match manifest.resource.kind.as_str() {
            "Service" => self.services.get(key)?.resource_version(),
            "PodDisruptionBudget" => self.budgets.get(key)?.resource_version(),
            "ServiceAccount" => self.accounts.get(key)?.resource_version(),
            _ => None,
        }
    }
}

pub(crate) fn is_owned(meta: &ObjectMeta, uid: &str) -> bool {
    let mut owners = meta.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && owner.uid == uid)
}

fn facts(cluster: &Key, pod: &Pod) -> Option<PodFacts> {
    let name = pod.name_any();
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let life = match phase {
        _ if pod.metadata.deletion_timestamp.is_some() => Life::Leaving,
        "Pending" => Life::Pending,
        "Succeeded" | "Failed" => Life::Ended,
        _ => Life::Running,
    };
    let held_up = if life == Life::Leaving { None } else { status.and_then(held_up) };
    let mut conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let ready = conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True");
    Some(PodFacts {
        ordinal: names::ordinal(&cluster.name, &name)?,
        uid: pod.uid().unwrap_or_default(),
        template: pod.annotations().get(TEMPLATE).cloned().unwrap_or_default(),
        name,
        life,
        ready: ready && life == Life::Running,
        held_up,
    })
}

/// Returns why a Pod has not started: no node takes it, or its node cannot start a container.
fn held_up(status: &PodStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let scheduled = conditions.find(|condition| condition.type_ == "PodScheduled");
    if let Some(refused) = scheduled.filter(|condition| condition.status == "False") {
        return refused.message.clone().or_else(|| refused.reason.clone());
    }
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let mut waiting = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref());
    waiting.find_map(|waiting| {
        // So it is called while all goes well.
        let reason = waiting.reason.as_deref().filter(|reason| !STARTING.contains(reason))?;
        Some(waiting.message.as_ref().map_or_else(|| reason.to_owned(), |said| format!("{reason}: {said}")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::held_up;

    fn why(status: &Value) -> Option<String> {
        held_up(&serde_json::from_value(status.clone()).expect("a Pod's status"))
    }

    #[test]
    fn what_holds_a_pod_up_is_told_by_the_scheduler_or_its_node() {
        let scheduled =
            |status: &str| json!({"type": "PodScheduled", "status": status, "message": "no node"});
        assert_eq!(why(&json!({"conditions": [scheduled("False")]})).as_deref(), Some("no node"));
        assert_eq!(why(&json!({"conditions": [scheduled("True")]})), None);
        let waiting = |reason: &str| {
            json!({"containerStatuses": [{
                "name": "mariadb", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "no such image"}},
            }]})
        };
        assert_eq!(why(&waiting("ErrImagePull")).as_deref(), Some("ErrImagePull: no such image"));
        assert_eq!(why(&waiting("ContainerCreating")), None);
    }
}
