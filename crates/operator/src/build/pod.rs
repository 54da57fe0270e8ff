//! The Pod of an instance.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use stanchion_api::{AntiAffinity, ValidCluster, names};

use super::agent::{self, FILE};
use super::{Manifest, hash};
use crate::credentials;
use crate::options::{Options, SecurityMode};

/// The data volume in the container.
pub(crate) const DATA: &str = "/var/lib/mysql";
/// Where the database puts temporary files: a volume of its own, so that they cannot fill the one of the data.
pub(crate) const TMP: &str = "/var/lib/mysql-tmp";
/// What an agent is told: configuration, passwords, certificates.
pub(crate) const FILES: &str = "/etc/stanchion";
/// Where the program of the agent is put.
const PROGRAM: &str = "/stanchion";
/// The annotation with the hash of the template that a Pod was made from.
pub const TEMPLATE: &str = "stanchion.dev/template";
/// The account that databases run as in their images.
const MYSQL: i64 = 999;

/// Returns the Pod of an instance, annotated with the hash of what it was made from.
pub fn pod(cluster: &ValidCluster, ordinal: u32, options: &Options) -> Manifest {
    let own = cluster.name.name();
    let name = format!("{own}-{ordinal}");
    let mut spec = json!({
        "hostname": name,
        "subdomain": names::instances_service(own),
        "serviceAccountName": own,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": cluster.termination_grace_period.as_secs(),
        "affinity": affinity(cluster),
        "initContainers": [install(options)],
        "containers": [database(cluster, options)],
        "volumes": volumes(cluster, ordinal, options),
    });
    let placement = &cluster.placement;
    if !placement.node_selector.is_empty() {
        spec["nodeSelector"] = json!(placement.node_selector);
    }
    if !placement.tolerations.is_empty() {
        spec["tolerations"] = json!(placement.tolerations);
    }
    if let Some(class) = &placement.priority_class_name {
        spec["priorityClassName"] = json!(class);
    }
    if options.security == SecurityMode::Image {
        spec["securityContext"] = json!({
            "runAsNonRoot": true, "runAsUser": MYSQL, "runAsGroup": MYSQL,
            "fsGroup": MYSQL, "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        });
    }
    // The agent reads its configuration once, so another one needs another Pod.
    let template = hash(&json!([spec, agent::config(cluster, options)]));
    let fields = json!({
        "metadata": {
            "labels": {names::ORDINAL: ordinal.to_string()},
            "annotations": {TEMPLATE: template},
        },
        "spec": spec,
    });
    Manifest::owned::<Pod>(cluster, &name, fields)
}

/// Returns the hash of what an instance's Pod is made from.
pub fn template(manifest: &Manifest) -> &str {
    manifest.body["metadata"]["annotations"][TEMPLATE].as_str().unwrap_or_default()
}

/// Puts the agent's program where the container of the database finds it.
fn install(options: &Options) -> Value {
    let mut container = json!({
        "name": "install",
        "image": options.agent_image,
        "command": ["stanchion", "agent", "install", PROGRAM],
        "volumeMounts": [{"name": "program", "mountPath": PROGRAM}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    });
    confine(&mut container, options);
    container
}

fn database(cluster: &ValidCluster, options: &Options) -> Value {
    let from_field =
        |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let mounts = json!([
        {"name": "data", "mountPath": DATA},
        {"name": "tmp", "mountPath": TMP},
        {"name": "program", "mountPath": PROGRAM, "readOnly": true},
        {"name": "stanchion", "mountPath": FILES, "readOnly": true},
    ]);
    let mut container = json!({
        "name": names::CONTAINER,
        "image": cluster.image,
        "command": [format!("{PROGRAM}/stanchion"), "agent", "run", "--config", format!("{FILES}/{FILE}")],
        "env": [
            from_field("POD_NAME", "metadata.name"),
            from_field("POD_NAMESPACE", "metadata.namespace"),
            from_field("POD_IP", "status.podIP"),
            // Not in the configuration: agents of older Pods refuse what they do not know.
            {"name": "CLUSTER_UID", "value": cluster.uid},
        ],
        "ports": [
            {"name": "mariadb", "containerPort": names::DATABASE_PORT, "protocol": "TCP"},
            {"name": "agent", "containerPort": names::AGENT_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": mounts,
        // A slow database must not be restarted: it would be slow and cold. Only an agent that does nothing is.
        "startupProbe": probe("/livez", 1, 5, 120),
        "livenessProbe": probe("/livez", 10, 10, 6),
        "readinessProbe": probe("/readyz", 2, 3, 2),
    });
    container["resources"] = json!(cluster.resources);
    confine(&mut container, options);
    container
}

fn probe(path: &str, period: u32, timeout: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "agent", "scheme": "HTTPS"},
        "periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": failures,
    })
}

fn confine(container: &mut Value, options: &Options) {
    if options.security == SecurityMode::Image {
        container["securityContext"] =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    }
}

fn volumes(cluster: &ValidCluster, ordinal: u32, options: &Options) -> Value {
    let own = cluster.name.name();
    let secret = |name: String, directory: &str, keys: &[&str]| {
        let item = |key: &&str| json!({"key": key, "path": format!("{directory}/{key}")});
        let items: Vec<Value> = keys.iter().map(item).collect();
        json!({"secret": {"name": name, "items": items}})
    };
    let passwords = [credentials::REPLICATION, credentials::APPLICATION];
    let certificates = ["ca.crt", "tls.crt", "tls.key"];
    let mut sources = vec![
        json!({"configMap": {"name": names::agent(own), "items": [{"key": FILE, "path": FILE}]}}),
        secret(names::system(own), "secrets", &passwords),
        // The key of the authority stays where it is.
        secret(names::tls(own), "tls", &certificates),
    ];
    if options.store_tls.is_some() {
        sources.push(secret(names::store(own), "store", &certificates));
    }
    json!([
        {"name": "data", "persistentVolumeClaim": {"claimName": names::claim(own, ordinal)}},
        // Who fills this is evicted; that is better than a node whose disk is full.
        {"name": "tmp", "emptyDir": {"sizeLimit": cluster.storage.size}},
        {"name": "program", "emptyDir": {}},
        {"name": "stanchion", "projected": {"defaultMode": 0o440, "sources": sources}},
    ])
}

fn affinity(cluster: &ValidCluster) -> Value {
    let term = json!({
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {names::CLUSTER: cluster.name.name()}},
    });
    match cluster.placement.anti_affinity {
        AntiAffinity::Required => {
            json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
        }
        AntiAffinity::Preferred => {
            let weighted = json!({"weight": 100, "podAffinityTerm": term});
            json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}})
        }
    }
}
