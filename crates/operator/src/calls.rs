//! Calls of the API, each with a deadline and an error that says what was done to which object.

use std::future::Future;
use std::time::Duration;

use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::Status;
use kube::{Api, Client};
use serde_json::Value;
use stanchion_informers::{Failure, Key};

use crate::FIELD_MANAGER;
use crate::build::Manifest;

/// How long a call may take. Ours read or write single objects, so an answer that takes longer will not come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A call of the API that failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API said no, or could not be reached.
    #[error("cannot {verb} {kind} {key}")]
    Refused {
        /// What was to be done.
        verb: &'static str,
        /// The object's kind.
        kind: String,
        /// The object.
        key: Key,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer came; whether the call had an effect is not known.
    #[error("cannot {verb} {kind} {key}: no answer within {DEADLINE:?}")]
    Late {
        /// What was to be done.
        verb: &'static str,
        /// The object's kind.
        kind: String,
        /// The object.
        key: Key,
    },
}

impl CallError {
    fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Late { .. } => None,
        }
    }

    /// Returns what was tried and what the API answered, for conditions and Events.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused { source, .. } => format!("{self}: {source}"),
            Self::Late { .. } => self.to_string(),
        }
    }

    /// Returns whether the object is not there.
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
}

/// A conflict, and an object that is there already, mean that informers show less than the API has.
impl Failure for CallError {
    fn is_stale(&self) -> bool {
        self.is_conflict() || self.is_already_exists()
    }
}

/// The API, for objects of any kind.
#[derive(Clone)]
pub(crate) struct Calls {
    client: Client,
}

impl Calls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    fn api(&self, resource: &ApiResource, key: &Key) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &key.namespace, resource)
    }

    /// Reads an object; none if it is not there.
    pub(crate) async fn get(
        &self,
        resource: &ApiResource,
        key: &Key,
    ) -> Result<Option<DynamicObject>, CallError> {
        call("get", &resource.kind, key, self.api(resource, key).get_opt(&key.name)).await
    }

    /// Returns the objects of a kind in a namespace that have a label.
    pub(crate) async fn list(
        &self,
        resource: &ApiResource,
        namespace: &str,
        label: (&str, &str),
    ) -> Result<Vec<DynamicObject>, CallError> {
        let key = Key::new(namespace, "");
        let params = ListParams::default().labels(&format!("{}={}", label.0, label.1));
        let answer = call("list", &resource.kind, &key, self.api(resource, &key).list(&params)).await?;
        Ok(answer.items)
    }

    /// Makes an object.
    pub(crate) async fn create(&self, manifest: &Manifest) -> Result<(), CallError> {
        let Manifest { resource, key, body } = manifest;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let answer = async {
            let object = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError)?;
            self.api(resource, key).create(&params, &object).await
        };
        call("create", &resource.kind, key, answer).await.map(drop)
    }

    /// Makes the fields of an object what they are to be, and the object if need be. Returns its version.
    pub(crate) async fn apply(&self, manifest: &Manifest) -> Result<Option<String>, CallError> {
        let Manifest { resource, key, body } = manifest;
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let (api, patch) = (self.api(resource, key), Patch::Apply(body));
        let applied = call("apply", &resource.kind, key, api.patch(&key.name, &params, &patch)).await?;
        Ok(applied.metadata.resource_version)
    }

    /// Makes the fields of an object's status what they are to be.
    pub(crate) async fn apply_status(
        &self,
        resource: &ApiResource,
        key: &Key,
        body: &Value,
    ) -> Result<(), CallError> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let (api, patch) = (self.api(resource, key), Patch::Apply(body));
        let answer = api.patch_status(&key.name, &params, &patch);
        call("update the status of", &resource.kind, key, answer).await.map(drop)
    }

    /// Merges fields into an object (RFC 7386). With `metadata.resourceVersion` in the patch it is refused when the
    /// object is another by now.
    pub(crate) async fn merge(
        &self,
        resource: &ApiResource,
        key: &Key,
        patch: &Value,
    ) -> Result<(), CallError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (api, patch) = (self.api(resource, key), Patch::Merge(patch));
        call("patch", &resource.kind, key, api.patch(&key.name, &params, &patch)).await.map(drop)
    }

    /// Deletes an object if it is there, and if it is still the one with this uid.
    pub(crate) async fn delete(
        &self,
        resource: &ApiResource,
        key: &Key,
        uid: Option<&str>,
    ) -> Result<(), CallError> {
        let preconditions =
            uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        match call("delete", &resource.kind, key, self.api(resource, key).delete(&key.name, &params)).await {
            Ok(_) => Ok(()),
            // The only precondition is the uid.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Makes a call: waits for its answer, but not for ever.
pub(crate) async fn call<T>(
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
