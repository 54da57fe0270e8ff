//! Makes volumes that are directories of a node, and removes them again: the provisioner `stanchion.dev/local-path`.
//!
//! A volume is made when the scheduler has chosen a node for the first Pod of its claim, and belongs to that node from then
//! on. A finalizer holds the volume until its directory is gone. Only directories with the name that was given here, in the
//! directory that was configured, are ever removed. Volumes of simulated nodes have no directory.

mod decide;
mod disk;

use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use stanchion_informers::{Failure, Key, Next, Queue, work};

use self::decide::{Place, Provision, Removal};
use crate::Controller;
use crate::binding::class_of_claim;
use crate::calls::{CallError, call};
use crate::cluster::Cluster;
use crate::events::Events;
use crate::writes;

/// The name of the provisioner, and of the finalizer of its volumes.
pub(crate) const PROVISIONER: &str = "stanchion.dev/local-path";
/// Annotation of a node that has no disk, and runs nothing.
pub(crate) const SIMULATED: &str = "simulation.stanchion.dev/simulated";

/// Claims and volumes looked at at a time.
const AT_ONCE: usize = 5;

/// A volume that cannot be made or removed.
#[derive(Debug, thiserror::Error)]
enum LocalPathError {
    /// The API was of no help.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The disk was of no help.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

impl Failure for LocalPathError {
    fn is_stale(&self) -> bool {
        match self {
            Self::Call(error) => error.is_stale(),
            Self::Disk(_) => false,
        }
    }
}

/// What one look needs.
#[derive(Clone)]
struct Provisioner {
    cluster: Arc<Cluster>,
    events: Events,
    base: Arc<Path>,
}

/// Adds the handlers of the controller; none if there is no directory for volumes.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Option<Controller> {
    let base = Arc::from(cluster.options.local_path.as_deref()?);
    let (claims, volumes): (Queue<Key>, Queue<Key>) = (Queue::default(), Queue::default());
    let changed = claims.clone();
    cluster.claims.on_change(move |change| changed.add(Key::of(&**change.object())));
    let changed = volumes.clone();
    cluster.volumes.on_change(move |change| changed.add(Key::of(&**change.object())));
    let (changed, known) = (claims.clone(), cluster.claims.clone());
    cluster.storage_classes.on_change(move |_| {
        for claim in known.list() {
            changed.add(Key::of(&*claim));
        }
    });
    let provisioner = Provisioner { cluster: Arc::clone(cluster), events: cluster.events(PROVISIONER), base };
    Some(Box::pin(run(provisioner, claims, volumes)))
}

async fn run(provisioner: Provisioner, claims: Queue<Key>, volumes: Queue<Key>) {
    provisioner.offer_class().await;
    let (stop, stop_too) = (provisioner.cluster.stop.clone(), provisioner.cluster.stop.clone());
    let remover = provisioner.clone();
    let provide = move |key| {
        let provisioner = provisioner.clone();
        async move { provisioner.provide(&key).await }
    };
    let remove = move |key| {
        let remover = remover.clone();
        async move { remover.remove(&key).await }
    };
    tokio::join!(
        work("local-path", claims, AT_ONCE, provide, stop),
        work("local-path-removal", volumes, AT_ONCE, remove, stop_too),
    );
}

impl Provisioner {
    /// Makes the class of these volumes the default, if there is no other.
    async fn offer_class(&self) {
        let Some(class) = decide::class(&self.cluster.storage_classes.list()) else { return };
        let api: Api<StorageClass> = Api::all(self.cluster.client.clone());
        match writes::create(&api, &class).await {
            Err(error) if !error.is_already_exists() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "there is no default class of volumes"
                );
            }
            Ok(_) | Err(_) => {}
        }
    }

    async fn provide(&self, key: &Key) -> Result<Next, LocalPathError> {
        let Some(claim) = self.cluster.claims.get(key) else { return Ok(Next::Change) };
        let Some(class) = self.cluster.storage_classes.get(&Key::cluster(class_of_claim(&claim))) else {
            return Ok(Next::Change);
        };
        let node_of = |name: &str| self.cluster.nodes.get(&Key::cluster(name));
        let own = self.cluster.options.local_node.as_deref();
        match decide::provide(&claim, &class, node_of, &self.base, own) {
            Provision::Nothing => {}
            Provision::Refuse(why) => {
                let name = class.metadata.name.as_deref().unwrap_or("");
                let message = format!("failed to provision volume with StorageClass {name:?}: {why}");
                self.events.warning(&*claim, "ProvisioningFailed", message);
            }
            Provision::Reschedule(claim) => self.reschedule(key, &claim).await?,
            Provision::Make(volume, place) => self.make(key, &claim, *volume, place).await?,
        }
        Ok(Next::Change)
    }

    /// Has the scheduler choose again; the node may also be one that is not known here yet.
    async fn reschedule(&self, key: &Key, claim: &PersistentVolumeClaim) -> Result<(), CallError> {
        let node = decide::selected_node(claim).unwrap_or("").to_owned();
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        if call::<Node, _>("get", &Key::cluster(&node), nodes.get_opt(&node)).await?.is_some() {
            return Ok(());
        }
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.cluster.client.clone(), &key.namespace);
        let message = format!("node {node:?} is gone; the volume will be made where the Pod is placed next");
        self.events.warning(claim, "ProvisioningFailed", message);
        writes::replace(&api, &decide::unselected(claim)).await.map(drop)
    }

    async fn make(
        &self,
        key: &Key,
        claim: &PersistentVolumeClaim,
        volume: PersistentVolume,
        place: Place,
    ) -> Result<(), LocalPathError> {
        let name = Key::of(&volume);
        if self.cluster.volumes.get(&name).is_some() {
            return Ok(());
        }
        let message = format!("External provisioner is provisioning volume for claim \"{key}\"");
        self.events.normal(claim, "Provisioning", message);
        if let Place::Here(directory) = place
            && let Err(error) = disk::make(directory).await
        {
            self.events.warning(claim, "ProvisioningFailed", crate::namespace::told(&error));
            return Err(error.into());
        }
        let api: Api<PersistentVolume> = Api::all(self.cluster.client.clone());
        match writes::create(&api, &volume).await {
            Err(error) if !error.is_already_exists() => Err(error.into()),
            Ok(_) | Err(_) => {
                let message = format!("Successfully provisioned volume {name}");
                self.events.normal(claim, "ProvisioningSucceeded", message);
                Ok(())
            }
        }
    }

    async fn remove(&self, key: &Key) -> Result<Next, LocalPathError> {
        let Some(volume) = self.cluster.volumes.get(key) else { return Ok(Next::Change) };
        let node = decide::node_of(&volume).and_then(|name| self.cluster.nodes.get(&Key::cluster(name)));
        let own = self.cluster.options.local_node.as_deref();
        let api: Api<PersistentVolume> = Api::all(self.cluster.client.clone());
        match decide::remove(&volume, node.as_deref(), &self.base, own) {
            Removal::Nothing => {}
            Removal::Refuse(why) => {
                let message = format!("the directory of the volume cannot be removed: {why}");
                self.events.warning(&*volume, "VolumeFailedDelete", message);
            }
            Removal::Directory(directory) => {
                if self.is_claimed(&volume).await? {
                    return Ok(Next::Change);
                }
                if let Err(error) = disk::remove(directory).await {
                    self.events.warning(&*volume, "VolumeFailedDelete", crate::namespace::told(&error));
                    return Err(error.into());
                }
                self.let_go(&api, &volume).await?;
            }
            Removal::Object => {
                if !self.is_claimed(&volume).await? {
                    self.let_go(&api, &volume).await?;
                }
            }
        }
        Ok(Next::Change)
    }

    /// Returns whether the claim of a volume is there after all: what follows cannot be undone.
    async fn is_claimed(&self, volume: &PersistentVolume) -> Result<bool, CallError> {
        let Some(reference) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else {
            return Ok(false);
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = Key::new(text(&reference.namespace), text(&reference.name));
        let claim = self.cluster.get::<PersistentVolumeClaim>(&key).await?;
        Ok(claim.is_some_and(|claim| claim.metadata.uid == reference.uid))
    }

    /// Deletes a volume without a directory, and takes away what has held it.
    async fn let_go(&self, api: &Api<PersistentVolume>, volume: &PersistentVolume) -> Result<(), CallError> {
        if volume.metadata.deletion_timestamp.is_none() {
            return writes::delete(api, volume, None).await;
        }
        match writes::replace(api, &decide::finished(volume)).await {
            // It has changed meanwhile, which brings the next look.
            Err(error) if !error.is_not_found() && error.status().is_none_or(|status| status.code != 409) => {
                Err(error)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
