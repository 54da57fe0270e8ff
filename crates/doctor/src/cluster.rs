//! What the API of a cluster says, read in lists that are taken page by page, several at a time.
//!
//! Objects are narrowed while they are read: a page is parsed into what checks look at, and gone before the next one is
//! asked for. A list that cannot be read whole counts as not read, since what is missing in it would look like a fault.

#[cfg(test)]
pub(crate) mod canned;
mod deprecated;
mod ingresses;
mod kubelets;
mod lists;
mod logs;
mod more;
pub(crate) mod page;
pub(crate) mod repair;
mod tls;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use stanchion_doctor_core::{Facts, Kube, Marks, Meta, Need, Reading};
use thiserror::Error;
use tokio::time::timeout;

use crate::{Progress, chain};
use page::PageError;
use tls::Tls;

/// Which cluster, and as whom.
#[derive(Clone, Debug)]
pub struct KubeOptions {
    /// The kubeconfig; without it that of `kubectl`: `$KUBECONFIG`, or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; without it the current one.
    pub context: Option<String>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// Who is told how far it is.
    pub progress: Progress,
}

/// Why a cluster cannot be asked.
#[derive(Debug, Error)]
pub enum KubeError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig{}", .path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Config {
        /// Which, if one was named.
        path: Option<PathBuf>,
        /// Why.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// What it says cannot be made a client of.
    #[error("cannot prepare a client for {server}")]
    Client {
        /// Of what.
        server: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// A cluster to ask.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    server: String,
    tls: Tls,
    progress: Progress,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares to ask; whether anybody answers shows then.
    pub async fn new(options: KubeOptions) -> Result<Self, KubeError> {
        let error = |source| KubeError::Config { path: options.kubeconfig.clone(), source: Box::new(source) };
        let kubeconfig = match &options.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let kubeconfig = kubeconfig.map_err(error)?;
        let selected = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &selected).await.map_err(error)?;
        config.connect_timeout = Some(options.connect_timeout);
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let tls = Tls::of(&config);
        let client = Client::try_from(config)
            .map_err(|source| KubeError::Client { server: server.clone(), source: Box::new(source) })?;
        Ok(Self { client, server, tls, progress: options.progress })
    }

    /// Returns where the API is.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns a client of the API.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Reads all of `needs` that the API can tell into `facts`, and notes what could not be read.
    pub async fn read(&self, facts: &mut Facts, needs: &BTreeSet<Need>) {
        facts.kube.server.clone_from(&self.server);
        let kube = &mut facts.kube;
        let client = &self.client;
        let readings = tokio::join!(
            self.part(
                needs,
                Need::KubeServer,
                lists::server(client, &mut kube.version, &mut kube.namespaces)
            ),
            self.part(needs, Need::KubeNodes, lists::nodes(client, &mut kube.nodes, &mut kube.leases)),
            self.part(needs, Need::KubePods, lists::pods(client, &mut kube.pods)),
            self.part(
                needs,
                Need::KubeWorkloads,
                lists::workloads(client, &mut kube.workloads, &mut kube.replica_sets)
            ),
            self.part(needs, Need::KubeJobs, lists::jobs(client, &mut kube.jobs, &mut kube.cron_jobs)),
            self.part(needs, Need::KubeBudgets, lists::budgets(client, &mut kube.budgets)),
            self.part(
                needs,
                Need::KubePolicies,
                lists::policies(client, &mut kube.priority_classes, &mut kube.quotas)
            ),
            self.part(
                needs,
                Need::KubeServices,
                lists::services(client, &mut kube.services, &mut kube.slices)
            ),
            self.part(
                needs,
                Need::KubeVolumes,
                lists::volumes(client, &mut kube.claims, &mut kube.volumes, &mut kube.attachments)
            ),
            self.part(needs, Need::KubeEvents, lists::events(client, &mut kube.events)),
            self.part(needs, Need::KubeReleases, lists::releases(client, &mut kube.releases)),
        );
        let (server, nodes, pods, workloads, jobs, budgets, policies, services, volumes, events, releases) =
            readings;
        let readings =
            [server, nodes, pods, workloads, jobs, budgets, policies, services, volumes, events, releases];
        for (need, reading) in readings.into_iter().flatten() {
            facts.note(need, reading);
        }
        facts.kube.join();
        self.read_more(facts, needs).await;
        take_marks(&facts.kube, &mut facts.marks);
    }

    /// Reads one part, if it is needed, within its deadline.
    async fn part(
        &self,
        needs: &BTreeSet<Need>,
        need: Need,
        read: impl Future<Output = Result<(), PageError>>,
    ) -> Option<(Need, Reading)> {
        if !needs.contains(&need) {
            return None;
        }
        let source = self.server.clone();
        let reading = match timeout(need.deadline(), read).await {
            Ok(Ok(())) => Reading::Read { source },
            Ok(Err(error)) => Reading::Failed { source, why: chain(&error) },
            Err(_) => Reading::Failed { source, why: format!("not done within {:?}", need.deadline()) },
        };
        self.progress.done(need);
        Some((need, reading))
    }
}

/// Keeps what objects say to the doctor.
fn take_marks(kube: &Kube, marks: &mut Marks) {
    let mut take = |kind: &str, meta: &Meta| marks.take(&meta.subject(kind), &meta.annotations, &meta.labels);
    kube.namespaces.iter().for_each(|meta| take("Namespace", meta));
    kube.nodes.iter().for_each(|node| take("Node", &node.meta));
    kube.workloads.iter().for_each(|workload| take(workload.kind.name(), &workload.meta));
    kube.jobs.iter().for_each(|job| take("Job", &job.meta));
    kube.cron_jobs.iter().for_each(|job| take("CronJob", &job.meta));
    kube.budgets.iter().for_each(|budget| take("PodDisruptionBudget", &budget.meta));
    kube.services.iter().for_each(|service| take("Service", &service.meta));
    kube.ingresses.iter().for_each(|ingress| take("Ingress", &ingress.meta));
    kube.claims.iter().for_each(|claim| take("PersistentVolumeClaim", &claim.meta));
    kube.volumes.iter().for_each(|volume| take("PersistentVolume", &volume.meta));
    for pod in kube.pods.all() {
        marks.take(&pod.subject(), &pod.annotations, &pod.labels);
    }
}
