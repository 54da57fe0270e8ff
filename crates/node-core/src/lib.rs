//! Every decision of a node, pure.
//!
//! Nothing here starts a process, opens a file or reads a clock. The shell (`stanchion-node`) shows what is there and
//! what time it is, does what comes back, and shows again.
//!
//! ```text
//! Pod --parse--> PodPlan, Probe, Hook, volumes, environment          (plan, probe, hook, volumes, environment)
//!                   |
//! what runs ------> Picture::decide -> start, kill, wait, finish      (restart, backoff)
//!                   Worker::step    -> ask, wait                      (probe)
//!                   Ending::step    -> hook, signal, kill             (termination)
//!                   |
//!                   v
//!                status of the Pod                                    (status)
//! ```

pub mod admission;
pub mod backoff;
pub mod capacity;
pub mod container;
pub mod downward;
pub mod environment;
pub mod eviction;
pub mod hook;
pub mod images;
pub mod moment;
pub mod names;
pub mod plan;
pub mod probe;
pub mod qos;
pub mod resources;
pub mod restart;
pub mod script;
pub mod shutdown;
pub mod status;
pub mod termination;
pub mod volumes;

pub use moment::Moment;
