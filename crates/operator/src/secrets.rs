//! The Secrets of a cluster: passwords, certificates, and the way to the store.
//!
//! Passwords are made once. What is there stays, be it ours from an earlier life of the cluster or put there by a person
//! beforehand; only keys that are missing are added.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DynamicObject};
use parking_lot::Mutex;
use serde_json::{Value, json};
use stanchion_api::{ValidCluster, names};
use stanchion_informers::Key;
use tokio::time::Instant;

use crate::build::Manifest;
use crate::build::network::certificate_names;
use crate::calls::{CallError, Calls};
use crate::keep::{KeepError, belongs};
use crate::options::StoreTls;
use crate::passwords::{self, NoChance};
use crate::tls::{self, Certificates, TlsError};

/// How often Secrets are looked at: nobody tells when they change.
pub(crate) const INTERVAL: Duration = Duration::from_mins(1);

/// The passwords, by their keys.
const PASSWORDS: [&str; 3] = ["root-password", "replication-password", "app-password"];

/// Secrets that could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Chance(#[from] NoChance),
    /// The certificates.
    #[error("Secret {key}")]
    Tls {
        key: Key,
        #[source]
        source: TlsError,
    },
}

/// When the Secrets of clusters were looked at, by the clusters' uids.
#[derive(Default)]
pub(crate) struct Looked(Mutex<HashMap<String, Instant>>);

impl Looked {
    /// Returns whether it is time to look again.
    pub(crate) fn is_due(&self, uid: &str) -> bool {
        self.0.lock().get(uid).is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    /// Remembers that all were as they should be just now.
    pub(crate) fn remember(&self, uid: &str) {
        self.0.lock().insert(uid.to_owned(), Instant::now());
    }

    /// Forgets a cluster that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

/// The kind.
pub(crate) fn resource() -> ApiResource {
    ApiResource::erase::<Secret>(&())
}

/// Makes the passwords that are missing.
pub(crate) async fn credentials(calls: &Calls, cluster: &ValidCluster) -> Result<(), SecretError> {
    let name = names::credentials(cluster.name.name());
    let key = Key::new(cluster.name.namespace(), name.clone());
    let live = calls.get(&resource(), &key).await?;
    let there = live.as_ref().map(data).unwrap_or_default();
    let missing = missing(cluster, &there)?;
    if live.is_none() {
        let manifest =
            Manifest::labelled::<Secret>(cluster, &name, json!({"type": "Opaque", "data": missing}));
        return Ok(calls.create(&manifest).await?);
    }
    if missing.is_empty() {
        return Ok(());
    }
    Ok(calls.merge(&resource(), &key, &json!({"data": missing})).await?)
}

/// Returns what a Secret of passwords lacks.
fn missing(
    cluster: &ValidCluster,
    there: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, ByteString>, NoChance> {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for key in PASSWORDS {
        if !there.contains_key(key) {
            all.insert(key, passwords::draw()?);
        }
    }
    let password = match (all.get("app-password"), there.get("app-password")) {
        (Some(new), _) => new.clone(),
        (None, Some(known)) => String::from_utf8_lossy(known).into_owned(),
        (None, None) => String::new(),
    };
    let host = format!("{}.{}.svc", names::primary_service(cluster.name.name()), cluster.name.namespace());
    let for_applications = [
        ("host", host),
        ("port", names::DATABASE_PORT.to_string()),
        ("user", cluster.database.user.clone()),
        ("password", password),
        ("database", cluster.database.name.clone()),
    ];
    all.extend(for_applications.into_iter().filter(|(key, _)| !there.contains_key(*key)));
    Ok(all.into_iter().map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).collect())
}

/// Makes the certificates that are missing, or that end soon. Returns whether it did.
pub(crate) async fn certificates(
    calls: &Calls,
    cluster: &ValidCluster,
    now: i64,
) -> Result<bool, SecretError> {
    let own = cluster.name.name();
    let key = Key::new(cluster.name.namespace(), names::tls(own));
    let live = calls.get(&resource(), &key).await?;
    if live.as_ref().is_some_and(|live| !belongs(live, own)) {
        return Err(KeepError::Taken { kind: "Secret".to_owned(), key }.into());
    }
    let wanted = certificate_names(cluster);
    let known = live.as_ref().and_then(read);
    let failed = |source| SecretError::Tls { key: key.clone(), source };
    let certificates = match &known {
        Some(known) if tls::is_good(known, &wanted, now) => return Ok(false),
        Some(known) => {
            tls::sign(&known.authority, &known.authority_key, own, &wanted, now).map_err(failed)?
        }
        None => tls::make(own, &wanted, now).map_err(failed)?,
    };
    calls.apply(&manifest(cluster, &certificates)).await?;
    Ok(true)
}

fn manifest(cluster: &ValidCluster, certificates: &Certificates) -> Manifest {
    let Certificates { authority, authority_key, certificate, key } = certificates;
    let bytes = |text: &String| ByteString(text.clone().into_bytes());
    let fields = json!({"type": "kubernetes.io/tls", "data": {
        "ca.crt": bytes(authority), "ca.key": bytes(authority_key),
        "tls.crt": bytes(certificate), "tls.key": bytes(key),
    }});
    Manifest::owned::<Secret>(cluster, &names::tls(cluster.name.name()), fields)
}

/// Reads certificates; none if one of them is missing.
fn read(secret: &DynamicObject) -> Option<Certificates> {
    let data = data(secret);
    let text = |key: &str| String::from_utf8(data.get(key)?.clone()).ok();
    Some(Certificates {
        authority: text("ca.crt")?,
        authority_key: text("ca.key")?,
        certificate: text("tls.crt")?,
        key: text("tls.key")?,
    })
}

fn data(secret: &DynamicObject) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.get("data").cloned().unwrap_or(Value::Null);
    let data: Option<BTreeMap<String, ByteString>> = serde_json::from_value(data).ok().flatten();
    data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect()
}

/// Returns the Secret with which a cluster's agents reach the store.
pub(crate) fn store(cluster: &ValidCluster, tls: &StoreTls) -> Manifest {
    let bytes = |bytes: &Vec<u8>| ByteString(bytes.clone());
    let fields = json!({"type": "kubernetes.io/tls", "data": {
        "ca.crt": bytes(&tls.ca), "tls.crt": bytes(&tls.certificate), "tls.key": bytes(&tls.key),
    }});
    Manifest::owned::<Secret>(cluster, &names::store(cluster.name.name()), fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::tests::cluster;

    #[test]
    fn only_what_is_missing_is_made() {
        let cluster = cluster(&json!({}));
        let all = missing(&cluster, &BTreeMap::new()).expect("passwords");
        let keys: Vec<&str> = all.keys().map(String::as_str).collect();
        let expected = [
            "app-password",
            "database",
            "host",
            "password",
            "port",
            "replication-password",
            "root-password",
            "user",
        ];
        assert_eq!(keys, expected);
        assert_eq!(all["password"], all["app-password"]);
        assert_eq!(all["host"].0, b"orders-primary.shop.svc");
        let mut there: BTreeMap<String, Vec<u8>> =
            all.into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
        assert!(missing(&cluster, &there).expect("passwords").is_empty());
        let app = there["app-password"].clone();
        there.remove("password");
        there.remove("root-password");
        let rest = missing(&cluster, &there).expect("passwords");
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["password", "root-password"]);
        assert_eq!(rest["password"].0, app, "the application's password stays");
    }
}
