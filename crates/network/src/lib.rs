//! The network of one machine's Kubernetes: addresses of Pods, the Service proxy and cluster DNS.
//!
//! ```text
//!   Services, EndpointSlices, Namespaces --informers--> Network (run), one task
//!                                                        |                |
//!                                                services::Service   namespaces
//!                                                 |            |          |
//!                                          routes::Table      zone::Zone--+
//!                                                 |            |
//!                                               proxy         dns          sockets on 127.0.0.0/8
//! ```
//!
//! Addresses of Pods and Services come from 127.0.0.0/8, all of which Linux holds to be its own: every Pod has its
//! own address and its real port, without interfaces, routes or privileges. What this cannot have: a process that
//! listens on *all* addresses takes its port from every Pod and Service of the machine; such a Service gets an Event.
//!
//! Decisions are pure: [`addresses`], [`services`], [`routes`] and [`zone`] know no sockets and no clock.
//!
//! Deliberately absent: external addresses and addresses of load balancers (who gives them out serves them), SCTP
//! (an Event says so), health check node ports, topology hints (all endpoints are on this machine), a cache for
//! names outside of the cluster.

pub mod addresses;
mod dns;
mod follow;
mod options;
mod proxy;
pub mod routes;
mod run;
pub mod services;
#[cfg(test)]
mod testing;
mod trouble;
pub mod zone;

pub use options::{NetworkError, Options, Upstreams};
pub use run::run;
