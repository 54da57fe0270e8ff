//! The node: runs the Pods that are bound to it as processes of this machine, or, many nodes at once, by a script.
//!
//! ```text
//!   API <-- informer -- pods::Dispatcher -- one task per Pod (pods::Worker): decide (node-core), act, report
//!    ^                                            |                |
//!    |                                         sandbox          volumes, checks
//!    +-- register: Node, Lease, conditions        |
//!   API server --TLS--> server: logs, exec -------+
//! ```
//!
//! Decisions are pure and stand in `stanchion-node-core`; containers are processes of `stanchion-sandbox`. This crate
//! owns what is between: what is asked of the API, what is on disk, and the order of effects.
//! Invariants:
//! - One task owns a Pod, from its arrival until nothing of it is left on the machine.
//! - The last status of a Pod is written before its object is removed.
//! - When the node stops its containers go on; when it starts again it finds them, and starts nothing twice.
//! - What a Pod asks for and this machine cannot give is told in an Event.

mod addresses;
mod calls;
mod checks;
mod clock;
mod error;
mod events;
mod eviction;
mod follow;
mod node;
mod options;
mod pods;
mod register;
mod run;
mod server;
mod shutdown;
mod simulated;
mod sources;
mod volumes;

pub use error::NodeError;
pub use options::{Credentials, Options};
pub use run::{reset, run, stop_containers};
pub use simulated::{SimulatedOptions, ZONE, simulate, zone};
