//! The manager of failovers.
//!
//! ```text
//!   store == watch ==> Mirror --\                                  /--> EndpointSlice of <cluster>-primary
//!   Pods, DatabaseClusters -----> conduct: ha-core decides --> Publication --> roles of Pods, status, Events
//!                                    |
//!                                    +--> topology, settings (transactions that compare)
//! ```
//!
//! One manager of several is elected through the store, and each of its writes is good only while it is. A task for each
//! cluster looks at the state of now and lets `stanchion-ha-core` decide; what it needs to remember is not needed for
//! safety. What is shown in the Kubernetes API goes through a task of its own, so that an API server that is slow or away
//! holds no failover up.

mod conduct;
mod election;
mod events;
mod facts;
mod mirror;
mod operation;
mod options;
mod publish;
mod rbac;
mod run;
mod show;
mod write;

pub use options::Options;
pub use rbac::{ROLE, role};
pub use run::run;
