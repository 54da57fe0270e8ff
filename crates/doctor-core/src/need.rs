//! What checks need to know, and whether it was read.

use std::time::Duration;

use serde::Serialize;

/// A kind of facts that is read in one go, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Who the members of etcd are, and what each says of itself.
    EtcdStatus,
    /// The alarms of etcd.
    EtcdAlarms,
    /// The metrics of etcd's members.
    EtcdMetrics,
    /// What the keys of etcd are of, and how large.
    EtcdKeyspace,
    /// How etcd grows.
    EtcdGrowth,
    /// With which heartbeat and election timeouts etcd runs.
    EtcdSettings,
    /// The newest snapshot of etcd.
    EtcdSnapshots,
    /// Certificates in files, and such that servers show.
    Certificates,
    /// Which findings are taken back.
    Exemptions,
    /// The version of the API server, and namespaces.
    KubeServer,
    /// Nodes, and when they were last heard of.
    KubeNodes,
    /// Pods.
    KubePods,
    /// Deployments with their ReplicaSets, StatefulSets and DaemonSets.
    KubeWorkloads,
    /// Jobs and CronJobs.
    KubeJobs,
    /// PodDisruptionBudgets.
    KubeBudgets,
    /// PriorityClasses and ResourceQuotas.
    KubePolicies,
    /// Services and their endpoints.
    KubeServices,
    /// Volumes, claims and attachments.
    KubeVolumes,
    /// Warnings of late.
    KubeEvents,
    /// The releases of Helm.
    KubeReleases,
    /// How kubelets are set.
    KubeKubelets,
    /// Ingresses and their classes.
    KubeIngresses,
    /// What containers said before they ended.
    KubeLogs,
    /// Which deprecated versions of the API are asked for.
    KubeDeprecatedApis,
    /// What Prometheus keeps.
    Prometheus,
}

impl Need {
    /// Returns what people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EtcdStatus => "members of etcd",
            Self::EtcdAlarms => "alarms of etcd",
            Self::EtcdMetrics => "metrics of etcd",
            Self::EtcdKeyspace => "keys of etcd",
            Self::EtcdGrowth => "growth of etcd",
            Self::EtcdSettings => "settings of etcd",
            Self::EtcdSnapshots => "snapshots of etcd",
            Self::Certificates => "certificates",
            Self::Exemptions => "exemptions",
            Self::KubeServer => "version and namespaces of the cluster",
            Self::KubeNodes => "nodes",
            Self::KubePods => "Pods",
            Self::KubeWorkloads => "workloads",
            Self::KubeJobs => "Jobs and CronJobs",
            Self::KubeBudgets => "PodDisruptionBudgets",
            Self::KubePolicies => "PriorityClasses and ResourceQuotas",
            Self::KubeServices => "Services and EndpointSlices",
            Self::KubeVolumes => "volumes, claims and attachments",
            Self::KubeEvents => "Events",
            Self::KubeReleases => "releases of Helm",
            Self::KubeKubelets => "settings of kubelets",
            Self::KubeIngresses => "Ingresses",
            Self::KubeLogs => "logs of containers that ended",
            Self::KubeDeprecatedApis => "deprecated APIs that are asked for",
            Self::Prometheus => "series of Prometheus",
        }
    }

    /// Returns whether the API of a cluster tells it.
    pub fn is_of_cluster(self) -> bool {
        matches!(
            self,
            Self::KubeServer
                | Self::KubeNodes
                | Self::KubePods
                | Self::KubeWorkloads
                | Self::KubeJobs
                | Self::KubeBudgets
                | Self::KubePolicies
                | Self::KubeServices
                | Self::KubeVolumes
                | Self::KubeEvents
                | Self::KubeReleases
                | Self::KubeKubelets
                | Self::KubeIngresses
                | Self::KubeLogs
                | Self::KubeDeprecatedApis
        )
    }

    /// Returns whether etcd tells it, or what lies beside etcd.
    pub fn is_of_etcd(self) -> bool {
        matches!(
            self,
            Self::EtcdStatus
                | Self::EtcdAlarms
                | Self::EtcdMetrics
                | Self::EtcdKeyspace
                | Self::EtcdGrowth
                | Self::EtcdSettings
                | Self::EtcdSnapshots
        )
    }

    /// Returns which option gives the source of it.
    pub fn asked_with(self) -> &'static str {
        match self {
            Self::EtcdStatus | Self::EtcdAlarms | Self::EtcdMetrics | Self::EtcdKeyspace => {
                "--etcd-endpoints"
            }
            Self::EtcdSnapshots => "--etcd-snapshot-dir",
            Self::Certificates => "--cert-dir, --tls-server, --kubeconfig",
            Self::Exemptions => "--exemptions",
            Self::KubeServer
            | Self::KubeNodes
            | Self::KubePods
            | Self::KubeWorkloads
            | Self::KubeJobs
            | Self::KubeBudgets
            | Self::KubePolicies
            | Self::KubeServices
            | Self::KubeVolumes
            | Self::KubeEvents
            | Self::KubeReleases
            | Self::KubeKubelets
            | Self::KubeIngresses
            | Self::KubeLogs
            | Self::KubeDeprecatedApis => "--kubeconfig",
            Self::Prometheus => "--prometheus-url",
            Self::EtcdGrowth => "--etcd-growth-file, --etcd-growth",
            Self::EtcdSettings => "--etcd-config, or run where a member runs",
        }
    }

    /// Returns how long reading it may take.
    pub fn deadline(self) -> Duration {
        match self {
            Self::EtcdStatus
            | Self::EtcdAlarms
            | Self::EtcdMetrics
            | Self::EtcdSettings
            | Self::KubeServer => Duration::from_secs(10),
            // A sample of seconds, or a look at every key.
            Self::EtcdGrowth
            | Self::EtcdSnapshots
            | Self::Certificates
            | Self::KubeNodes
            | Self::KubeBudgets
            | Self::KubePolicies
            | Self::KubeKubelets
            | Self::KubeIngresses
            | Self::KubeLogs
            | Self::KubeDeprecatedApis
            | Self::Prometheus => Duration::from_secs(30),
            Self::EtcdKeyspace => Duration::from_mins(1),
            // Of these there may be hundreds of thousands.
            Self::KubePods
            | Self::KubeWorkloads
            | Self::KubeJobs
            | Self::KubeServices
            | Self::KubeVolumes
            | Self::KubeEvents
            | Self::KubeReleases => Duration::from_mins(2),
            // Files, and what has been read of objects anyway.
            Self::Exemptions => Duration::from_secs(1),
        }
    }
}

/// What came of reading something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It was read.
    Read {
        /// From where.
        source: String,
    },
    /// Some of it was read.
    Partly {
        /// From where.
        source: String,
        /// What was not, and why.
        missing: Vec<String>,
    },
    /// The source is well and has no such thing.
    Absent {
        /// Which source.
        source: String,
        /// What is not there.
        why: String,
    },
    /// It could not be read.
    Failed {
        /// From where.
        source: String,
        /// Why not.
        why: String,
    },
}
