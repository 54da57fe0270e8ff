//! What every cluster has from its first start on: namespaces, roles, classes of priority, the API's own Service.

use serde_json::json;
use stanchion_kinds::policy::bootstrap;
use stanchion_kinds::table;
use stanchion_machinery::apply::{self, Operation};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};

use crate::admission::furniture;
use crate::options::Settings;
use crate::resource::Resource;
use crate::storage::{Outcome, Storage, Write};
use crate::{clock, names, ownership};

/// Objects written in one transaction.
const BATCH: usize = 64;

/// Annotation of roles and bindings that are kept at what the server ships.
const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// Writes what is missing, and brings roles that are the server's own to what it ships.
pub(crate) async fn run(storage: &Storage, settings: &Settings, port: u16) -> Result<(), Status> {
    let mut wanted: Vec<(String, Value)> = Vec::new();
    for namespace in bootstrap::namespaces() {
        let name = meta::name(&namespace).to_owned();
        for (prefix, object) in furniture(&name, &settings.authority) {
            wanted.push((format!("{prefix}/{name}/{}", meta::name(&object)), object));
        }
        wanted.push((format!("namespaces/{name}"), namespace));
    }
    let mut place = |prefix: &str, objects: Vec<Value>| {
        for object in objects {
            let namespace = meta::namespace(&object);
            let slash = if namespace.is_empty() { "" } else { "/" };
            wanted.push((format!("{prefix}/{namespace}{slash}{}", meta::name(&object)), object));
        }
    };
    place("clusterroles", bootstrap::cluster_roles());
    place("clusterrolebindings", bootstrap::cluster_role_bindings());
    place("roles", bootstrap::roles());
    place("rolebindings", bootstrap::role_bindings());
    place("priorityclasses", bootstrap::priority_classes());
    wanted.extend(own_service(settings, port));
    for batch in wanted.chunks(BATCH) {
        write(storage, batch).await?;
    }
    Ok(())
}

async fn write(storage: &Storage, batch: &[(String, Value)]) -> Result<(), Status> {
    let mut writes = Vec::new();
    for (place, object) in batch {
        let stored = storage.get(place).await?;
        let Some(stored) = stored else {
            let mut object = object.clone();
            if meta::uid(&object).is_empty() {
                meta::set(&mut object, "uid", names::uid());
            }
            meta::set(&mut object, "creationTimestamp", clock::now());
            own(None, &mut object);
            writes.push(Write::put(place.clone(), 0, &object));
            continue;
        };
        let old = stored.object()?;
        let mut there = old.clone();
        if refresh(&mut there, object) {
            own(Some(&old), &mut there);
            writes.push(Write::put(place.clone(), stored.revision, &there));
        }
    }
    if writes.is_empty() {
        return Ok(());
    }
    match storage.write(&writes).await? {
        // If they changed, another server started at the same moment and wrote them.
        Outcome::Done(_) | Outcome::Changed(_) => Ok(()),
    }
}

/// Records that the server owns what it writes.
fn own(old: Option<&Value>, object: &mut Value) {
    let api_version = object["apiVersion"].as_str().unwrap_or("").to_owned();
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let Some(row) = table::kind(group, version, object["kind"].as_str().unwrap_or("")) else { return };
    let time = clock::now();
    let manager = apply::Manager {
        name: "kube-apiserver",
        operation: Operation::Update,
        api_version: &api_version,
        subresource: "",
        time: &time,
    };
    let untouched = ownership::untouched(&Resource::BuiltIn(row));
    apply::update(row.schema(), old.or(untouched), object, &manager, &ownership::NOTHING);
}

/// Brings an object that is the server's own to what it ships; returns whether that changed it.
fn refresh(there: &mut Value, shipped: &Value) -> bool {
    let kind = shipped["kind"].as_str().unwrap_or("");
    let follows =
        meta::map(there, "annotations").and_then(|all| all.get(AUTOUPDATE)).is_some_and(|v| v == "true");
    let own = kind == "EndpointSlice" || kind == "Endpoints";
    if !(follows || own) {
        return false;
    }
    let mut changed = false;
    for key in ["rules", "subjects", "aggregationRule", "endpoints", "ports", "subsets"] {
        if let Some(value) = shipped.get(key)
            && there.get(key) != Some(value)
            && !(key == "rules" && shipped.get("aggregationRule").is_some())
        {
            there[key] = value.clone();
            changed = true;
        }
    }
    changed
}

/// Returns the Service `kubernetes`, its address and where it leads.
fn own_service(settings: &Settings, port: u16) -> Vec<(String, Value)> {
    let address = settings.service_range.first().to_string();
    let host = settings.advertise.to_string();
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": port}],
        },
        "status": {"loadBalancer": {}},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": if settings.advertise.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [host], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "protocol": "TCP", "port": port}],
    });
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{"addresses": [{"ip": host}], "ports": [{"name": "https", "protocol": "TCP", "port": port}]}],
    });
    let taken = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address,
            "labels": {
                "ipaddress.kubernetes.io/ip-family": "IPv4",
                "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
            },
        },
        "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}},
    });
    let range = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": [settings.service_range.to_string()]},
        "status": {"conditions": [{
            "type": "Ready", "status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready",
            "lastTransitionTime": clock::now(),
        }]},
    });
    vec![
        ("services/specs/default/kubernetes".to_owned(), service),
        ("endpointslices/default/kubernetes".to_owned(), slice),
        ("services/endpoints/default/kubernetes".to_owned(), endpoints),
        (format!("ipaddresses/{address}"), taken),
        ("servicecidrs/kubernetes".to_owned(), range),
    ]
}
