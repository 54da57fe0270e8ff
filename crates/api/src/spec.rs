//! What people write of a cluster.

mod database;
mod engine;
mod failover;
mod placement;
mod storage;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use database::DatabaseSpec;
pub use engine::{EngineKind, EngineSpec};
pub use failover::{DataLoss, FailoverSpec};
pub use placement::{AntiAffinity, PlacementSpec};
pub use storage::StorageSpec;

use crate::status::DatabaseClusterStatus;

/// A database that stays up: instances that copy one of them, which writes, and another that takes over when it cannot.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stanchion.dev",
    version = "v1alpha1",
    kind = "DatabaseCluster",
    plural = "databaseclusters",
    singular = "databasecluster",
    shortname = "dbc",
    category = "all",
    namespaced,
    status = "DatabaseClusterStatus",
    derive = "PartialEq",
    doc = "A database that stays up: instances that copy one of them, which writes, and another that takes over when it cannot."
)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseClusterSpec {
    /// The database program.
    #[serde(default)]
    pub engine: EngineSpec,
    /// How many instances there are: one that writes, the others copy it. Three survive the loss of one with no write on
    /// one disk alone.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// The volume of each instance.
    pub storage: StorageSpec,
    /// Processor time and memory of each instance's database container. If nothing is said it asks for a little of both:
    /// who asks for nothing is the first to be ended when a node runs short, and the last to be given processor time.
    #[serde(default = "requests")]
    pub resources: ResourceRequirements,
    /// When another instance takes over, and how.
    #[serde(default)]
    pub failover: FailoverSpec,
    /// On which nodes instances run.
    #[serde(default)]
    pub placement: PlacementSpec,
    /// Whether everything is left as it is: nothing is changed, and failovers are left to people.
    #[serde(default)]
    pub paused: bool,
    /// What happens to the volumes when the cluster is deleted, or an instance is taken away.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The database that applications use; it is made when the cluster begins.
    #[serde(default)]
    pub database: DatabaseSpec,
    /// How long an instance may take to end in order: a primary hands over first.
    #[serde(default = "grace")]
    #[schemars(range(min = 10, max = 3600))]
    pub termination_grace_period_seconds: i64,
}

/// What happens to volumes that nobody uses any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// They stay: a cluster of the same name that is made later goes on with them.
    #[default]
    Retain,
    /// They are deleted, and the passwords with them.
    Delete,
}

fn three() -> i32 {
    3
}

fn requests() -> ResourceRequirements {
    let quantity = |text: &str| Quantity(text.to_owned());
    let requests =
        BTreeMap::from([("cpu".to_owned(), quantity("100m")), ("memory".to_owned(), quantity("256Mi"))]);
    ResourceRequirements { requests: Some(requests), ..ResourceRequirements::default() }
}

fn grace() -> i64 {
    60
}
