//! What an agent says of its instance.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::{Position, ServerId};
use crate::topology::Term;

/// What an agent says of its instance: at each heartbeat, and at once when something changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The instance's number as a server.
    pub server: ServerId,
    /// Which life of the agent; each has a text of its own.
    pub life: String,
    /// The number of the report in this life.
    pub number: u64,
    /// Where clients and replicas reach the database.
    pub database_address: SocketAddr,
    /// Where other agents reach this one.
    pub agent_address: SocketAddr,
    /// The revision of the topology that the agent acts on; 0 for none.
    pub seen: i64,
    /// The database process.
    pub database: Database,
    /// What the instance does in the cluster.
    pub role: Role,
    /// It accepts nothing from anybody who was primary before this term.
    pub fenced: Term,
    /// The last transaction it has received, applied or not.
    pub received: Position,
    /// The last transaction it has applied, or written itself.
    pub applied: Position,
    /// Whether it may have acknowledged more than it says to have received: a crash took it.
    pub uncertain: bool,
    /// How long the next transaction to apply has been waiting.
    pub apply_lag: Millis,
    /// How many transactions it applies in 1000 s, while it has had something to apply all the time of late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_rate: Option<u64>,
    /// How what it holds stands to the cluster's history.
    pub standing: Standing,
    /// The older cluster whose data it holds, by its uid, until those are this one's or a copy is in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether it is about to leave: another primary should take over, and nobody should count on it.
    pub leaving: bool,
    /// What it measured of its machine.
    pub measures: Measures,
}

/// The database process of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Database {
    /// It does not run, because nobody knows yet how it is to start.
    Waiting,
    /// Its files are being made: a first initialization, or a copy of another instance.
    Preparing {
        /// What is being done, for people.
        what: String,
    },
    /// It starts: crash recovery may take its time.
    Starting,
    /// It answers.
    Running,
    /// It runs and does not answer.
    Unresponsive {
        /// For how long.
        since: Millis,
    },
    /// It ended by itself.
    Ended {
        /// How: exit code or signal.
        how: String,
    },
    /// It cannot be started.
    Failed {
        /// Why.
        why: String,
    },
}

/// What an instance does in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Role {
    /// It is read-only and listens to nobody.
    Idle,
    /// It follows a primary.
    Follower {
        /// Of which term.
        term: Term,
        /// Whom.
        primary: InstanceName,
        /// Whether its connection to the primary stands.
        receiving: bool,
        /// Whether it acknowledges.
        acknowledging: bool,
        /// For how long nothing has come from the primary, be it an event or a heartbeat.
        unheard: Millis,
        /// What replication fails of, if it does.
        trouble: Option<String>,
    },
    /// It is read-only and applies what it has received, to become primary.
    Rising {
        /// In which term.
        term: Term,
        /// What that fails of, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<String>,
    },
    /// It is the primary.
    Primary {
        /// Of which term.
        term: Term,
        /// Whether its commits wait for acknowledgements, and from which position on. A position of `None` in
        /// [`Position`] means from the first transaction on.
        requires: Option<Position>,
        /// Whose connections it refuses, and what it had written when it began to.
        barred: BTreeSet<InstanceName>,
        /// What it had written when the newest of `barred` was barred.
        barred_at: Position,
        /// For how long a commit has been waiting for an acknowledgement.
        waiting: Millis,
    },
    /// It was the primary and has stopped writing, to hand over.
    HandedOver(HandedOver),
}

/// Where a primary stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandedOver {
    /// The term that it was primary of.
    pub term: Term,
    /// The last transaction that it wrote.
    pub position: Position,
}

/// How what an instance holds stands to the cluster's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Standing {
    /// It has not been looked at yet.
    Unknown,
    /// It holds nothing: its files were made anew.
    Empty,
    /// All it holds belongs.
    Contained,
    /// It holds transactions that do not belong, and they could not be taken back in place: it needs a copy.
    NeedsCopy {
        /// Why.
        why: String,
        /// Where what it held in excess was saved.
        saved: Option<String>,
    },
}

/// What an agent measured of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measures {
    /// Processor time taken by the hypervisor, in thousandths.
    pub steal_permille: Option<u32>,
    /// The time of one write and fsync beside the data, in microseconds.
    pub fsync_micros: Option<u64>,
    /// Free bytes of the data volume.
    pub disk_free: Option<u64>,
    /// Size of the data volume in bytes.
    pub disk_size: Option<u64>,
}

impl Report {
    /// Returns whether the database answers.
    pub fn is_running(&self) -> bool {
        matches!(self.database, Database::Running)
    }

    /// Estimates how long it would take to apply what was received: as long as at the rate of late, and not less than the
    /// next has been waiting.
    pub fn behind(&self) -> Millis {
        let left = self.received.sequence().saturating_sub(self.applied.sequence());
        let estimate = self.apply_rate.filter(|rate| *rate > 0).map_or(0, |rate| {
            u64::try_from(u128::from(left) * 1_000_000 / u128::from(rate)).unwrap_or(u64::MAX)
        });
        self.apply_lag.max(Millis(estimate))
    }
}
