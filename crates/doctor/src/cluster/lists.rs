//! The lists of the API that checks look at, each narrowed on the way.

use std::collections::BTreeMap;

use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stanchion_doctor_core::{
    Attachment, Budget, Claim, CronJob, Event, Job, Lease, Meta, Node, PersistentVolume, PodObject, Pods,
    PriorityClass, Quota, Release, ReplicaSet, Service, Slice, Workload, WorkloadKind,
};

use super::page::{PageError, get, list};

const NAMESPACES: &str = "/api/v1/namespaces";
const NODES: &str = "/api/v1/nodes";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const PODS: &str = "/api/v1/pods";
const REPLICA_SETS: &str = "/apis/apps/v1/replicasets";
const JOBS: &str = "/apis/batch/v1/jobs";
const CRON_JOBS: &str = "/apis/batch/v1/cronjobs";
const BUDGETS: &str = "/apis/policy/v1/poddisruptionbudgets";
const PRIORITY_CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";
const QUOTAS: &str = "/api/v1/resourcequotas";
const SERVICES: &str = "/api/v1/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";
const CLAIMS: &str = "/api/v1/persistentvolumeclaims";
const VOLUMES: &str = "/api/v1/persistentvolumes";
const ATTACHMENTS: &str = "/apis/storage.k8s.io/v1/volumeattachments";
const EVENTS: &str = "/api/v1/events";
const SECRETS: &str = "/api/v1/secrets";

const WORKLOADS: [(WorkloadKind, &str); 3] = [
    (WorkloadKind::Deployment, "/apis/apps/v1/deployments"),
    (WorkloadKind::StatefulSet, "/apis/apps/v1/statefulsets"),
    (WorkloadKind::DaemonSet, "/apis/apps/v1/daemonsets"),
];
/// Asks for what an object is called and how it is labelled, without the object.
const METADATA_ONLY: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Only Events that warn.
const WARNINGS: &str = "fieldSelector=type%3DWarning";
/// Only the Secrets in which Helm keeps releases.
const OF_HELM: &str = "labelSelector=owner%3Dhelm";

/// The version, as `/version` says it. Some providers write `31+`.
#[derive(Debug, Deserialize)]
struct Version {
    major: String,
    minor: String,
}

/// An object of which only the metadata is looked at.
#[derive(Debug, Deserialize)]
struct Named {
    metadata: Meta,
}

/// Reads a list as it is.
async fn into<T: DeserializeOwned>(client: &Client, path: &str, to: &mut Vec<T>) -> Result<(), PageError> {
    list(client, path, "", None, |one| to.push(one)).await
}

pub(super) async fn server(
    client: &Client,
    version: &mut Option<(u32, u32)>,
    namespaces: &mut Vec<Meta>,
) -> Result<(), PageError> {
    let said: Version = get(client, "/version", None).await?;
    let minor = said.minor.trim_end_matches('+').parse();
    *version = said.major.parse().ok().zip(minor.ok());
    list(client, NAMESPACES, "", None, |one: Named| namespaces.push(one.metadata)).await
}

pub(super) async fn nodes(
    client: &Client,
    nodes: &mut Vec<Node>,
    leases: &mut BTreeMap<String, Lease>,
) -> Result<(), PageError> {
    into(client, NODES, nodes).await?;
    list(client, LEASES, "", None, |lease: Lease| {
        leases.insert(lease.meta.name.clone(), lease);
    })
    .await
}

pub(super) async fn pods(client: &Client, pods: &mut Pods) -> Result<(), PageError> {
    list(client, PODS, "", None, |pod: PodObject| pods.add(pod)).await
}

pub(super) async fn workloads(
    client: &Client,
    workloads: &mut Vec<Workload>,
    replica_sets: &mut Vec<ReplicaSet>,
) -> Result<(), PageError> {
    for (kind, path) in WORKLOADS {
        list(client, path, "", None, |one: Workload| workloads.push(Workload { kind, ..one })).await?;
    }
    into(client, REPLICA_SETS, replica_sets).await
}

pub(super) async fn jobs(
    client: &Client,
    jobs: &mut Vec<Job>,
    cron_jobs: &mut Vec<CronJob>,
) -> Result<(), PageError> {
    into(client, JOBS, jobs).await?;
    into(client, CRON_JOBS, cron_jobs).await
}

pub(super) async fn budgets(client: &Client, budgets: &mut Vec<Budget>) -> Result<(), PageError> {
    into(client, BUDGETS, budgets).await
}

pub(super) async fn policies(
    client: &Client,
    classes: &mut Vec<PriorityClass>,
    quotas: &mut Vec<Quota>,
) -> Result<(), PageError> {
    into(client, PRIORITY_CLASSES, classes).await?;
    into(client, QUOTAS, quotas).await
}

pub(super) async fn services(
    client: &Client,
    services: &mut Vec<Service>,
    slices: &mut Vec<Slice>,
) -> Result<(), PageError> {
    into(client, SERVICES, services).await?;
    into(client, SLICES, slices).await
}

pub(super) async fn volumes(
    client: &Client,
    claims: &mut Vec<Claim>,
    volumes: &mut Vec<PersistentVolume>,
    attachments: &mut Vec<Attachment>,
) -> Result<(), PageError> {
    into(client, CLAIMS, claims).await?;
    into(client, VOLUMES, volumes).await?;
    into(client, ATTACHMENTS, attachments).await
}

pub(super) async fn events(client: &Client, events: &mut Vec<Event>) -> Result<(), PageError> {
    list(client, EVENTS, WARNINGS, None, |event| events.push(event)).await
}

pub(super) async fn releases(client: &Client, releases: &mut Vec<Release>) -> Result<(), PageError> {
    list(client, SECRETS, OF_HELM, Some(METADATA_ONLY), |release| releases.push(release)).await
}
