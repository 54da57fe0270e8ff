//! PID 1 of a database's container: supervises the database, reports into the store, does what the topology asks.
//!
//! ```text
//!   store <==> link ==Known==> supervisor ==Work==> hands --> engine --> mariadbd
//!               ^                |   ^  |                                   |
//!               +---- Report ----+   |  +--Target--> observer ---- looks ---+
//!                                    +----Observed------/
//!   kubelet, Prometheus, other agents --> server (HTTPS): /livez /readyz /metrics /copy
//! ```
//!
//! What is to be done is decided in `ha-core` ([`stanchion_ha_core::agent`]) and in `plan`, both pure. The supervisor is the one task
//! that owns the instance's state; everything else tells it something or is told.

mod belonging;
mod config;
mod error;
mod frames;
mod hands;
mod identity;
mod link;
mod marker;
mod measures;
mod metrics;
mod observer;
mod plan;
mod pulse;
mod reap;
mod run;
mod server;
mod supervisor;
mod tls;

pub use config::{Config, ConfigError, StoreConfig, StoreTls};
pub use error::AgentError;
pub use identity::{Identity, IdentityError};
pub use run::run;
pub use tls::TlsError;
