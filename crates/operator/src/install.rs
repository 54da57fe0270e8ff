//! Makes the definition of `DatabaseCluster` known to an API server.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};

use crate::FIELD_MANAGER;
use crate::calls::{CallError, call};

/// How long the API server may take until it serves the kind.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const INTERVAL: Duration = Duration::from_millis(50);

/// A definition that could not be made known.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The API refused it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It was taken, and is not served.
    #[error("the kind DatabaseCluster is not served {PATIENCE:?} after its definition was applied")]
    NotServed,
}

/// Applies the definition and waits until the kind is served.
pub async fn install(client: &Client) -> Result<(), InstallError> {
    let definition = stanchion_api::crd();
    let name = definition.name_any();
    let key = stanchion_informers::Key::cluster(name.clone());
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let (params, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&definition));
    let applied = api.patch(&name, &params, &patch);
    let mut live = call("apply", "CustomResourceDefinition", &key, applied).await?;
    let served = async {
        while !is_served(&live) {
            tokio::time::sleep(INTERVAL).await;
            live = call("get", "CustomResourceDefinition", &key, api.get(&name)).await?;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, served).await.unwrap_or(Err(InstallError::NotServed))
}

fn is_served(definition: &CustomResourceDefinition) -> bool {
    let status = definition.status.as_ref();
    let mut conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Established" && condition.status == "True")
}
