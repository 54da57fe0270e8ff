//! Failover, decided: what stands in the store, what a manager changes in it, what an agent owes to it.
//!
//! ```text
//!   agent --- Report (health/<instance>) ---> store ---> manager: decide(View) -> Topology
//!     ^                                                       |
//!     +------- duty(Topology) <--- Topology (topology) <------+   compare-and-swap
//! ```
//!
//! One [`Topology`] says all that is wanted of a cluster; only a manager writes it, and each write compares the revision
//! it was made from. One [`Report`] for each instance says what is; only its agent writes it. Nobody sends a command:
//! an agent does what the topology asks of it, whenever it reads it, so that a lost message costs time and nothing else.
//!
//! Three rules keep every acknowledged write:
//!
//! - who may acknowledge (the *sync set*) stands in the topology before they may;
//! - nobody is promoted before each of them has stopped listening to the old primary and said what it holds (the *fence*);
//! - nobody leaves the sync set before the others hold all that it may have acknowledged.
//!
//! Everything here is pure: time comes in as an argument, in milliseconds of a clock that only goes forward.

pub mod agent;
mod history;
pub mod keys;
pub mod manager;
mod millis;
mod name;
mod position;
mod report;
mod settings;
mod topology;

pub use history::{Containment, Era, History};
pub use millis::Millis;
pub use name::{ClusterName, InstanceName, NameError};
pub use position::{Gtid, Position, PositionError, ServerId};
pub use report::{Database, HandedOver, Measures, Report, Role, Standing};
pub use settings::{DataLoss, MemberSettings, Settings, SettingsError};
pub use topology::{Acknowledgement, Cause, Failover, Moment, Stage, Step, Term, Topology};
