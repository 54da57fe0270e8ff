//! Writes that hold only if the object is as it was read, of kinds in namespaces and outside of them.

use std::fmt::Debug;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stanchion_informers::Key;

use crate::calls::{CallError, call};

/// What a kind must be to be written.
pub(crate) trait Written:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize> Written for K {}

/// Makes an object.
pub(crate) async fn create<K: Written>(api: &Api<K>, object: &K) -> Result<K, CallError> {
    call::<K, _>("create", &Key::of(object), api.create(&PostParams::default(), object)).await
}

/// Replaces an object, unless it has changed since it was read.
pub(crate) async fn replace<K: Written>(api: &Api<K>, object: &K) -> Result<K, CallError> {
    let key = Key::of(object);
    call::<K, _>("update", &key, api.replace(&key.name, &PostParams::default(), object)).await
}

/// Replaces the status of an object, unless it has changed since it was read.
pub(crate) async fn replace_status<K: Written>(api: &Api<K>, object: &K) -> Result<K, CallError> {
    let (key, params) = (Key::of(object), PostParams::default());
    call::<K, _>("update the status of", &key, api.replace_status(&key.name, &params, object)).await
}

/// Merges fields into the status of an object.
pub(crate) async fn patch_status<K: Written>(
    api: &Api<K>,
    object: &K,
    patch: &Value,
) -> Result<(), CallError> {
    let (key, params, patch) = (Key::of(object), PatchParams::default(), Patch::Merge(patch));
    call::<K, _>("update the status of", &key, api.patch_status(&key.name, &params, &patch)).await.map(drop)
}

/// Deletes an object if it is the one that was read, `grace` seconds from now; one that is gone is success.
pub(crate) async fn delete<K: Written>(
    api: &Api<K>,
    object: &K,
    grace: Option<u32>,
) -> Result<(), CallError> {
    let key = Key::of(object);
    let preconditions = Preconditions { uid: object.meta().uid.clone(), resource_version: None };
    let params = DeleteParams {
        grace_period_seconds: grace,
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    match call::<K, _>("delete", &key, api.delete(&key.name, &params)).await {
        Ok(_) => Ok(()),
        // The only precondition is the uid: another of its name is none of ours.
        Err(error) if error.is_not_found() || error.status().is_some_and(|status| status.code == 409) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
