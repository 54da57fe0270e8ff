//! Services, and where they lead.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Meta, nullable};
use super::template::Port;

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to be.
    pub spec: ServiceSpec,
}

/// What a Service is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its address; `None` for one that is only names.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// The labels of the Pods it leads to; without any, somebody else says where it leads.
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Whether it leads to Pods that are not ready, too.
    pub publish_not_ready_addresses: bool,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Its name, if any.
    pub name: String,
    /// Its number.
    pub port: u16,
    /// Where it leads in the Pod; the same number if nothing is said.
    pub target_port: Option<Port>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// Some of the endpoints of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Slice {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// The endpoints.
    #[serde(deserialize_with = "nullable")]
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// How it is.
    pub conditions: EndpointConditions,
    /// The node it is on.
    pub node_name: Option<String>,
}

/// How an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Whether it is to be used; what says nothing is.
    pub ready: Option<bool>,
}

impl Slice {
    /// Returns the Service that it is of.
    pub fn service(&self) -> Option<&str> {
        self.meta.labels.get("kubernetes.io/service-name").map(String::as_str)
    }

    /// Returns how many endpoints are to be used.
    pub fn ready(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.conditions.ready != Some(false)).count()
    }
}
