//! The network of one machine's Kubernetes.

pub mod addresses;
#[expect(dead_code, reason = "wip")]
mod proxy;
pub mod routes;
pub mod services;
mod trouble;
pub mod zone;
