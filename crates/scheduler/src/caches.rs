//! The copies of what is in the API, and who follows them.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use stanchion_informers::{Change, Informer, Key};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::inbox::{Inbox, Touched};
use crate::options::SchedulerError;
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

/// The tasks that follow the API.
#[derive(Debug)]
pub(crate) struct Followers(JoinSet<()>);

/// Follows one kind.
struct Follower<'a> {
    client: &'a Client,
    stop: &'a CancellationToken,
    tasks: &'a mut JoinSet<()>,
}

impl Follower<'_> {
    fn follow<K>(&mut self, tell: impl Fn(&Change<K>) + Send + Sync + 'static) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let informer = Informer::default();
        informer.on_change(tell);
        let api = Api::all(self.client.clone());
        self.tasks.spawn(informer.clone().run(api, watcher::Config::default(), self.stop.clone()));
        informer
    }
}

impl Caches {
    /// Begins to follow the API, until `stop`.
    pub(crate) fn follow(client: &Client, inbox: &Arc<Inbox>, stop: &CancellationToken) -> (Self, Followers) {
        let mut followers = JoinSet::new();
        let mut follower = Follower { client, stop, tasks: &mut followers };
        let (changed, storage) = watch::channel(());
        let changed = Arc::new(changed);
        let owners_changed = Owners::counter();
        let (services, sets, stateful) =
            (owners_changed.clone(), owners_changed.clone(), owners_changed.clone());
        let storage_changed = Arc::clone(&changed);
        let caches = Self {
            pods: follower.follow(touch(inbox, Touched::Pod)),
            nodes: follower.follow(touch(inbox, Touched::Node)),
            volumes: follower.follow(both(touch(inbox, Touched::Volume), storage_changed)),
            claims: follower.follow(both(touch(inbox, Touched::Claim), changed)),
            classes: follower.follow(touch(inbox, Touched::Class)),
            budgets: follower.follow(touch(inbox, Touched::Budget)),
            namespaces: follower.follow(touch(inbox, Touched::Namespace)),
            owners: Owners {
                services: follower.follow::<Service>(move |change| {
                    services.note(change, |service| service.spec.as_ref()?.selector.clone());
                }),
                replica_sets: follower.follow::<ReplicaSet>(move |change| {
                    sets.note(change, |set| set.spec.as_ref().map(|spec| spec.selector.clone()));
                }),
                stateful_sets: follower.follow::<StatefulSet>(move |change| {
                    stateful.note(change, |set| set.spec.as_ref().map(|spec| spec.selector.clone()));
                }),
                changed: owners_changed,
            },
            storage,
        };
        (caches, Followers(followers))
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

impl Followers {
    /// Waits until one of the followers ends, which none should.
    pub(crate) async fn failed(&mut self) -> SchedulerError {
        loop {
            match self.0.join_next().await {
                Some(Err(error)) => return SchedulerError::Follower(error),
                // Asked to stop; the others will follow.
                Some(Ok(())) => {}
                None => return SchedulerError::Unfollowed,
            }
        }
    }
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
