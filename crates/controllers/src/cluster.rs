//! What controllers share: the client, and a copy of every kind that several of them read.

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota,
    Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::runtime::watcher;
use kube::{Api, Client};
use stanchion_informers::{Copies, Index, Informer, Key};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::endpoint_slice;
use crate::events::{self, Events};
use crate::node_lifecycle;
use crate::owner;

/// The namespace of the leases by which nodes say that they are alive.
pub(crate) const NODE_LEASES: &str = "kube-node-lease";
/// The name of the copies of the authority's certificate.
pub(crate) const CERTIFICATE: &str = "kube-root-ca.crt";

/// How controllers behave.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Where the directories of volumes are made on this machine; without it no volume is provisioned.
    pub local_path: Option<PathBuf>,
    /// The name of the node that this machine is; without it every node that is not simulated is taken for it.
    pub local_node: Option<String>,
}

/// What controllers share.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) options: Options,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    events: events::Sender,
    pub(crate) accounts: Informer<ServiceAccount>,
    pub(crate) budgets: Informer<PodDisruptionBudget>,
    /// The copies of the authority's certificate that every namespace has, and no other `ConfigMap`.
    pub(crate) certificates: Informer<ConfigMap>,
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) deployments: Informer<Deployment>,
    pub(crate) endpoints: Informer<Endpoints>,
    pub(crate) jobs: Informer<Job>,
    /// The leases by which nodes say that they are alive.
    pub(crate) leases: Informer<Lease>,
    pub(crate) namespaces: Informer<Namespace>,
    pub(crate) nodes: Informer<Node>,
    pub(crate) pods: Informer<Pod>,
    /// Pods by the uid of who controls them.
    pub(crate) pods_of: Index<Pod, String>,
    /// Pods that nobody controls, by namespace.
    pub(crate) pods_alone: Index<Pod, String>,
    /// Pods by their node.
    pub(crate) pods_on: Index<Pod, String>,
    pub(crate) quotas: Informer<ResourceQuota>,
    pub(crate) replica_sets: Informer<ReplicaSet>,
    /// `ReplicaSets` by the uid of who controls them.
    pub(crate) replica_sets_of: Index<ReplicaSet, String>,
    pub(crate) revisions: Informer<ControllerRevision>,
    pub(crate) services: Informer<Service>,
    pub(crate) slices: Informer<EndpointSlice>,
    /// `EndpointSlices` that are kept here, by their Service.
    pub(crate) slices_of: Index<EndpointSlice, Key>,
    pub(crate) stateful_sets: Informer<StatefulSet>,
    pub(crate) storage_classes: Informer<StorageClass>,
    pub(crate) volumes: Informer<PersistentVolume>,
}

impl Cluster {
    /// Makes what controllers share.
    pub(crate) fn new(
        client: Client,
        copies: &Copies,
        options: Options,
        stop: CancellationToken,
    ) -> (Arc<Self>, events::Writer) {
        let (pods, replica_sets, slices) = (copies.of(), copies.of(), copies.of());
        let (events, writer) = events::channel(client.clone());
        let cluster = Self {
            client,
            options,
            stop,
            events,
            accounts: copies.of(),
            budgets: copies.of(),
            certificates: Informer::default(),
            claims: copies.of(),
            deployments: copies.of(),
            endpoints: copies.of(),
            jobs: copies.of(),
            leases: Informer::default(),
            namespaces: copies.of(),
            nodes: copies.of(),
            pods_of: Index::new(&pods, owner::controller_uid),
            pods_alone: Index::new(&pods, owner::namespace_if_alone),
            pods_on: Index::new(&pods, node_lifecycle::node_of),
            pods,
            quotas: copies.of(),
            replica_sets_of: Index::new(&replica_sets, owner::controller_uid),
            replica_sets,
            revisions: copies.of(),
            services: copies.of(),
            slices_of: Index::new(&slices, endpoint_slice::service_of),
            slices,
            stateful_sets: copies.of(),
            storage_classes: copies.of(),
            volumes: copies.of(),
        };
        (Arc::new(cluster), writer)
    }

    /// Begins to follow, until everything is to end, the two kinds of which only some objects are of use here.
    pub(crate) fn follow(&self, tasks: &mut JoinSet<()>) {
        let certificates = watcher::Config::default().fields(&format!("metadata.name={CERTIFICATE}"));
        let api = Api::all(self.client.clone());
        tasks.spawn(self.certificates.clone().run(api, certificates, self.stop.clone()));
        let leases = Api::namespaced(self.client.clone(), NODE_LEASES);
        tasks.spawn(self.leases.clone().run(leases, watcher::Config::default(), self.stop.clone()));
    }

    /// Waits until the first list of everything has arrived.
    pub(crate) async fn synced(&self) {
        self.accounts.synced().await;
        self.budgets.synced().await;
        self.certificates.synced().await;
        self.claims.synced().await;
        self.deployments.synced().await;
        self.endpoints.synced().await;
        self.jobs.synced().await;
        self.leases.synced().await;
        self.namespaces.synced().await;
        self.nodes.synced().await;
        self.pods.synced().await;
        self.quotas.synced().await;
        self.replica_sets.synced().await;
        self.revisions.synced().await;
        self.services.synced().await;
        self.slices.synced().await;
        self.stateful_sets.synced().await;
        self.storage_classes.synced().await;
        self.volumes.synced().await;
    }

    /// Returns what a controller reports Events through; `controller` is shown as their source.
    pub(crate) fn events(&self, controller: &'static str) -> Events {
        Events::new(self.events.clone(), controller)
    }
}
