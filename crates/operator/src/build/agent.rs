//! What agents are told.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use stanchion_api::{ValidCluster, names};

use super::Manifest;
use super::pod::{DATA, FILES, TMP};
use crate::options::Options;

/// The file of the agents' configuration.
pub(crate) const FILE: &str = "agent.json";

/// Returns the `ConfigMap` of the agents.
pub fn config_map(cluster: &ValidCluster, options: &Options) -> Manifest {
    let text = config(cluster, options).to_string();
    let fields = json!({"data": {FILE: text}});
    Manifest::owned::<ConfigMap>(cluster, &names::agent(cluster.name.name()), fields)
}

/// Returns the configuration of the agents. They read it once, so another one is another template of Pods.
pub fn config(cluster: &ValidCluster, options: &Options) -> Value {
    let mut store = json!({"endpoints": options.store_endpoints});
    if options.store_tls.is_some() {
        store["caFile"] = json!(format!("{FILES}/store/ca.crt"));
        store["certFile"] = json!(format!("{FILES}/store/tls.crt"));
        store["keyFile"] = json!(format!("{FILES}/store/tls.key"));
    }
    json!({
        "cluster": cluster.name.name(),
        "store": store,
        "dataDirectory": DATA,
        "temporaryDirectory": TMP,
        "parameters": cluster.parameters,
        "databasePort": names::DATABASE_PORT,
        "agentPort": names::AGENT_PORT,
        "database": cluster.database.name,
        "user": cluster.database.user,
        "graceSeconds": cluster.termination_grace_period.as_secs(),
    })
}
