//! Calls of the API, each with a deadline and an error that says what was done to which object.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::{PartialObjectMeta, Request, Status};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stanchion_informers::{Failure, Key};

use crate::cluster::Cluster;

/// How long a call may take. Ours read or write single objects, so an answer that takes longer will not come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A call of the API that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The API said no, or could not be reached.
    #[error("cannot {verb} {kind} {key}")]
    Refused {
        verb: &'static str,
        kind: String,
        key: Key,
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer came; whether the call had an effect is not known.
    #[error("cannot {verb} {kind} {key}: no answer within {DEADLINE:?}")]
    Late { verb: &'static str, kind: String, key: Key },
}

impl CallError {
    /// Returns what the API answered, if it did.
    pub(crate) fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Late { .. } => None,
        }
    }

    /// Returns the words of the API, or what stands for them; for conditions and Events.
    pub(crate) fn message(&self) -> String {
        match self.status() {
            Some(status) => status.message.clone(),
            None => self.to_string(),
        }
    }

    /// Returns whether the object, or the namespace it was to be made in, is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404)
    }

    /// Returns whether there is an object of this name already.
    pub(crate) fn is_already_exists(&self) -> bool {
        self.status().is_some_and(|status| status.reason == "AlreadyExists")
    }

    /// Returns whether the object has changed since it was read.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status().is_some_and(|status| status.reason == "Conflict")
    }

    /// Returns whether the namespace is being deleted, so that nothing can be made in it any more.
    pub(crate) fn is_namespace_terminating(&self) -> bool {
        let causes = self.status().and_then(|status| status.details.as_ref()).map(|details| &details.causes);
        causes.is_some_and(|causes| causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
    }
}

/// A conflict, and an object that is there already, mean that informers show less than the API has.
impl Failure for CallError {
    fn is_stale(&self) -> bool {
        self.is_conflict() || self.is_already_exists()
    }
}

/// An object that lives in a namespace and has a type.
pub(crate) trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

/// Makes a call: waits for its answer, but not for ever.
pub(crate) async fn call<K: Resource<DynamicType = ()>, T>(
    verb: &'static str,
    key: &Key,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, CallError> {
    call_of(verb, &K::kind(&()), key, answer).await
}

/// Makes a call about an object of a kind that has no type here.
pub(crate) async fn call_of<T>(
    verb: &'static str,
    kind: &str,
    key: &Key,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, CallError> {
    let (kind, key) = (kind.to_owned(), key.clone());
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(CallError::Refused { verb, kind, key, source: Box::new(source) }),
        Err(_) => Err(CallError::Late { verb, kind, key }),
    }
}

impl Cluster {
    pub(crate) fn api<K: Object>(&self, key: &Key) -> Api<K> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Reads an object from the API, as it is now. None if it is not there.
    pub(crate) async fn get<K: Object>(&self, key: &Key) -> Result<Option<K>, CallError> {
        call::<K, _>("get", key, self.api::<K>(key).get_opt(&key.name)).await
    }

    /// Makes an object in its namespace.
    pub(crate) async fn create<K: Object>(&self, object: &K) -> Result<K, CallError> {
        let meta = object.meta();
        let name = meta.name.as_ref().or(meta.generate_name.as_ref()).cloned().unwrap_or_default();
        let key = Key::new(meta.namespace.clone().unwrap_or_default(), name);
        call::<K, _>("create", &key, self.api::<K>(&key).create(&PostParams::default(), object)).await
    }

    /// Makes a Pod in its namespace; returns who it is. What else the API has added is read by informers.
    pub(crate) async fn create_pod(&self, pod: &Pod) -> Result<ObjectMeta, CallError> {
        let meta = pod.meta();
        let name = meta.name.as_ref().or(meta.generate_name.as_ref()).cloned().unwrap_or_default();
        let key = Key::new(meta.namespace.clone().unwrap_or_default(), name);
        let answer = async {
            let body = serde_json::to_vec(pod).map_err(kube::Error::SerdeError)?;
            let request = Request::new(self.api::<Pod>(&key).resource_url());
            let request = request.create(&PostParams::default(), body).map_err(kube::Error::BuildRequest)?;
            self.client.request::<PartialObjectMeta<Pod>>(request).await
        };
        call::<Pod, _>("create", &key, answer).await.map(|made| made.metadata)
    }

    /// Deletes an object if it is still the one with this uid, and after it what belongs to it. Returns whether it
    /// was there.
    pub(crate) async fn delete<K: Object>(&self, object: &K) -> Result<bool, CallError> {
        let key = Key::of(object);
        let preconditions = Preconditions { uid: object.meta().uid.clone(), resource_version: None };
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        match call::<K, _>("delete", &key, self.api::<K>(&key).delete(&key.name, &params)).await {
            Ok(_) => Ok(true),
            // The only precondition is the uid.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Merges fields into an object (RFC 7386). With `metadata.resourceVersion` or `metadata.uid` in the patch it is
    /// refused when the object is another by now.
    pub(crate) async fn patch<K: Object>(&self, key: &Key, patch: &Value) -> Result<K, CallError> {
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        call::<K, _>("patch", key, self.api::<K>(key).patch(&key.name, &params, &patch)).await
    }

    /// Replaces the status of an object, unless the object has changed since it was read.
    pub(crate) async fn replace_status<K: Object>(&self, object: &K) -> Result<K, CallError> {
        let key = Key::of(object);
        let (api, params) = (self.api::<K>(&key), PostParams::default());
        let answer = api.replace_status(&key.name, &params, object);
        call::<K, _>("update the status of", &key, answer).await
    }
}

#[cfg(test)]
mod tests;
