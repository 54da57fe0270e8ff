//! Binds claims to volumes, both ways, and says in which phase each of them is.
//!
//! ```text
//!   claim Pending -> volume.claimRef = claim -> volume Bound -> claim.volumeName = volume -> claim Bound
//!   claim gone    -> volume Released -> Retain: nothing, Delete: its provisioner's work, Recycle: refused
//! ```
//!
//! A look takes one step; the change it makes brings the next look. One worker takes all looks, one after the other, so
//! that two claims do not take the same volume at the same time.

mod claim;
mod find;
mod protection;
#[cfg(test)]
mod tests;
mod volume;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use stanchion_informers::{Key, Next, Queue, work};

use crate::Controller;
use crate::calls::{CallError, call};
use crate::cluster::Cluster;
use crate::events::Events;
use crate::writes;

/// Annotation of a claim that was bound once.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Annotation of claims and volumes that were put together here, not by a person.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Annotation of a volume that says who made it.
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Annotations of a claim that say who is to make its volume.
pub(crate) const PROVISIONER: [&str; 2] =
    ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];
/// Annotation of a claim that says on which node its volume is to be.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Annotation that named the class before there was a field.
const OLD_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// When to look again at what the copies of the cluster and the API disagree about.
const AGAIN: Duration = Duration::from_secs(1);

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    Claim(Key),
    Volume(Key),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(key) => write!(f, "claim {key}"),
            Self::Volume(key) => write!(f, "volume {key}"),
        }
    }
}

/// What is to be told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    warning: bool,
    reason: &'static str,
    message: String,
}

impl Told {
    fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into() }
    }

    fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, reason, message: message.into() }
    }
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Claim(PersistentVolumeClaim),
    ClaimStatus(PersistentVolumeClaim),
    Volume(PersistentVolume),
    VolumeStatus(PersistentVolume),
}

/// What is to be done with what was looked at: at most one write, and what to say about it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    step: Option<Step>,
    told: Option<Told>,
    /// The step holds only if this volume is really not there.
    unless_volume: Option<String>,
    /// The step holds only if this claim, of this uid, is really not there.
    unless_claim: Option<(Key, String)>,
}

impl Outcome {
    fn step(step: Option<Step>) -> Self {
        Self { step, ..Self::default() }
    }

    fn telling(self, told: Told) -> Self {
        Self { told: Some(told), ..self }
    }
}

/// Returns the class a claim asks for; empty if it asks for none.
pub(crate) fn class_of_claim(claim: &PersistentVolumeClaim) -> &str {
    let old = annotation(&claim.metadata, OLD_CLASS);
    old.or_else(|| claim.spec.as_ref()?.storage_class_name.as_deref()).unwrap_or("")
}

/// Returns the class of a volume; empty if it has none.
fn class_of_volume(volume: &PersistentVolume) -> &str {
    let old = annotation(&volume.metadata, OLD_CLASS);
    old.or_else(|| volume.spec.as_ref()?.storage_class_name.as_deref()).unwrap_or("")
}

/// Returns the value of an annotation.
pub(crate) fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Returns the claim that a volume is reserved for.
fn claim_key(volume: &PersistentVolume) -> Option<Key> {
    let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(Key::new(claim.namespace.as_deref().unwrap_or(""), claim.name.as_deref().unwrap_or("")))
}

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Item> = Queue::default();
    let changed = queue.clone();
    cluster.claims.on_change(move |change| {
        let claim = change.object();
        changed.add(Item::Claim(Key::of(&**claim)));
        if let Some(volume) = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()) {
            changed.add(Item::Volume(Key::cluster(volume)));
        }
    });
    let (changed, claims) = (queue.clone(), cluster.claims.clone());
    cluster.volumes.on_change(move |change| {
        let volume = change.object();
        changed.add(Item::Volume(Key::of(&**volume)));
        match claim_key(volume) {
            Some(claim) => changed.add(Item::Claim(claim)),
            None => add_pending(&claims.list(), &changed, &|_| true),
        }
    });
    let (changed, claims, volumes) = (queue.clone(), cluster.claims.clone(), cluster.volumes.clone());
    cluster.claims.on_change(move |change| {
        if let stanchion_informers::Change::Deleted(claim) = change {
            let key = Key::of(&**claim);
            for volume in volumes.list().iter().filter(|volume| claim_key(volume).as_ref() == Some(&key)) {
                changed.add(Item::Volume(Key::of(&**volume)));
            }
        }
    });
    let changed = queue.clone();
    cluster.storage_classes.on_change(move |change| {
        let name = change.object().metadata.name.clone().unwrap_or_default();
        add_pending(&claims.list(), &changed, &|claim| class_of_claim(claim) == name);
    });
    let protection = protection::register(cluster);
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let events = cluster.events("persistentvolume-controller");
    let look = move |item| reconcile(Arc::clone(&cluster), events.clone(), item);
    Box::pin(async move {
        tokio::join!(work("persistentvolume", queue, 1, look, stop), protection);
    })
}

/// Adds claims that wait for a volume.
fn add_pending(
    claims: &[Arc<PersistentVolumeClaim>],
    queue: &Queue<Item>,
    wanted: &dyn Fn(&PersistentVolumeClaim) -> bool,
) {
    let waits = |claim: &&Arc<PersistentVolumeClaim>| {
        annotation(&claim.metadata, BIND_COMPLETED).is_none() && wanted(claim)
    };
    for claim in claims.iter().filter(waits) {
        queue.add(Item::Claim(Key::of(&**claim)));
    }
}

async fn reconcile(cluster: Arc<Cluster>, events: Events, item: Item) -> Result<Next, CallError> {
    match item {
        Item::Claim(key) => {
            let Some(claim) = cluster.claims.get(&key) else { return Ok(Next::Change) };
            let outcome = {
                let class = cluster.storage_classes.get(&Key::cluster(class_of_claim(&claim)));
                let pods = cluster.pods.namespace(&key.namespace);
                let volumes = cluster.volumes.list();
                claim::decide(
                    &claim,
                    &claim::Seen { volumes: &volumes, class: class.as_deref(), pods: &pods },
                )
            };
            if let Some(told) = &outcome.told {
                tell(&events, &*claim, told);
            }
            perform(&cluster, outcome).await
        }
        Item::Volume(key) => {
            let Some(volume) = cluster.volumes.get(&key) else { return Ok(Next::Change) };
            let claim = claim_key(&volume).and_then(|claim| cluster.claims.get(&claim));
            let outcome = volume::decide(&volume, claim.as_deref());
            if let Some(told) = &outcome.told {
                tell(&events, &*volume, told);
            }
            perform(&cluster, outcome).await
        }
    }
}

fn tell<K: kube::Resource<DynamicType = ()>>(events: &Events, object: &K, told: &Told) {
    if told.warning {
        events.warning(object, told.reason, told.message.clone());
    } else {
        events.normal(object, told.reason, told.message.clone());
    }
}

async fn perform(cluster: &Cluster, outcome: Outcome) -> Result<Next, CallError> {
    let volumes: Api<PersistentVolume> = Api::all(cluster.client.clone());
    if let Some(name) = &outcome.unless_volume {
        let key = Key::cluster(name);
        if call::<PersistentVolume, _>("get", &key, volumes.get_opt(name)).await?.is_some() {
            return Ok(Next::After(AGAIN));
        }
    }
    if let Some((key, uid)) = &outcome.unless_claim {
        let found = cluster.get::<PersistentVolumeClaim>(key).await?;
        if found.is_some_and(|claim| claim.metadata.uid.as_ref() == Some(uid)) {
            return Ok(Next::After(AGAIN));
        }
    }
    let claims = |claim: &PersistentVolumeClaim| {
        Api::namespaced(cluster.client.clone(), claim.metadata.namespace.as_deref().unwrap_or(""))
    };
    match outcome.step {
        None => {}
        Some(Step::Claim(claim)) => drop(writes::replace(&claims(&claim), &claim).await?),
        Some(Step::ClaimStatus(claim)) => drop(writes::replace_status(&claims(&claim), &claim).await?),
        Some(Step::Volume(volume)) => drop(writes::replace(&volumes, &volume).await?),
        Some(Step::VolumeStatus(mut volume)) => {
            volume.status.get_or_insert_default().last_phase_transition_time = Some(Time(Timestamp::now()));
            writes::replace_status(&volumes, &volume).await?;
        }
    }
    Ok(Next::Change)
}
