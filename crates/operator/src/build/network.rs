//! How a cluster is reached.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};
use stanchion_api::{ValidCluster, names};

use super::Manifest;

/// Returns the Services: of the primary, of the replicas, and of every instance by its name.
pub fn services(cluster: &ValidCluster) -> [Manifest; 3] {
    let own = cluster.name.name();
    // Without a selector nobody but the manager says who the primary is.
    let primary = json!({"spec": {"ports": [database()]}});
    let selector = json!({names::CLUSTER: own, names::ROLE: names::REPLICA});
    let replicas = json!({"spec": {"ports": [database()], "selector": selector}});
    let agent = json!({"name": "agent", "port": names::AGENT_PORT, "protocol": "TCP", "targetPort": "agent"});
    let instances = json!({"spec": {
        "clusterIP": "None",
        "ports": [database(), agent],
        "selector": {names::CLUSTER: own},
        // Instances find each other before they are ready.
        "publishNotReadyAddresses": true,
    }});
    [
        Manifest::owned::<Service>(cluster, &names::primary_service(own), primary),
        Manifest::owned::<Service>(cluster, &names::replicas_service(own), replicas),
        Manifest::owned::<Service>(cluster, &names::instances_service(own), instances),
    ]
}

fn database() -> Value {
    json!({"name": "mariadb", "port": names::DATABASE_PORT, "protocol": "TCP", "targetPort": names::DATABASE_PORT})
}

/// Returns the names by which instances are reached, for their certificate.
pub fn certificate_names(cluster: &ValidCluster) -> Vec<String> {
    let (own, namespace) = (cluster.name.name(), cluster.name.namespace());
    let mut all = vec![own.to_owned()];
    let instances = names::instances_service(own);
    all.extend(["svc", "svc.cluster.local"].map(|domain| format!("*.{instances}.{namespace}.{domain}")));
    for service in [names::primary_service(own), names::replicas_service(own)] {
        all.extend([
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ]);
    }
    all
}
