//! The Secrets of a cluster: certificates, and the way to the store. Passwords are in [`credentials`](crate::credentials).

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
use crate::options::{StoreTls, StoreUsers};
use crate::passwords::NoChance;
use crate::tls::{self, Certificates, Signed, TlsError};

/// How often Secrets are looked at: nobody tells when they change.
pub(crate) const INTERVAL: Duration = Duration::from_mins(1);

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

/// Reads a Secret of a cluster; one that is somebody else's is an error.
pub(crate) async fn live(
    calls: &Calls,
    cluster: &ValidCluster,
    key: &Key,
) -> Result<Option<DynamicObject>, SecretError> {
    let live = calls.get(&resource(), key).await?;
    if live.as_ref().is_some_and(|live| !belongs(live, cluster.name.name())) {
        return Err(KeepError::Taken { kind: "Secret".to_owned(), key: key.clone() }.into());
    }
    Ok(live)
}

/// The certificates of a cluster, as they are now.
pub(crate) struct Kept {
    /// The authority that all of them trust, PEM.
    pub(crate) authority: String,
    /// Whether something was made just now.
    pub(crate) is_new: bool,
}

/// Makes the certificates that are missing, or that end soon.
pub(crate) async fn certificates(
    calls: &Calls,
    cluster: &ValidCluster,
    now: i64,
) -> Result<Kept, SecretError> {
    let own = cluster.name.name();
    let key = Key::new(cluster.name.namespace(), names::tls(own));
    let live = live(calls, cluster, &key).await?;
    let wanted = certificate_names(cluster);
    let known = live.as_ref().and_then(read);
    let failed = |source| SecretError::Tls { key: key.clone(), source };
    let certificates = match known {
        Some(known) if tls::is_good(&known, &wanted, now) => {
            return Ok(Kept { authority: known.authority, is_new: false });
        }
        Some(known) => {
            tls::sign(&known.authority, &known.authority_key, own, &wanted, now).map_err(failed)?
        }
        None => tls::make(own, &wanted, now).map_err(failed)?,
    };
    calls.apply(&manifest(cluster, &certificates)).await?;
    Ok(Kept { authority: certificates.authority, is_new: true })
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

/// Returns the content of a Secret.
pub(crate) fn data(secret: &DynamicObject) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.get("data").cloned().unwrap_or(Value::Null);
    let data: Option<BTreeMap<String, ByteString>> = serde_json::from_value(data).ok().flatten();
    data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect()
}

/// Makes the Secret with which a cluster's agents reach the store, if it is missing, is another's, or ends soon. Returns whether it
/// did.
pub(crate) async fn store(
    calls: &Calls,
    cluster: &ValidCluster,
    tls: &StoreTls,
    now: i64,
) -> Result<bool, SecretError> {
    let own = cluster.name.name();
    let key = Key::new(cluster.name.namespace(), names::store(own));
    let live = live(calls, cluster, &key).await?.as_ref().map(data).unwrap_or_default();
    let text = |key: &str| live.get(key).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let known = text("tls.crt").zip(text("tls.key")).map(|(certificate, key)| Signed { certificate, key });
    let believes = live.get("ca.crt") == Some(&tls.ca);
    let shown = match &tls.agents {
        StoreUsers::Shared { certificate, key } => {
            let is_shown = live.get("tls.crt") == Some(certificate) && live.get("tls.key") == Some(key);
            if is_shown && believes {
                return Ok(false);
            }
            [certificate.clone(), key.clone()]
        }
        StoreUsers::Signed { authority, key: authority_key } => {
            let user = cluster.name.to_string();
            let good = known.filter(|known| tls::is_good_user(known, authority, &user, now));
            if good.is_some() && believes {
                return Ok(false);
            }
            let failed = |source| SecretError::Tls { key: key.clone(), source };
            let signed = match good {
                Some(good) => good,
                None => tls::sign_user(authority, authority_key, &user, now).map_err(failed)?,
            };
            [signed.certificate.into_bytes(), signed.key.into_bytes()]
        }
    };
    let [certificate, own_key] = shown.map(ByteString);
    let fields = json!({"type": "kubernetes.io/tls", "data": {
        "ca.crt": ByteString(tls.ca.clone()), "tls.crt": certificate, "tls.key": own_key,
    }});
    calls.apply(&Manifest::owned::<Secret>(cluster, &names::store(own), fields)).await?;
    Ok(true)
}
