//! Where things stand in the store.
//!
//! Everything of a cluster is below `/stanchion/<namespace>/<cluster>/`:
//!
//! | key | value | written by |
//! |---|---|---|
//! | `settings` | [`Settings`](crate::Settings) | the manager |
//! | `topology` | [`Topology`](crate::Topology) | the manager, by compare-and-swap |
//! | `operation` | what people asked for last, and what became of it | the manager |
//! | `health/<instance>` | [`Report`](crate::Report), under a lease | the instance's agent |
//!
//! The manager is elected by `/stanchion/manager`.

use crate::name::{ClusterName, InstanceName};

/// Below here is everything.
pub const ROOT: &str = "/stanchion/";
/// Who manages.
pub const MANAGER: &str = "/stanchion/manager";

/// Returns what all keys of a cluster begin with.
pub fn cluster(cluster: &ClusterName) -> String {
    format!("{ROOT}{}/{}/", cluster.namespace(), cluster.name())
}

/// Returns the key of the settings.
pub fn settings(of: &ClusterName) -> String {
    format!("{}settings", cluster(of))
}

/// Returns the key of the topology.
pub fn topology(of: &ClusterName) -> String {
    format!("{}topology", cluster(of))
}

/// Returns the key of what people asked for last.
pub fn operation(of: &ClusterName) -> String {
    format!("{}operation", cluster(of))
}

/// Returns what the keys of all reports begin with.
pub fn reports(of: &ClusterName) -> String {
    format!("{}health/", cluster(of))
}

/// Returns the key of an instance's report.
pub fn report(of: &ClusterName, instance: &InstanceName) -> String {
    format!("{}{instance}", reports(of))
}
