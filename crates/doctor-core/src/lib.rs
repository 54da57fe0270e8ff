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

mod baseline;
mod check;
mod checks;
mod diagnose;
mod exemption;
mod facts;
mod finding;
mod need;
mod repair;
mod severity;
mod subject;
mod units;

pub use baseline::{Baseline, Known, Since};
pub use check::{Check, Group};
pub use checks::pods::crashing::crashing;
pub use checks::{ALL, find};
pub use diagnose::{Gap, NotRun, Report, diagnose};
pub use exemption::entry::{ExemptionEntry, ExemptionError};
pub use exemption::mark::{Marks, annotation_of};
pub use exemption::{Exempted, Exemption, Exemptions};
pub use facts::Facts;
pub use facts::certificate::{Certificate, Chain, FoundIn};
pub use facts::etcd::{
    Alarm, AlarmKind, Disk, Etcd, Filler, Growth, Histogram, Keyspace, Largest, Limit, LimitBasis, Member,
    Metrics, Peer, Settings, Snapshot, Status, Version,
};
pub use facts::kube::Kube;
pub use facts::kube::batch::{CronJob, Job};
pub use facts::kube::cluster::{Budget, CountOrShare, PriorityClass, Quota, Release};
pub use facts::kube::event::Event;
pub use facts::kube::ingress::{Ingress, IngressClass};
pub use facts::kube::kubelet::{Configz, Kubelet, Rotation};
pub use facts::kube::labels::{LabelSelector, Selector};
pub use facts::kube::meta::{Condition, Meta, Owner};
pub use facts::kube::node::{Lease, Node};
pub use facts::kube::pod::{ContainerState, Ended, Phase, Pod, PodObject, Qos};
pub use facts::kube::pods::{PodGroup, Pods};
pub use facts::kube::said::{DeprecatedApi, LastLines};
pub use facts::kube::service::{Endpoint, Service, Slice};
pub use facts::kube::template::{Container, Probe, Template};
pub use facts::kube::volume::{Attachment, Claim, PersistentVolume};
pub use facts::kube::workload::{ReplicaSet, Workload, WorkloadKind};
pub use facts::prometheus::Prometheus;
pub use finding::{Evidence, Finding, Findings};
pub use need::{Need, Reading};
pub use repair::certs::{Ending, LeafKey, Place, Reader, Renewal, Signer, plan as plan_renewal};
pub use repair::etcd::{
    Defragmentation, EtcdPlan, EtcdStep, Heir, LeftAlone, Rule, RuleError, Selection, Sizes, disk_refusal,
    heir, plan as plan_etcd, plan_defragmentation, refusals as etcd_refusals,
};
pub use repair::objects::{
    Difference, Edit, FIELD_MANAGER, LeftUnrepaired, ObjectPlan, ObjectStep, Request, Settled, Target,
    TargetKind, differences, keepers, needs_to_repair, owners, plan as plan_objects, repairs_objects,
    settled, undo_patch,
};
pub use repair::{Preview, Refusal};
pub use severity::Severity;
pub use subject::Subject;
pub use units::{Bytes, Seconds};
