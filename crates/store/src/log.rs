//! The log on disk: segments of batches, a manifest that says which segments count, and one appender.
//!
//! ```text
//! <data-dir>/LOCK       held while the store is open
//!            MANIFEST   generation, base segments with their lengths, first tail segment, ids
//!            base-<generation>-<n>.log   what a rewrite kept, oldest first
//!            tail-<n>.log                what was written since, the last one growing
//! ```
//!
//! Owner of the state: the appender (the writer thread) adds to the last tail; a rewrite (the
//! maintenance thread) replaces base and sealed tails by a new base. Readers hold a [`View`], which keeps
//! the files it names open, so nothing they can reach disappears under them.

mod append;
mod error;
mod manifest;
mod open;
mod read;
mod rewrite;
mod segment;
mod view;

pub use append::Appender;
pub use error::LogError;
pub use manifest::{Ids, Manifest};
pub use open::{OpenedLog, Recovered, open, verify};
pub use read::{BatchReader, Stored, records_from};
pub use rewrite::{RewriteFailure, RewriteOutcome, rewrite};
pub use segment::Segment;
pub use view::{Log, View};

/// A tail segment that has grown to this many bytes is sealed and a new one begun.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Room is taken in steps of this many bytes, so that a full disk shows before a write and not in it.
pub const RESERVE_STEP: u64 = 4 * 1024 * 1024;
/// One batch gathers requests until it has this many bytes; a single larger request still goes in whole.
pub const BATCH_BYTES: usize = 1024 * 1024;
