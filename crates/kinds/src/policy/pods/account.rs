//! The service account of a pod, and the volume through which its containers prove to be it.

use serde_json::{Value, json};
use stanchion_machinery::meta;

use super::{list_mut, spec_mut, text};

pub(super) const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// An hour and the seconds by which the server knows a token that it made itself.
const TOKEN_SECONDS: u32 = 3607;

/// Gives a new pod its service account, the token of it and the secrets for its images, or says why not.
///
/// `account` is the one the pod names, or else `default`; none if it does not exist. `suffix` ends the name of the
/// volume. Mirror pods have no account.
pub fn service_account(pod: &mut Value, account: Option<&Value>, suffix: &str) -> Result<(), String> {
    if meta::map(pod, "annotations").is_some_and(|all| all.contains_key(MIRROR)) {
        return mirror(pod);
    }
    let namespace = meta::namespace(pod).to_owned();
    let spec = spec_mut(pod);
    let named = spec.get("serviceAccountName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = named.unwrap_or("default").to_owned();
    let Some(account) = account else {
        return Err(format!(
            "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
        ));
    };
    spec.insert("serviceAccountName".to_owned(), json!(name));
    spec.insert("serviceAccount".to_owned(), json!(name));
    let says = |value: Option<&Value>| value.and_then(Value::as_bool);
    let key = "automountServiceAccountToken";
    if says(spec.get(key)).or_else(|| says(account.get(key))).unwrap_or(true) {
        mount_token(pod, suffix);
    }
    let pull_secrets = account.get("imagePullSecrets").and_then(Value::as_array);
    if let Some(secrets) = pull_secrets.filter(|secrets| !secrets.is_empty()) {
        let own = list_mut(spec_mut(pod), "imagePullSecrets");
        if own.is_empty() {
            own.extend(secrets.iter().map(|secret| json!({"name": text(secret, "name")})));
        }
    }
    Ok(())
}

fn mirror(pod: &Value) -> Result<(), String> {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    if !text(spec, "serviceAccountName").is_empty() {
        return Err("a mirror pod may not reference service accounts".to_owned());
    }
    if names_secret(spec) {
        return Err("a mirror pod may not reference secrets".to_owned());
    }
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let projects_token = |volume: &Value| {
        let sources = volume.pointer("/projected/sources").and_then(Value::as_array).into_iter().flatten();
        sources.into_iter().any(|source| source.get("serviceAccountToken").is_some())
    };
    if volumes.into_iter().any(projects_token) {
        return Err("a mirror pod may not use ServiceAccountToken volume projections".to_owned());
    }
    Ok(())
}

/// Returns whether anything in a spec names a secret, however deep.
fn names_secret(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let named = match key.as_str() {
                "secretName" => value.is_string(),
                "imagePullSecrets" => value.as_array().is_some_and(|list| !list.is_empty()),
                "secret" | "secretRef" | "secretKeyRef" => value.is_object(),
                key => key.ends_with("SecretRef") && value.is_object(),
            };
            named || names_secret(value)
        }),
        Value::Array(list) => list.iter().any(names_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Mounts the token into all containers that have nothing else in its place.
fn mount_token(pod: &mut Value, suffix: &str) {
    let spec = spec_mut(pod);
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let existing = volumes.map(|volume| text(volume, "name")).find(|name| name.starts_with(VOLUME_PREFIX));
    let is_new = existing.is_none();
    let name = existing.map_or_else(|| format!("{VOLUME_PREFIX}{suffix}"), str::to_owned);
    let mut is_mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            let mounts = list_mut(container, "volumeMounts");
            if !mounts.iter().any(|mount| text(mount, "mountPath") == MOUNT_PATH) {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH}));
                is_mounted = true;
            }
        }
    }
    if is_new && is_mounted {
        list_mut(spec, "volumes").push(volume(&name));
    }
}

fn volume(name: &str) -> Value {
    let namespace =
        json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
    json!({
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
        },
    })
}
