//! What a check is.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::facts::Facts;
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Versions of the API.
    Api,
    /// Disruption budgets.
    Budgets,
    /// Certificates.
    Certs,
    /// Names.
    Dns,
    /// etcd.
    Etcd,
    /// What takes findings back.
    Exemptions,
    /// Ways into the cluster.
    Ingress,
    /// Jobs and CronJobs.
    Jobs,
    /// Nodes.
    Nodes,
    /// Pods and their containers.
    Pods,
    /// Prometheus.
    Prometheus,
    /// Releases of Helm.
    Releases,
    /// How Pods get their nodes.
    Scheduling,
    /// Services.
    Services,
    /// Volumes.
    Volumes,
    /// Deployments, StatefulSets and DaemonSets.
    Workloads,
}

impl Group {
    /// Returns the name that people see; ids of checks begin with it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Budgets => "budgets",
            Self::Certs => "certs",
            Self::Dns => "dns",
            Self::Etcd => "etcd",
            Self::Exemptions => "exemptions",
            Self::Ingress => "ingress",
            Self::Jobs => "jobs",
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Prometheus => "prometheus",
            Self::Releases => "releases",
            Self::Scheduling => "scheduling",
            Self::Services => "services",
            Self::Volumes => "volumes",
            Self::Workloads => "workloads",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Looks for one thing that may be wrong.
#[derive(Debug)]
pub struct Check {
    /// Its name for ever: `etcd/space`.
    pub id: &'static str,
    /// What it looks at.
    pub group: Group,
    /// The gravest that it reports.
    pub severity: Severity,
    /// What it looks for, in a few words.
    pub title: &'static str,
    /// What it means, in two sentences.
    pub meaning: &'static str,
    /// The documentation behind it.
    pub basis: &'static [&'static str],
    /// What it has to know.
    pub needs: &'static [Need],
    /// What `stanchion doctor fix` does about it.
    pub fix: Option<&'static str>,
    pub(crate) run: fn(&Facts, &mut Findings),
}

impl Check {
    /// Returns how long reading what it needs may take.
    pub fn deadline(&self) -> Duration {
        self.needs.iter().map(|need| need.deadline()).max().unwrap_or_default()
    }
}
