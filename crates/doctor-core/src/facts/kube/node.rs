//! A node.

use serde::Deserialize;

use super::meta::{Condition, Meta, condition, moment};
use super::template::Amounts;

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to be.
    pub spec: NodeSpec,
    /// What it is.
    pub status: NodeStatus,
}

/// What a node is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// Whether nothing new is placed on it.
    pub unschedulable: bool,
    /// What keeps Pods away.
    pub taints: Vec<Taint>,
    /// The addresses of its Pods.
    #[serde(rename = "podCIDRs")]
    pub pod_cidrs: Vec<String>,
    /// What its provider calls it.
    #[serde(rename = "providerID")]
    pub provider_id: String,
}

/// What keeps Pods away from a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, if any.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// What a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// What it has.
    pub capacity: Amounts,
    /// What Pods may have of it.
    pub allocatable: Amounts,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// What runs on it.
    pub node_info: NodeInfo,
    /// How it is reached.
    pub addresses: Vec<Address>,
    /// Where its kubelet listens.
    pub daemon_endpoints: Daemons,
    /// Volumes that are attached to it.
    pub volumes_attached: Vec<AttachedVolume>,
    /// Volumes that it uses, attached or not.
    pub volumes_in_use: Vec<String>,
}

/// What runs on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeInfo {
    /// The version of its kubelet.
    pub kubelet_version: String,
    /// Its boot, by which a restart is seen.
    #[serde(rename = "bootID")]
    pub boot_id: String,
    /// The container runtime and its version.
    pub container_runtime_version: String,
}

/// How a node is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Address {
    /// `InternalIP`, `Hostname` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The address.
    pub address: String,
}

/// Where the programs of a node listen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Daemons {
    /// The kubelet.
    pub kubelet_endpoint: Option<Daemon>,
}

/// Where a program listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Daemon {
    /// Its port.
    #[serde(rename = "Port")]
    pub port: u16,
}

/// A volume that is attached to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AttachedVolume {
    /// Its name.
    pub name: String,
}

/// When a node was last heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Its metadata; the name is the node's.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// The lease.
    pub spec: LeaseSpec,
}

/// A lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseSpec {
    /// When it was last renewed.
    #[serde(deserialize_with = "moment")]
    pub renew_time: Option<i64>,
    /// For how long.
    pub lease_duration_seconds: Option<i64>,
}

impl Node {
    /// Returns the condition of this kind.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition(&self.status.conditions, kind)
    }

    /// Returns whether its kubelet says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// Returns where its kubelet listens, if it does: a port of the address inside the cluster.
    pub fn kubelet(&self) -> Option<(&str, u16)> {
        let port = self.status.daemon_endpoints.kubelet_endpoint.as_ref()?.port;
        let internal = self.status.addresses.iter().find(|address| address.kind == "InternalIP")?;
        (port > 0).then_some((&internal.address, port))
    }

    /// Returns whether it has a taint of this key.
    pub fn is_tainted(&self, key: &str) -> bool {
        self.spec.taints.iter().any(|taint| taint.key == key)
    }

    /// Returns the zone it is in, if it says so.
    pub fn zone(&self) -> Option<&str> {
        self.meta.labels.get("topology.kubernetes.io/zone").map(String::as_str)
    }

    /// Returns the name that the topology calls it by.
    pub fn label<'a>(&'a self, key: &str) -> Option<&'a str> {
        self.meta.labels.get(key).map(String::as_str)
    }
}
