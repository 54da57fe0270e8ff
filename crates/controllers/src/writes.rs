//! Writes that hold only if the object is as it was read, of kinds in namespaces and outside of them.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stanchion_informers::{Key, Next};

use crate::calls::{CallError, call};

/// What a kind must be to be written.
pub(crate) trait Written:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize> Written for K {}

/// When to look again at what has changed since it was read: the copy will have arrived by then.
const BEHIND: Duration = Duration::from_millis(20);

/// Takes a write that came too late for no failure: the object has changed meanwhile, so it is looked at again.
///
/// Looks that write what they read from the API itself, or what others write as well, cannot count on an informer to bring
/// the next one, so they come back sooner than `later_if_stale` would have them.
pub(crate) async fn again(look: impl Future<Output = Result<Next, CallError>>) -> Result<Next, CallError> {
    match look.await {
        Err(error) if error.is_conflict() || error.is_already_exists() => Ok(Next::After(BEHIND)),
        looked => looked,
    }
}

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
