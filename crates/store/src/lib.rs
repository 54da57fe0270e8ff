//! The store: a revisioned key-value store that speaks the etcd v3 API, as a server and in-process.
//!
//! ```text
//! gRPC / HTTP (server)      in-process
//!          \                  /
//!           v                v
//!              Store (store)  ------ reads -----> Keyspace + View of the log
//!                |  requests                          ^          ^
//!                v                                    |          |
//!            writer thread -- batch, one flush --> log (files)   |
//!                |  events                                       |
//!                v                                               |
//!              hub (watch) --> mailboxes --> streams -- lagging -/
//!
//!            maintenance thread: leases, compaction, rewriting the log
//! ```
//!
//! Decisions are in `stanchion-store-core`; this crate is files, threads and sockets.

pub mod disk;
pub mod hash;
mod kv;
pub mod log;
mod maintenance;
pub mod metrics;
mod options;
pub(crate) mod random;
mod remote;
pub mod server;
mod shared;
pub mod snapshot;
mod store;
pub mod watch;
mod writer;

pub use kv::{KeyValueStore, Watch};
pub use options::{AutoCompaction, DefragPolicy, Options};
pub use remote::{ClientCertificate, RemoteError, RemoteOptions, RemoteStore, RemoteTls};
pub use shared::Clock;
pub use stanchion_store_core as core;
pub use store::{LeaseInfo, OpenError, Status, Store};

/// The level of the etcd API that is served, and the version that clients are told.
pub const API_VERSION: &str = "3.6.6";

/// Compiles the example of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
