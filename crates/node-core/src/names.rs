//! Names that a node gives: Pods in messages, containers, log files, host names, hosts files, resolv.conf.

mod dns;
mod host;

pub use dns::{ClusterDns, DnsError, DnsPolicy, Resolver, resolver_of};
pub use host::{HostNames, HostNamesError, hosts_file};

use std::fmt;

use k8s_openapi::api::core::v1::Pod;

/// Which Pod something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its id, which no other Pod ever has.
    pub uid: String,
}

impl PodRef {
    /// Reads it from a Pod.
    pub fn of(pod: &Pod) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let meta = &pod.metadata;
        Self { namespace: text(&meta.namespace), name: text(&meta.name), uid: text(&meta.uid) }
    }

    /// Returns the directory of the Pod's logs below the directory of all logs.
    pub fn log_dir(&self) -> String {
        format!("{}_{}_{}", self.namespace, self.name, self.uid)
    }

    /// Returns the log file of a run of a container below the directory of all logs.
    pub fn log_file(&self, container: &str, restarts: u32) -> String {
        format!("{}/{container}/{restarts}.log", self.log_dir())
    }

    /// Returns the name of the link to a container's log among the links of all containers.
    pub fn log_link(&self, container: &str, id: &str) -> String {
        format!("{}_{}_{container}-{id}.log", self.name, self.namespace)
    }

    /// Returns the id of a run of a container: the same for the same run, and no other has it. It fits a file name.
    pub fn container_id(&self, container: &str, restarts: u32) -> String {
        format!("{}-{container}-{restarts}", self.uid)
    }
}

impl fmt::Display for PodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}({})", self.name, self.namespace, self.uid)
    }
}

/// The scheme before a container's id in a status.
const ID_SCHEME: &str = "stanchion://";

/// Returns the id of a container as it stands in a status.
pub fn status_id(id: &str) -> String {
    format!("{ID_SCHEME}{id}")
}

/// Returns the id of a container from what stands in a status, if it is one of ours.
pub fn id_from_status(text: &str) -> Option<&str> {
    text.strip_prefix(ID_SCHEME).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests;
