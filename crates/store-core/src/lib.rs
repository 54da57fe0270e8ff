//! The pure part of the store: what etcd v3 requests mean, and what stands in the log.
//!
//! Nothing here does I/O, reads a clock or draws a random number. The shell (`stanchion-store`)
//! owns files, threads and sockets; it hands in a [`Journal`] that takes records and gives them
//! back, and the time in [`Millis`].
//!
//! ```text
//! request --parse--> Put | DeleteRange | Txn | RangeQuery        (request)
//!                        |
//!                        v
//!                    Keyspace ---- records ----> Journal          (keyspace, record, batch)
//!                     |    |
//!                  Index  Leases, Alarms, Quota                   (index, lease, alarm, quota)
//!                     |
//!                  events ------> WatchTable                      (watch)
//! ```
//!
//! Invariants:
//! - The revision grows by one with every request that changes at least one key, never else.
//! - Every version of every key from the compacted revision on can be read; none below.
//! - Replaying the records in order over an empty [`Keyspace`] gives the keyspace that wrote them.

pub mod alarm;
pub mod batch;
pub mod error;
pub mod hash;
pub mod index;
pub mod keyspace;
pub mod lease;
pub mod quota;
pub mod record;
pub mod request;
pub mod types;
pub mod watch;

pub use alarm::{Alarm, Alarms};
pub use error::{Code, StoreError};
pub use index::{Index, Version};
pub use keyspace::{Change, Hit, Journal, Keyspace, Pairs, Replay, Scan, Selection};
pub use lease::{Lease, Leases};
pub use quota::Quota;
pub use record::{Record, RecordError};
pub use request::{
    Compare, CompareResult, DeleteRange, DeleteResult, Limits, Op, OpResult, Put, PutResult, RangeQuery,
    RangeResult, SortOrder, SortTarget, Test, Txn, TxnResult,
};
pub use types::{Event, EventKind, KeyRange, KeyValue, LeaseId, Location, Millis, Revision};
pub use watch::{WatchFilter, WatchTable};
