//! The network of one machine's Kubernetes.

pub mod addresses;
pub mod routes;
pub mod services;
pub mod zone;
