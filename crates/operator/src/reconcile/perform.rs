//! Doing what a plan says.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::ApiResource;
use serde_json::json;
use stanchion_api::{DatabaseCluster, OPERATION, Operation, names};
use stanchion_informers::Key;

use super::{Look, Operator, ReconcileError};
use crate::build::{Manifest, claim};
use crate::dereference::is_owned;
use crate::plan::{Action, Why};

impl Operator {
    /// Does one thing.
    pub(super) async fn perform(&self, look: &Look<'_>, action: Action) -> Result<(), ReconcileError> {
        let meta = &look.object.metadata;
        let claims = ApiResource::erase::<PersistentVolumeClaim>(&());
        match action {
            Action::CreateClaim(ordinal) => {
                self.calls.create(&claim::claim(look.cluster, ordinal)).await?;
            }
            Action::GrowClaim(ordinal) => {
                let key = claim_key(look, ordinal);
                let size = &look.cluster.storage.size;
                let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
                self.calls.merge(&claims, &key, &patch).await?;
                self.events.normal(meta, "VolumeGrows", format!("{} is to have {}", key.name, size.0));
            }
            Action::CreatePod(ordinal) => {
                if let Some(manifest) = look.manifests.get(&ordinal) {
                    self.create_pod(look, manifest).await?;
                }
            }
            Action::DeletePod { name, uid, why } => {
                let key = Key::new(look.key.namespace.clone(), name);
                self.calls.delete(&ApiResource::erase::<Pod>(&()), &key, Some(&uid)).await?;
                let (reason, message) = match why {
                    Why::Ended => ("RecreatingPod", format!("{} has ended and is made anew", key.name)),
                    Why::Outdated => ("ReplacingPod", format!("{} gets the newest template", key.name)),
                    Why::Surplus => {
                        ("RemovingInstance", format!("{} is not part of the cluster any more", key.name))
                    }
                };
                self.events.normal(meta, reason, message);
            }
            Action::DeleteClaim { ordinal, uid } => {
                let key = claim_key(look, ordinal);
                self.calls.delete(&claims, &key, Some(&uid)).await?;
                self.events.normal(meta, "DeletingVolume", format!("{} is not used any more", key.name));
            }
            Action::Ask(operation) => self.ask(look, &operation).await?,
        }
        Ok(())
    }

    async fn create_pod(&self, look: &Look<'_>, manifest: &Manifest) -> Result<(), ReconcileError> {
        let Err(error) = self.calls.create(manifest).await else { return Ok(()) };
        if error.is_already_exists() {
            // Ours, which no copy has shown yet, or in the way.
            let live = self.calls.get(&manifest.resource, &manifest.key).await?;
            if live.is_some_and(|live| !is_owned(&live.metadata, &look.cluster.uid)) {
                return Err(ReconcileError::PodTaken(manifest.key.clone()));
            }
        }
        Err(error.into())
    }

    /// Asks the manager for another primary, unless the object is another by now: somebody may have asked for something.
    async fn ask(&self, look: &Look<'_>, operation: &Operation) -> Result<(), ReconcileError> {
        let patch = json!({"metadata": {
            "resourceVersion": look.object.resource_version(),
            "annotations": {OPERATION: operation.to_text()},
        }});
        self.calls.merge(&ApiResource::erase::<DatabaseCluster>(&()), look.key, &patch).await?;
        let to = operation.to.as_deref().unwrap_or("another instance");
        let message = format!("the primary is to hand over to {to}");
        self.events.normal(&look.object.metadata, "SwitchoverRequested", message);
        Ok(())
    }
}

fn claim_key(look: &Look<'_>, ordinal: u32) -> Key {
    Key::new(look.key.namespace.clone(), names::claim(&look.key.name, ordinal))
}
