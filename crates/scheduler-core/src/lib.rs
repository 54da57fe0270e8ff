//! Decides where Pods run: filters, scores, preemption, the queue, and what users are told. Pure.
//!
//! ```text
//!   what the API reports ──▶ Cluster ◀── assume, forget ──┐
//!            │                  │                         │
//!            └──▶ Queue ─ pop ─▶ Scheduler ─ schedule ─▶ Placement
//!                  ▲                        └──────────▶ Diagnosis ─ preempt ─▶ Eviction
//!                  └──────────── refused, failed ───────────┘
//! ```
//!
//! The caller owns a [`Scheduler`] (with its [`Cluster`]) and a [`Queue`], tells both what happens, and acts on what
//! is decided. Names, formulas, weights and messages are those of the default profile of kube-scheduler 1.36.
//!
//! What is kept between decisions is only ever derived: how nodes look to Pods of one [`Shape`], how many Pods of which
//! kind are on which node. A decision is the one that would be made from scratch, and costs one walk over the nodes
//! until enough of them will do, plus one over all nodes for each term that looks at other Pods.
//!
//! Absent on purpose: limits of attached volumes per node, devices (dynamic resource allocation), extenders, other
//! profiles than the default one.

mod bond;
mod check;
mod cluster;
mod diagnosis;
mod explain;
mod hint;
mod labels;
mod node;
mod number;
mod plan;
mod pod;
mod preempt;
mod queue;
mod refusal;
mod relation;
mod resources;
mod scheduler;
mod score;
mod volume;

pub use cluster::{Budget, Cluster};
pub use diagnosis::{Cause, Diagnosis};
pub use explain::{Explanation, Verdict};
pub use hint::Happening;
pub use labels::{LabelSet, Selector};
pub use node::{
    Effect, HOSTNAME, Image, LabelPairs, NameRequirement, Node, NodeRequirement, NodeTerm, PreferredNodes,
    REGION, Taint, Tolerated, Toleration, ZONE,
};
pub use pod::{HostPort, Kin, Pod, PreemptionPolicy, Shape};
pub use preempt::{Eviction, Preemption};
pub use queue::{Depths, Queue};
pub use refusal::{Filter, Obstacle, Refusal, Shortage};
pub use relation::{
    Affinity, Inclusion, Namespaces, Others, Spread, SpreadConstraint, Term, Unsatisfiable, Weighted,
};
pub use resources::{
    ContainerRequest, DEFAULT_MEMORY, DEFAULT_MILLI_CPU, PodRequest, RequestParts, Resources,
};
pub use scheduler::{Placement, Scheduler};
pub use score::Scorer;
pub use volume::{
    AccessMode, AccessModes, Claim, ClaimKey, ClaimState, StorageClass, Volume, VolumePlan, Volumes,
};

#[cfg(test)]
mod testing;
