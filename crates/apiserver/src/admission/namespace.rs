//! The life of namespaces: nothing new in one that is missing or ends, and what every new one is given.

use serde_json::json;
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};

use super::{Attempt, Reserved, find, name_of};
use crate::api::Api;
use crate::storage::Write;
use crate::{clock, names};

/// Namespaces that the cluster itself lives in.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// Refuses new objects in a namespace that is missing or ends.
pub(super) async fn check(api: &Api, attempt: &Attempt<'_>, _new: &Value) -> Result<(), Status> {
    let name = attempt.key.namespace.as_str();
    if !attempt.creates() || name.is_empty() {
        return Ok(());
    }
    let namespaces = stanchion_machinery::status::Subject { group: "", resource: "namespaces" };
    let Some(namespace) = find(api, "namespaces", name).await? else {
        return Err(Status::not_found(namespaces, name));
    };
    let phase = namespace.pointer("/status/phase").and_then(Value::as_str).unwrap_or("");
    if phase == "Terminating" || meta::is_deleting(&namespace) {
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let cause = format!("namespace {name} is being terminated");
        return Err(attempt.forbidden(&why).with_cause("NamespaceTerminating", &cause, "metadata.namespace"));
    }
    Ok(())
}

/// Refuses to delete the namespaces that the cluster lives in.
pub(super) fn check_delete(attempt: &Attempt<'_>) -> Result<(), Status> {
    if attempt.is("", "namespaces") && IMMORTAL.contains(&attempt.key.name.as_str()) {
        return Err(attempt.forbidden("this namespace may not be deleted"));
    }
    Ok(())
}

/// Gives a new namespace its default service account and the authority's certificate.
///
/// Pods need both. They are written together with the namespace, so there is no moment without them.
pub(super) async fn furnish(api: &Api, new: Option<&Value>, reserved: &mut Reserved) -> Result<(), Status> {
    let namespace = name_of(new);
    for (prefix, object) in furniture(namespace, &api.options.authority) {
        let key = format!("{prefix}/{namespace}/{}", meta::name(&object));
        if api.storage.get(&key).await?.is_none() {
            reserved.writes.push(Write::put(key, 0, &object));
        }
    }
    Ok(())
}

/// Returns what every namespace has from its beginning on, with the place of each.
pub(crate) fn furniture(namespace: &str, authority: &str) -> [(&'static str, Value); 2] {
    let metadata = |name: &str| json!({"name": name, "namespace": namespace, "uid": names::uid(), "creationTimestamp": clock::now()});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("default")});
    let mut certificate = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("kube-root-ca.crt"), "data": {"ca.crt": authority},
    });
    certificate["metadata"]["annotations"] = json!({
        "kubernetes.io/description": "The certificate of the authority that clients in the cluster trust the API by.",
    });
    [("serviceaccounts", account), ("configmaps", certificate)]
}
