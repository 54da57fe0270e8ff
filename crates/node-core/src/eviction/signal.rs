//! What is watched, and from where on it is too little.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use stanchion_machinery::quantity::Quantity;
use thiserror::Error;

use crate::capacity::Amounts;

/// Something that can run out. The order is that in which it is seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Memory of the machine.
    MemoryAvailable,
    /// Memory of all Pods together.
    AllocatableMemoryAvailable,
    /// Space for volumes and logs.
    NodefsAvailable,
    /// Files for volumes and logs.
    NodefsInodesFree,
    /// Space for images.
    ImagefsAvailable,
    /// Files for images.
    ImagefsInodesFree,
    /// Space for the writable layers of containers.
    ContainerfsAvailable,
    /// Files for the writable layers of containers.
    ContainerfsInodesFree,
    /// Numbers for processes.
    PidAvailable,
}

/// A condition of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Memory runs out.
    Memory,
    /// Disk space or files run out.
    Disk,
    /// Numbers for processes run out.
    Pid,
}

impl Condition {
    /// Returns it as it stands in the status of a node.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "MemoryPressure",
            Self::Disk => "DiskPressure",
            Self::Pid => "PIDPressure",
        }
    }
}

const SIGNALS: [(Signal, &str); 9] = [
    (Signal::MemoryAvailable, "memory.available"),
    (Signal::AllocatableMemoryAvailable, "allocatableMemory.available"),
    (Signal::NodefsAvailable, "nodefs.available"),
    (Signal::NodefsInodesFree, "nodefs.inodesFree"),
    (Signal::ImagefsAvailable, "imagefs.available"),
    (Signal::ImagefsInodesFree, "imagefs.inodesFree"),
    (Signal::ContainerfsAvailable, "containerfs.available"),
    (Signal::ContainerfsInodesFree, "containerfs.inodesFree"),
    (Signal::PidAvailable, "pid.available"),
];

impl Signal {
    /// Returns it as it stands in settings.
    pub fn as_str(self) -> &'static str {
        SIGNALS.iter().find(|(signal, _)| *signal == self).map_or("", |(_, name)| name)
    }

    /// Returns the condition of a node on which it runs out.
    pub fn condition(self) -> Condition {
        match self {
            Self::MemoryAvailable | Self::AllocatableMemoryAvailable => Condition::Memory,
            Self::PidAvailable => Condition::Pid,
            Self::NodefsAvailable
            | Self::NodefsInodesFree
            | Self::ImagefsAvailable
            | Self::ImagefsInodesFree
            | Self::ContainerfsAvailable
            | Self::ContainerfsInodesFree => Condition::Disk,
        }
    }

    /// Returns the resource that is short, as messages name it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::MemoryAvailable | Self::AllocatableMemoryAvailable => "memory",
            Self::PidAvailable => "pids",
            Self::NodefsAvailable | Self::ImagefsAvailable | Self::ContainerfsAvailable => {
                "ephemeral-storage"
            }
            Self::NodefsInodesFree | Self::ImagefsInodesFree | Self::ContainerfsInodesFree => "inodes",
        }
    }
}

/// How much there has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// An amount.
    Amount(Quantity),
    /// Thousandths of all there is.
    Share(i64),
}

impl Limit {
    /// Returns the amount for a capacity.
    pub fn of(self, capacity: i64) -> i64 {
        match self {
            Self::Amount(amount) => amount.value(),
            Self::Share(thousandths) => {
                let share = i128::from(capacity) * i128::from(thousandths) / 1000;
                i64::try_from(share).unwrap_or(i64::MAX)
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(percent) = text.strip_suffix('%') {
            let thousandths = Quantity::parse(percent).ok()?.scaled(-1);
            return match thousandths {
                // As kubelets take it: nothing is watched, as with 0%.
                1000 => Some(Self::Share(0)),
                share => (0..1000).contains(&share).then_some(Self::Share(share)),
            };
        }
        Quantity::parse(text).ok().filter(|amount| !amount.is_negative()).map(Self::Amount)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => amount.fmt(f),
            Self::Share(thousandths) if thousandths % 10 == 0 => write!(f, "{}%", thousandths / 10),
            Self::Share(thousandths) => write!(f, "{}.{}%", thousandths / 10, thousandths % 10),
        }
    }
}

/// From where on it is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// What is watched.
    pub signal: Signal,
    /// How much there has to be.
    pub limit: Limit,
    /// How long it may be less; not at all if none.
    pub grace: Option<Duration>,
    /// How much more than the limit there has to be again.
    pub reclaim: Option<Limit>,
}

/// A threshold that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// It cannot be read.
    #[error("eviction threshold {0:?} is not of the form memory.available<100Mi or nodefs.available<10%")]
    Form(String),
    /// A signal that this node does not look at.
    #[error("eviction threshold for {}: this node looks at {}", .0.as_str(), measured())]
    NotMeasured(Signal),
    /// A signal with two thresholds.
    #[error("eviction threshold for {} is given twice", .0.as_str())]
    Twice(Signal),
}

fn measured() -> String {
    let names: Vec<_> = defaults().iter().map(|threshold| threshold.signal.as_str()).collect();
    names.join(", ")
}

impl Threshold {
    /// Reads a threshold such as `memory.available<100Mi`.
    pub fn parse(text: &str, grace: Option<Duration>) -> Result<Self, ThresholdError> {
        let parse = || {
            let (name, limit) = text.split_once('<')?;
            let (signal, _) = SIGNALS.iter().find(|(_, known)| *known == name)?;
            Some(Self { signal: *signal, limit: Limit::parse(limit)?, grace, reclaim: None })
        };
        parse().ok_or_else(|| ThresholdError::Form(text.to_owned()))
    }

    /// Returns whether a figure is below it.
    pub fn is_met(&self, figure: &Figure) -> bool {
        figure.available < self.limit.of(figure.capacity)
    }

    /// Returns whether a figure is so far above it that enough has been reclaimed.
    pub fn is_resolved(&self, figure: &Figure) -> bool {
        let reclaim = self.reclaim.map_or(0, |reclaim| reclaim.of(figure.capacity));
        figure.available >= self.limit.of(figure.capacity).saturating_add(reclaim)
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Of what.
    pub signal: Signal,
    /// What is left, in bytes or in number.
    pub available: i64,
    /// What there is in all.
    pub capacity: i64,
}

/// Returns the hard thresholds that hold unless others are set.
///
/// The disk of a node of containers is the node's own, and a kubelet wants 10 % of it free. Here it is the disk of
/// somebody's machine, filled by other things, which no eviction would make smaller: an amount is left for the store and
/// the logs, whatever the size of the disk. There are no images, hence no thresholds for them.
pub fn defaults() -> Vec<Threshold> {
    let hard = |signal, limit| Threshold { signal, limit, grace: None, reclaim: None };
    vec![
        hard(Signal::MemoryAvailable, Limit::Amount(Quantity::binary(100 << 20))),
        hard(Signal::NodefsAvailable, Limit::Amount(Quantity::binary(1 << 30))),
        hard(Signal::NodefsInodesFree, Limit::Share(10)),
    ]
}

/// Reads hard thresholds such as `memory.available<100Mi,nodefs.available<10%`: signals that are not named keep their
/// default.
pub fn hard(text: &str) -> Result<Vec<Threshold>, ThresholdError> {
    let mut thresholds = defaults();
    let mut named = BTreeSet::new();
    for part in text.split(',').map(str::trim) {
        let given = Threshold::parse(part, None)?;
        let signal = given.signal;
        if !named.insert(signal) {
            return Err(ThresholdError::Twice(signal));
        }
        let known = thresholds.iter_mut().find(|threshold| threshold.signal == signal);
        *known.ok_or(ThresholdError::NotMeasured(signal))? = given;
    }
    Ok(thresholds)
}

/// Returns what Pods cannot use of a node because it has to stay free.
pub fn kept(thresholds: &[Threshold], capacity: &Amounts) -> Amounts {
    let kept = thresholds.iter().filter(|threshold| threshold.grace.is_none()).filter_map(|threshold| {
        let resource = match threshold.signal {
            Signal::MemoryAvailable => "memory",
            Signal::NodefsAvailable => "ephemeral-storage",
            _ => return None,
        };
        let whole = capacity.get(resource)?;
        Some((resource.to_owned(), Quantity::new(threshold.limit.of(whole.value()))))
    });
    kept.collect()
}
