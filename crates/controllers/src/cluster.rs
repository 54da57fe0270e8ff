//! What controllers share: the client, and a copy of every kind that several of them read.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use stanchion_informers::{Index, Informer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::events::{self, Events};
use crate::owner;

/// How controllers behave.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {}

/// What controllers share.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) options: Options,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    events: events::Sender,
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) deployments: Informer<Deployment>,
    pub(crate) jobs: Informer<Job>,
    pub(crate) namespaces: Informer<Namespace>,
    pub(crate) nodes: Informer<Node>,
    pub(crate) pods: Informer<Pod>,
    /// Pods by the uid of who controls them.
    pub(crate) pods_of: Index<Pod, String>,
    /// Pods that nobody controls, by namespace.
    pub(crate) pods_alone: Index<Pod, String>,
    pub(crate) replica_sets: Informer<ReplicaSet>,
    /// `ReplicaSets` by the uid of who controls them.
    pub(crate) replica_sets_of: Index<ReplicaSet, String>,
    pub(crate) revisions: Informer<ControllerRevision>,
    pub(crate) services: Informer<Service>,
    pub(crate) stateful_sets: Informer<StatefulSet>,
    pub(crate) storage_classes: Informer<StorageClass>,
    pub(crate) volumes: Informer<PersistentVolume>,
}

impl Cluster {
    /// Makes what controllers share. Nothing follows the API before [`Cluster::follow`], so that no handler and no
    /// index that is added in between misses anything.
    pub(crate) fn new(
        client: Client,
        options: Options,
        stop: CancellationToken,
    ) -> (Arc<Self>, events::Writer) {
        let pods = Informer::default();
        let replica_sets = Informer::default();
        let (events, writer) = events::channel(client.clone());
        let cluster = Self {
            client,
            options,
            stop,
            events,
            claims: Informer::default(),
            deployments: Informer::default(),
            jobs: Informer::default(),
            namespaces: Informer::default(),
            nodes: Informer::default(),
            pods_of: Index::new(&pods, owner::controller_uid),
            pods_alone: Index::new(&pods, owner::namespace_if_alone),
            pods,
            replica_sets_of: Index::new(&replica_sets, owner::controller_uid),
            replica_sets,
            revisions: Informer::default(),
            services: Informer::default(),
            stateful_sets: Informer::default(),
            storage_classes: Informer::default(),
            volumes: Informer::default(),
        };
        (Arc::new(cluster), writer)
    }

    /// Begins to follow the API until everything is to end; every handler and index has been added before.
    pub(crate) fn follow(&self, tasks: &mut JoinSet<()>) {
        self.run(tasks, &self.claims);
        self.run(tasks, &self.deployments);
        self.run(tasks, &self.jobs);
        self.run(tasks, &self.namespaces);
        self.run(tasks, &self.nodes);
        self.run(tasks, &self.pods);
        self.run(tasks, &self.replica_sets);
        self.run(tasks, &self.revisions);
        self.run(tasks, &self.services);
        self.run(tasks, &self.stateful_sets);
        self.run(tasks, &self.storage_classes);
        self.run(tasks, &self.volumes);
    }

    fn run<K>(&self, tasks: &mut JoinSet<()>, informer: &Informer<K>)
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let api = Api::all(self.client.clone());
        tasks.spawn(informer.clone().run(api, watcher::Config::default(), self.stop.clone()));
    }

    /// Waits until the first list of everything has arrived.
    pub(crate) async fn synced(&self) {
        self.claims.synced().await;
        self.deployments.synced().await;
        self.jobs.synced().await;
        self.namespaces.synced().await;
        self.nodes.synced().await;
        self.pods.synced().await;
        self.replica_sets.synced().await;
        self.revisions.synced().await;
        self.services.synced().await;
        self.stateful_sets.synced().await;
        self.storage_classes.synced().await;
        self.volumes.synced().await;
    }

    /// Returns what a controller reports Events through; `controller` is shown as their source.
    pub(crate) fn events(&self, controller: &'static str) -> Events {
        Events::new(self.events.clone(), controller)
    }
}
