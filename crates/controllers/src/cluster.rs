//! What controllers share: the client, and a copy of every kind that several of them read.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use stanchion_informers::{Index, Informer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

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
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) deployments: Informer<Deployment>,
    pub(crate) jobs: Informer<Job>,
    pub(crate) namespaces: Informer<Namespace>,
    pub(crate) nodes: Informer<Node>,
    pub(crate) pods: Informer<Pod>,
    /// Pods by the uid of who controls them.
    pub(crate) pods_of: Index<Pod, String>,
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
    /// Starts to follow the API. Informers run in the tasks, which end with `stop`.
    ///
    /// Handlers and indexes are to be added where `register` is called: before the informers run.
    pub(crate) fn start(client: Client, options: Options, stop: &CancellationToken) -> (Arc<Self>, JoinSet<()>) {
        let pods = Informer::default();
        let replica_sets = Informer::default();
        let cluster = Arc::new(Self {
            client,
            options,
            claims: Informer::default(),
            deployments: Informer::default(),
            jobs: Informer::default(),
            namespaces: Informer::default(),
            nodes: Informer::default(),
            pods_of: Index::new(&pods, owner::controller_uid),
            pods,
            replica_sets_of: Index::new(&replica_sets, owner::controller_uid),
            replica_sets,
            revisions: Informer::default(),
            services: Informer::default(),
            stateful_sets: Informer::default(),
            storage_classes: Informer::default(),
            volumes: Informer::default(),
        });
        let mut tasks = JoinSet::new();
        cluster.follow(&mut tasks, stop);
        (cluster, tasks)
    }

    fn follow(&self, tasks: &mut JoinSet<()>, stop: &CancellationToken) {
        self.run(tasks, stop, &self.claims);
        self.run(tasks, stop, &self.deployments);
        self.run(tasks, stop, &self.jobs);
        self.run(tasks, stop, &self.namespaces);
        self.run(tasks, stop, &self.nodes);
        self.run(tasks, stop, &self.pods);
        self.run(tasks, stop, &self.replica_sets);
        self.run(tasks, stop, &self.revisions);
        self.run(tasks, stop, &self.services);
        self.run(tasks, stop, &self.stateful_sets);
        self.run(tasks, stop, &self.storage_classes);
        self.run(tasks, stop, &self.volumes);
    }

    fn run<K>(&self, tasks: &mut JoinSet<()>, stop: &CancellationToken, informer: &Informer<K>)
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let api = Api::all(self.client.clone());
        tasks.spawn(informer.clone().run(api, watcher::Config::default(), stop.clone()));
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

    /// Returns what Events of a controller are reported through.
    pub(crate) fn recorder(&self, controller: &str) -> Recorder {
        Recorder::new(self.client.clone(), Reporter { controller: controller.to_owned(), instance: None })
    }
}
