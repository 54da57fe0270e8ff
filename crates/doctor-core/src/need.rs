//! What checks need to know, and whether it was read.

use std::time::Duration;

use serde::Serialize;

/// A kind of facts that is read in one go, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Who the members of etcd are, and what each says of itself.
    EtcdStatus,
    /// The alarms of etcd.
    EtcdAlarms,
    /// The metrics of etcd's members.
    EtcdMetrics,
    /// What the keys of etcd are of, and how large.
    EtcdKeyspace,
    /// How etcd grows.
    EtcdGrowth,
    /// With which heartbeat and election timeouts etcd runs.
    EtcdSettings,
    /// The newest snapshot of etcd.
    EtcdSnapshots,
    /// Certificates in files, and such that servers show.
    Certificates,
}

impl Need {
    /// Returns what people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EtcdStatus => "members of etcd",
            Self::EtcdAlarms => "alarms of etcd",
            Self::EtcdMetrics => "metrics of etcd",
            Self::EtcdKeyspace => "keys of etcd",
            Self::EtcdGrowth => "growth of etcd",
            Self::EtcdSettings => "settings of etcd",
            Self::EtcdSnapshots => "snapshots of etcd",
            Self::Certificates => "certificates",
        }
    }

    /// Returns which option gives the source of it; none while nothing reads it.
    pub fn asked_with(self) -> Option<&'static str> {
        match self {
            Self::EtcdStatus | Self::EtcdAlarms | Self::EtcdMetrics | Self::EtcdKeyspace => {
                Some("--etcd-endpoints")
            }
            Self::EtcdSnapshots => Some("--etcd-snapshot-dir"),
            Self::Certificates => Some("--cert-dir, --tls-server"),
            Self::EtcdGrowth | Self::EtcdSettings => None,
        }
    }

    /// Returns how long reading it may take.
    pub fn deadline(self) -> Duration {
        match self {
            Self::EtcdStatus | Self::EtcdAlarms | Self::EtcdMetrics | Self::EtcdSettings => {
                Duration::from_secs(10)
            }
            // A sample of seconds, or a look at every key.
            Self::EtcdGrowth | Self::EtcdSnapshots | Self::Certificates => Duration::from_secs(30),
            Self::EtcdKeyspace => Duration::from_mins(1),
        }
    }
}

/// What came of reading something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It was read.
    Read {
        /// From where.
        source: String,
    },
    /// Some of it was read.
    Partly {
        /// From where.
        source: String,
        /// What was not, and why.
        missing: Vec<String>,
    },
    /// It could not be read.
    Failed {
        /// From where.
        source: String,
        /// Why not.
        why: String,
    },
}
