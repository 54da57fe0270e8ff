//! What this machine lets a container have.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a container has where the machine allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Feature {
    /// A root file system of its own, copy-on-write, and volumes: everything that needs mounting.
    Root,
    /// A pid namespace: it sees only its own processes, and all of them end with the first one.
    PidNamespace,
    /// A host name of its own.
    Hostname,
    /// System V and POSIX message objects of its own.
    IpcNamespace,
    /// Running as another user, with other groups and capabilities.
    User,
    /// A bound on memory.
    MemoryLimit,
    /// A share and a bound of processor time.
    CpuLimit,
    /// A bound on the number of processes.
    PidsLimit,
    /// A cgroup through which all processes of a container are found and killed.
    GroupKill,
    /// A lower `oom_score_adj` than our own.
    OomScore,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "own root file system and volumes",
            Self::PidNamespace => "pid namespace",
            Self::Hostname => "own host name",
            Self::IpcNamespace => "ipc namespace",
            Self::User => "other users and capabilities",
            Self::MemoryLimit => "memory limit",
            Self::CpuLimit => "cpu limit",
            Self::PidsLimit => "limit of processes",
            Self::GroupKill => "cgroup to kill by",
            Self::OomScore => "lower oom_score_adj",
        })
    }
}

/// Something a container asked for and does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What it does not have.
    pub feature: Feature,
    /// Why, for the user.
    pub reason: String,
}

/// What this machine lets a container have. What is not named as missing is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    missing: BTreeMap<Feature, String>,
}

impl Abilities {
    /// Returns whether containers have `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        !self.missing.contains_key(&feature)
    }

    /// Returns why containers do not have `feature`; nothing if they do.
    pub fn reason(&self, feature: Feature) -> Option<&str> {
        self.missing.get(&feature).map(String::as_str)
    }

    /// Returns everything that is missing on this machine.
    pub fn missing(&self) -> impl Iterator<Item = Missing> + '_ {
        self.missing.iter().map(|(feature, reason)| Missing { feature: *feature, reason: reason.clone() })
    }

    /// Returns whether containers have a cgroup, for whatever it is good here.
    pub(crate) fn has_cgroups(&self) -> bool {
        [Feature::MemoryLimit, Feature::CpuLimit, Feature::PidsLimit, Feature::GroupKill]
            .into_iter()
            .any(|feature| self.has(feature))
    }

    /// Says that `feature` is missing. The first reason stays.
    pub(crate) fn lacks(&mut self, feature: Feature, reason: impl Into<String>) {
        self.missing.entry(feature).or_insert_with(|| reason.into());
    }
}
