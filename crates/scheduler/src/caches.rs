//! The copies of what is in the API, and what of them has changed.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Resource;
use serde::de::DeserializeOwned;
use stanchion_informers::{Change, Copies, Informer, Key};
use tokio::sync::watch;

use crate::inbox::{Inbox, Touched};
use crate::owners::Owners;

/// The copies that the scheduler reads.
#[derive(Debug)]
pub(crate) struct Caches {
    pub(crate) pods: Informer<Pod>,
    pub(crate) nodes: Informer<Node>,
    pub(crate) volumes: Informer<PersistentVolume>,
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) classes: Informer<StorageClass>,
    pub(crate) budgets: Informer<PodDisruptionBudget>,
    pub(crate) namespaces: Informer<Namespace>,
    pub(crate) owners: Owners,
    /// Changes when claims or volumes do.
    pub(crate) storage: watch::Receiver<()>,
}

impl Caches {
    /// Has the inbox told what changes from now on.
    pub(crate) fn follow(copies: &Copies, inbox: &Arc<Inbox>) -> Self {
        let (changed, storage) = watch::channel(());
        let changed = Arc::new(changed);
        let owners_changed = Owners::counter();
        let (services, sets, stateful) =
            (owners_changed.clone(), owners_changed.clone(), owners_changed.clone());
        let storage_changed = Arc::clone(&changed);
        Self {
            pods: follow(copies, touch(inbox, Touched::Pod)),
            nodes: follow(copies, touch(inbox, Touched::Node)),
            volumes: follow(copies, both(touch(inbox, Touched::Volume), storage_changed)),
            claims: follow(copies, both(touch(inbox, Touched::Claim), changed)),
            classes: follow(copies, touch(inbox, Touched::Class)),
            budgets: follow(copies, touch(inbox, Touched::Budget)),
            namespaces: follow(copies, touch(inbox, Touched::Namespace)),
            owners: Owners {
                services: follow::<Service>(copies, move |change| {
                    services.note(change, |service| service.spec.as_ref()?.selector.clone());
                }),
                replica_sets: follow::<ReplicaSet>(copies, move |change| {
                    sets.note(change, |set| set.spec.as_ref().map(|spec| spec.selector.clone()));
                }),
                stateful_sets: follow::<StatefulSet>(copies, move |change| {
                    stateful.note(change, |set| set.spec.as_ref().map(|spec| spec.selector.clone()));
                }),
                changed: owners_changed,
            },
            storage,
        }
    }

    /// Waits until everything that exists is known.
    pub(crate) async fn synced(&self) {
        tokio::join!(
            self.nodes.synced(),
            self.volumes.synced(),
            self.claims.synced(),
            self.classes.synced(),
            self.budgets.synced(),
            self.namespaces.synced(),
            self.owners.synced(),
            self.pods.synced(),
        );
    }
}

fn follow<K>(copies: &Copies, tell: impl Fn(&Change<K>) + Send + Sync + 'static) -> Informer<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let informer = copies.of::<K>();
    informer.on_change(tell);
    informer
}

fn touch<K: Resource<DynamicType = ()>>(
    inbox: &Arc<Inbox>,
    touched: fn(Key) -> Touched,
) -> impl Fn(&Change<K>) + Send + Sync + 'static {
    let inbox = Arc::clone(inbox);
    move |change| inbox.touch(touched(Key::of(change.object().as_ref())))
}

fn both<K>(
    first: impl Fn(&Change<K>) + Send + Sync + 'static,
    changed: Arc<watch::Sender<()>>,
) -> impl Fn(&Change<K>) + Send + Sync + 'static {
    move |change| {
        first(change);
        changed.send_replace(());
    }
}
