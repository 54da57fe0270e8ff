//! What the API says of a cluster: its objects, narrowed to what checks look at.
//!
//! Objects are read as the API writes them. Pods, of which there are most by far, share what they have in common
//! ([`Pods`]), and are looked at in groups of one cause and one template.

pub(crate) mod batch;
pub(crate) mod cluster;
pub(crate) mod event;
pub(crate) mod ingress;
pub(crate) mod kubelet;
pub(crate) mod labels;
pub(crate) mod meta;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod pods;
pub(crate) mod said;
pub(crate) mod service;
pub(crate) mod template;
pub(crate) mod volume;
pub(crate) mod workload;

use std::collections::BTreeMap;

use batch::{CronJob, Job};
use cluster::{Budget, PriorityClass, Quota, Release};
use event::Event;
use ingress::{Ingress, IngressClass};
use kubelet::Kubelet;
use meta::Meta;
use node::{Lease, Node};
use pods::Pods;
use said::{DeprecatedApi, LastLines};
use service::{Service, Slice};
use volume::{Attachment, Claim, PersistentVolume};
use workload::{ReplicaSet, Workload};

use crate::subject::Subject;

/// What the API says of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Kube {
    /// Where the API is: the source of all of it.
    pub server: String,
    /// The version of the API server: `1.36`.
    pub version: Option<(u32, u32)>,
    /// The namespaces.
    pub namespaces: Vec<Meta>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// When nodes were last heard of, by their names.
    pub leases: BTreeMap<String, Lease>,
    /// The Pods.
    pub pods: Pods,
    /// Deployments, StatefulSets and DaemonSets.
    pub workloads: Vec<Workload>,
    /// Revisions of Deployments.
    pub replica_sets: Vec<ReplicaSet>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// CronJobs.
    pub cron_jobs: Vec<CronJob>,
    /// PodDisruptionBudgets.
    pub budgets: Vec<Budget>,
    /// PriorityClasses.
    pub priority_classes: Vec<PriorityClass>,
    /// ResourceQuotas.
    pub quotas: Vec<Quota>,
    /// Services.
    pub services: Vec<Service>,
    /// EndpointSlices.
    pub slices: Vec<Slice>,
    /// PersistentVolumeClaims.
    pub claims: Vec<Claim>,
    /// PersistentVolumes.
    pub volumes: Vec<PersistentVolume>,
    /// VolumeAttachments.
    pub attachments: Vec<Attachment>,
    /// Warnings of late.
    pub events: Vec<Event>,
    /// Releases of Helm, a line for each revision.
    pub releases: Vec<Release>,
    /// How kubelets are set: of some nodes of each version.
    pub kubelets: Vec<Kubelet>,
    /// Ways into the cluster.
    pub ingresses: Vec<Ingress>,
    /// Who serves them.
    pub ingress_classes: Vec<IngressClass>,
    /// What containers said before they ended, of one of each cause.
    pub last_lines: Vec<LastLines>,
    /// Deprecated versions of the API that are asked for.
    pub deprecated_apis: Vec<DeprecatedApi>,
}

impl Kube {
    /// Joins what was read: who made what. To be called once all is there.
    pub fn join(&mut self) {
        let mut makers: BTreeMap<(&str, &str, &str), Subject> = BTreeMap::new();
        let owned = self.replica_sets.iter().map(|set| ("ReplicaSet", &set.meta));
        let owned = owned.chain(self.jobs.iter().map(|job| ("Job", &job.meta)));
        for (kind, meta) in owned {
            if let Some(owner) = meta.controller() {
                let maker = Subject::of(&owner.kind, meta.namespace.as_deref(), &owner.name);
                makers.insert((meta.namespace(), kind, &meta.name), maker);
            }
        }
        self.pods.group(|namespace, kind, name| makers.get(&(namespace, kind, name)).cloned());
    }

    /// Returns the node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.meta.name == name)
    }

    /// Returns the namespace's own metadata.
    pub fn namespace(&self, name: &str) -> Option<&Meta> {
        self.namespaces.iter().find(|namespace| namespace.name == name)
    }
}
