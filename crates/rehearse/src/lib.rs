//! Faults on purpose, and a client that knows what was acknowledged.
//!
//! ```text
//! Writer ──numbered rows──> one address ──> whoever is primary
//!   │ stop                        ^
//!   v                             │ a fault: SIGKILL or SIGSTOP of the primary's processes
//! Record ──verify──> Verdict: acknowledged rows that are missing, rows that are there twice
//!   └────> the longest gap between acknowledgements, latency before and after, a timeline
//! ```
//!
//! What a rehearsal is made of, in the order of its use: [`Writer::start`], [`Writer::steady`], [`Victims::kill`] or
//! [`Victims::freeze`] with [`Writer::mark`] right before, [`Writer::recovered`], [`Writer::stop`], [`verify`],
//! [`Summary::of`] and [`timeline::render`]. Which processes belong to a Pod, the caller finds out.
//!
//! Invariants: a number is sent at most once, so that a row that is there twice was doubled by the database; a row
//! counts as acknowledged only after the database said so; a failure of any kind ends the connection, as a new one may
//! lead elsewhere.

pub mod faults;
pub mod load;
mod mariadb;
mod record;
mod seconds;
pub mod statement;
mod summary;
mod target;
pub mod timeline;
mod verdict;
mod writer;

pub use faults::{FaultError, Frozen, Victim, Victims};
pub use load::{Load, LoadError, Sysbench};
pub use mariadb::MariaDb;
pub use record::{Gap, Latency, Mark, Outcome, Record, Row, Seen};
pub use summary::Summary;
pub use target::{Access, Failure, Password, RunId, Session, Stored, Target};
pub use verdict::{Numbers, Verdict, VerifyError, clear, verify};
pub use writer::{Pace, Writer, WriterError};
