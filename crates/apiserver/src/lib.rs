//! The Kubernetes API over a store: REST, watches, discovery, admission, authentication, authorization.
//!
//! ```text
//!   TLS (listen) -> Api: who (authn) -> may they (authz) -> which resource (catalog)
//!        -> verbs: decode -> strategy, admission -> storage (compare-and-swap)
//!   storage -- one watch --> cache -> lists, watches, and what the server itself follows
//! ```
//!
//! Object mechanics are pure and stand in `stanchion-machinery`; what is known of kinds is in `stanchion-kinds`.
//! Invariants:
//! - An object is written only by a transaction that compares the revision it was made from.
//! - Every kind goes the same way; what differs is a row of the table, or a definition.
//! - An answer that says that something was written leaves after the store has it.

mod admission;
mod aggregation;
mod api;
mod authn;
mod authz;
mod autoscalers;
mod bootstrap;
mod cache;
mod call;
mod catalog;
mod clock;
mod compaction;
mod custom;
mod decode;
mod definitions;
mod discovery;
mod events;
mod health;
mod http;
mod kubeconfig;
mod listen;
mod local;
mod metrics;
mod names;
mod nodes;
mod openapi;
mod options;
mod ownership;
mod pki;
mod present;
mod quotas;
mod resource;
mod reviews;
mod seats;
mod select;
mod server;
mod storage;
mod strategy;
mod subresources;
mod verbs;

pub use authn::{AuthenticatorError, TokenError, TokenFileError};
pub use kubeconfig::KubeconfigError;
pub use listen::TlsError;
pub use local::Local;
pub use options::{AuthorizationMode, Options, ServiceRange};
pub use pki::PkiError;
pub use server::{Credentials, Server, StartError};
