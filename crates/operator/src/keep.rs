//! Keeping objects what they are to be, with as few requests as that takes.
//!
//! What was applied is remembered with the version that came of it. An object that is followed is applied again when it
//! has another version, whoever changed it; others are applied again once in a while.

use std::collections::HashMap;
use std::time::Duration;

use kube::api::DynamicObject;
use parking_lot::Mutex;
use stanchion_api::names;
use stanchion_informers::Key;
use tokio::time::Instant;

use crate::build::Manifest;
use crate::calls::{CallError, Calls};
use crate::dereference::Followed;

/// How long an object that is not followed is believed to be as it was applied.
const BELIEVED: Duration = Duration::from_mins(1);

/// An object that could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is an object of that name that is somebody else's.
    #[error("{kind} {key} is there already and is not this cluster's; rename or delete it")]
    Taken { kind: String, key: Key },
}

/// What was applied, by cluster.
#[derive(Default)]
pub(crate) struct Kept {
    clusters: Mutex<HashMap<Key, ByObject>>,
}

/// By kind and name.
type ByObject = HashMap<(String, String), Applied>;

struct Applied {
    hash: String,
    version: Option<String>,
    at: Instant,
}

impl Kept {
    /// Forgets a cluster that is gone.
    pub(crate) fn forget(&self, cluster: &Key) {
        self.clusters.lock().remove(cluster);
    }

    /// Makes an object of a cluster what it is to be.
    pub(crate) async fn keep(
        &self,
        calls: &Calls,
        followed: &Followed,
        cluster: &Key,
        manifest: &Manifest,
    ) -> Result<(), KeepError> {
        let id = (manifest.resource.kind.clone(), manifest.key.name.clone());
        let (hash, live) = (manifest.hash(), followed.version(manifest));
        let known = {
            let clusters = self.clusters.lock();
            let applied = clusters.get(cluster).and_then(|applied| applied.get(&id));
            if applied.is_some_and(|applied| applied.is_as(&hash, live.as_deref(), manifest)) {
                return Ok(());
            }
            applied.is_some()
        };
        if !known {
            is_ours(calls, &cluster.name, manifest).await?;
        }
        let version = calls.apply(manifest).await?;
        let applied = Applied { hash, version, at: Instant::now() };
        self.clusters.lock().entry(cluster.clone()).or_default().insert(id, applied);
        Ok(())
    }
}

impl Applied {
    fn is_as(&self, hash: &str, live: Option<&str>, manifest: &Manifest) -> bool {
        let is_followed =
            matches!(manifest.resource.kind.as_str(), "Service" | "PodDisruptionBudget" | "ServiceAccount");
        let is_untouched = if is_followed {
            live.is_some() && live == self.version.as_deref()
        } else {
            self.at.elapsed() < BELIEVED
        };
        self.hash == hash && is_untouched
    }
}

/// Checks that an object, if there is one, is the cluster's. Applying would take it from whomever it belongs to.
async fn is_ours(calls: &Calls, cluster: &str, manifest: &Manifest) -> Result<(), KeepError> {
    let Some(live) = calls.get(&manifest.resource, &manifest.key).await? else { return Ok(()) };
    if belongs(&live, cluster) {
        return Ok(());
    }
    Err(KeepError::Taken { kind: manifest.resource.kind.clone(), key: manifest.key.clone() })
}

/// Returns whether an object says that it is a cluster's.
pub(crate) fn belongs(object: &DynamicObject, cluster: &str) -> bool {
    let labels = object.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(names::CLUSTER)).is_some_and(|named| named == cluster)
}
