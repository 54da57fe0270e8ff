//! The kinds of stanchion.dev: `DatabaseCluster` with schema, defaults and rules.
//!
//! ```text
//!   object -- schema, rules (API server) --> DatabaseClusterSpec -- validate --> ValidCluster --> settings, Pods
//! ```
//!
//! [`DatabaseClusterSpec`] is what people write, as text and numbers. [`ValidCluster`] is what is meant, in types; the
//! operator and the manager take only that. What the rules of the schema refuse, [`validate`] refuses too, for an object
//! may be older than the rules. Two parts write the status: the operator all but `ha` and `operation`, which are the
//! manager's.
//!
//! An object that is no `DatabaseCluster` any more must not stop the others from being read, so all of them are read as
//! [`Guarded`].

mod crd;
mod duration;
pub mod names;
mod operation;
mod parameters;
mod rules;
mod settings;
mod spec;
mod status;
mod valid;

use kube::core::DeserializeGuard;

pub use crd::crd;
pub use duration::{DurationError, DurationText};
pub use operation::{OPERATION, Operation, OperationError, OperationKind};
pub use parameters::{FORBIDDEN, ParameterError, check_parameter};
pub use settings::settings;
pub use spec::{
    AntiAffinity, DataLoss, DatabaseCluster, DatabaseClusterSpec, DatabaseSpec, DeletionPolicy, EngineKind,
    EngineSpec, FailoverSpec, PlacementSpec, StorageSpec,
};
pub use status::{
    ConditionKind, DatabaseClusterStatus, FailoverStatus, HaStatus, InstanceStatus, InstancesSummary,
    MomentStatus, OperationState, OperationStatus, Readiness,
};
pub use valid::{Invalid, Problem, ValidCluster, ValidDatabase, ValidFailover, ValidStorage, validate};

/// A `DatabaseCluster` as it is read: one that cannot be understood is an error of its own.
pub type Guarded = DeserializeGuard<DatabaseCluster>;
