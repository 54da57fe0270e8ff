//! Which kinds the API serves now, those of definitions included.

use std::sync::Arc;
use std::time::Duration;

use kube::core::PartialObjectMeta;
use kube::core::discovery::{ApiResource, Scope};
use kube::discovery::Discovery;
use kube::{Api, Client};

/// How long the API may take to say what it serves.
const DEADLINE: Duration = Duration::from_secs(30);

/// The API does not say what it serves.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    /// The API said no, or could not be reached.
    #[error("cannot discover what the API serves")]
    Refused(#[source] Box<kube::Error>),
    /// No answer came.
    #[error("cannot discover what the API serves: no answer within {DEADLINE:?}")]
    Late,
}

/// A kind that is served.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// How to ask for it, in its most stable version.
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    verbs: Vec<String>,
}

impl Kind {
    /// Makes the description of a kind.
    pub(crate) fn new(resource: ApiResource, namespaced: bool, verbs: Vec<String>) -> Self {
        Self { resource, namespaced, verbs }
    }

    /// Returns whether a verb can be used on the kind.
    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|it| it == verb)
    }

    /// Returns the resource and its group, as `deployments.apps`; the group of the core is empty.
    pub(crate) fn title(&self) -> String {
        format!("{}.{}", self.resource.plural, self.resource.group)
    }

    /// Returns what the metadata of objects of the kind are reached through, in a namespace if they live in one.
    pub(crate) fn api(&self, client: &Client, namespace: &str) -> Api<PartialObjectMeta> {
        if self.namespaced && !namespace.is_empty() {
            Api::namespaced_with(client.clone(), namespace, &self.resource)
        } else {
            Api::all_with(client.clone(), &self.resource)
        }
    }
}

/// Asks for all kinds, each in its most stable version.
pub(crate) async fn kinds(client: &Client) -> Result<Vec<Arc<Kind>>, DiscoveryError> {
    let discovery = tokio::time::timeout(DEADLINE, Discovery::new(client.clone()).run_aggregated()).await;
    let discovery = discovery
        .map_err(|_| DiscoveryError::Late)?
        .map_err(|error| DiscoveryError::Refused(Box::new(error)))?;
    let groups = discovery.groups_alphabetical().into_iter();
    let mut kinds: Vec<Arc<Kind>> = groups
        .flat_map(kube::discovery::ApiGroup::resources_by_stability)
        .map(|(resource, able)| {
            Arc::new(Kind::new(resource, able.scope == Scope::Namespaced, able.operations))
        })
        .collect();
    kinds.sort_by_key(|kind| (kind.resource.group.clone(), kind.resource.plural.clone()));
    Ok(kinds)
}
