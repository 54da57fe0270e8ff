//! Adopting and releasing: keeping the controller of objects in step with the selectors of who could control them.

use std::sync::Arc;

use kube::Resource;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use stanchion_informers::Key;
use stanchion_machinery::selector::Labels;

use crate::calls::{CallError, Object};
use crate::cluster::Cluster;
use crate::owner::{self, Claim};

impl Cluster {
    /// Returns the objects that an owner controls after what it should adopt was adopted, and what it should let go
    /// was released.
    ///
    /// Nothing is adopted for an owner that is another one, or ends, in the API itself: what informers show of it may
    /// be old, and to adopt for somebody gone would have the object deleted.
    pub(crate) async fn claim<O: Object, K: Object>(
        &self,
        owner: &O,
        selector: &Labels,
        candidates: Vec<Arc<K>>,
    ) -> Result<Vec<Arc<K>>, CallError> {
        self.claim_with(None, owner, selector, candidates).await
    }

    /// As [`Cluster::claim`], with a finalizer that what is adopted gets and what is released loses.
    pub(crate) async fn claim_with<O: Object, K: Object>(
        &self,
        finalizer: Option<&str>,
        owner: &O,
        selector: &Labels,
        candidates: Vec<Arc<K>>,
    ) -> Result<Vec<Arc<K>>, CallError> {
        let mut mine = Vec::new();
        let mut may_adopt = None;
        for object in candidates {
            match owner::claim(owner.meta(), selector, object.meta()) {
                Claim::Mine => mine.push(object),
                Claim::Other => {}
                Claim::Release => self.release(finalizer, owner, &*object).await?,
                Claim::Adopt => {
                    if may_adopt.is_none() {
                        may_adopt = Some(self.is_alive(owner).await?);
                    }
                    if may_adopt == Some(true) {
                        mine.extend(self.adopt(finalizer, owner, &*object).await?);
                    }
                }
            }
        }
        Ok(mine)
    }

    /// Returns whether an owner is the same in the API, and does not end.
    pub(crate) async fn is_alive<O: Object>(&self, owner: &O) -> Result<bool, CallError> {
        let live = self.get::<O>(&Key::of(owner)).await?;
        Ok(live.is_some_and(|live| {
            live.meta().uid == owner.meta().uid && live.meta().deletion_timestamp.is_none()
        }))
    }

    async fn adopt<O: Object, K: Object>(
        &self,
        finalizer: Option<&str>,
        owner: &O,
        object: &K,
    ) -> Result<Option<Arc<K>>, CallError> {
        let mut patch = owners_patch(object, &json!(owner::reference(owner)));
        if let Some(finalizer) = finalizer {
            patch["metadata"]["finalizers"] = json!([finalizer]);
        }
        match self.patch_strategically(object, &patch).await {
            Ok(adopted) => Ok(Some(Arc::new(adopted))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn release<O: Object, K: Object>(
        &self,
        finalizer: Option<&str>,
        owner: &O,
        object: &K,
    ) -> Result<(), CallError> {
        let mut patch = owners_patch(object, &json!({"$patch": "delete", "uid": owner.meta().uid}));
        if let Some(finalizer) = finalizer {
            patch["metadata"]["$deleteFromPrimitiveList/finalizers"] = json!([finalizer]);
        }
        match self.patch_strategically(object, &patch).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Merges fields into an object, lists by their keys.
    pub(crate) async fn patch_strategically<K: Object>(
        &self,
        object: &K,
        patch: &Value,
    ) -> Result<K, CallError> {
        let key = Key::of(object);
        let (api, params, patch) = (self.api::<K>(&key), PatchParams::default(), Patch::Strategic(patch));
        crate::calls::call::<K, _>("patch", &key, api.patch(&key.name, &params, &patch)).await
    }
}

/// The uid makes sure that the patch does not meet another object of the same name.
fn owners_patch<K: Resource>(object: &K, entry: &Value) -> Value {
    json!({"metadata": {"uid": object.meta().uid, "ownerReferences": [entry]}})
}
