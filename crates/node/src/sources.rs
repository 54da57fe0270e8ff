//! Config maps and secrets that Pods refer to, as the API has them now.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, Container, Secret};
use kube::{Api, Client};
use stanchion_node_core::environment::Sources;

use crate::calls::{CallError, call};

/// Why config maps and secrets cannot be read; one that is not there is no error here.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {kind} {name:?}")]
pub(crate) struct FetchError {
    kind: &'static str,
    name: String,
    #[source]
    source: CallError,
}

/// Names of config maps and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    pub(crate) config_maps: BTreeSet<String>,
    pub(crate) secrets: BTreeSet<String>,
}

impl References {
    /// Returns those of a container's environment.
    pub(crate) fn of_environment(container: &Container) -> Self {
        let mut found = Self::default();
        for source in container.env_from.iter().flatten() {
            found.config_maps.extend(source.config_map_ref.iter().map(|map| map.name.clone()));
            found.secrets.extend(source.secret_ref.iter().map(|secret| secret.name.clone()));
        }
        for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            found.config_maps.extend(source.config_map_key_ref.iter().map(|key| key.name.clone()));
            found.secrets.extend(source.secret_key_ref.iter().map(|key| key.name.clone()));
        }
        found
    }

    /// Reads all that are there.
    pub(crate) async fn fetch(&self, client: &Client, namespace: &str) -> Result<Sources, FetchError> {
        let mut sources = Sources::new(namespace);
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        for name in &self.config_maps {
            let failed = |source| FetchError { kind: "configmap", name: name.clone(), source };
            if let Some(map) = call(api.get_opt(name)).await.map_err(failed)? {
                sources.add_config_map(&map);
            }
        }
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        for name in &self.secrets {
            let failed = |source| FetchError { kind: "secret", name: name.clone(), source };
            if let Some(secret) = call(api.get_opt(name)).await.map_err(failed)? {
                sources.add_secret(&secret);
            }
        }
        Ok(sources)
    }
}
