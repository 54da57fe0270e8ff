//! Says what is wrong with a cluster, or will be, and how it knows. Pure: typed facts in, findings out.
//!
//! ```text
//!   Facts ── what was read, from where, and what could not be
//!     │
//!     ▼
//!   Check ── one function each, run only if all it needs was read
//!     │
//!     ▼
//!   Report ─ findings, joined by cause; and which checks were not run, and why
//! ```
//!
//! The caller reads the facts, tells what it could not read, and prints the report. Nothing that was not read becomes a
//! finding: a check whose facts are missing is reported as not run.
//!
//! Absent on purpose: thresholds that a user sets. A finding is taken back by an exemption with a reason, not by bending the
//! rule for all.

mod check;
mod checks;
mod diagnose;
mod facts;
mod finding;
mod need;
mod repair;
mod severity;
mod subject;
mod units;

pub use check::{Check, Group};
pub use checks::{ALL, find};
pub use diagnose::{Gap, NotRun, Report, diagnose};
pub use facts::Facts;
pub use facts::certificate::{Certificate, Chain, FoundIn};
pub use facts::etcd::{
    Alarm, AlarmKind, Etcd, Filler, Growth, Histogram, Keyspace, Limit, LimitBasis, Member, Metrics, Peer,
    Settings, Snapshot, Status, Version,
};
pub use finding::{Evidence, Finding, Findings};
pub use need::{Need, Reading};
pub use repair::etcd::{EtcdPlan, EtcdStep, plan as plan_etcd};
pub use repair::{Preview, Refusal};
pub use severity::Severity;
pub use subject::Subject;
pub use units::{Bytes, Seconds};
