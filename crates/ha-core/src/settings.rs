//! What a person decided about a cluster, as far as failovers go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::ServerId;

/// What to do when who may have acknowledged writes cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataLoss {
    /// Wait for them, and say for whom.
    #[default]
    Never,
    /// Promote the one that holds most of those that can be asked.
    Allow,
}

/// One instance that belongs to the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberSettings {
    /// Its number as a server.
    pub server: ServerId,
}

/// What a person decided about a cluster, as far as failovers go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Who belongs to the cluster.
    pub members: BTreeMap<InstanceName, MemberSettings>,
    /// How often agents report.
    pub heartbeat_interval: Millis,
    /// So many reports may be missing before an instance is suspect.
    pub missed_heartbeats: u32,
    /// What to do when who may have acknowledged writes cannot be asked.
    pub data_loss: DataLoss,
    /// How far behind replicas may apply before the primary's commits are slowed down; 0 for any distance.
    pub max_apply_lag: Millis,
    /// Whether failovers are left to people.
    pub paused: bool,
    /// Who is promoted if several hold the same.
    pub preferred: Option<InstanceName>,
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Two instances have one number.
    #[error("instances {0} and {1} have the same server id")]
    SameServer(InstanceName, InstanceName),
    /// A number is not one of instances.
    #[error("instance {0} has server id {1}; instances have 1 to 999, the numbers above stand for terms")]
    Server(InstanceName, u32),
    /// There is no time between reports, or none of them may be missing.
    #[error(
        "heartbeats need an interval of at least {LEAST_INTERVAL} ms and at least {LEAST_MISSED} that may be missed"
    )]
    Heartbeat,
}

const LEAST_INTERVAL: u64 = 50;
const LEAST_MISSED: u32 = 2;

impl Settings {
    /// Settings with defaults for these members.
    pub fn new(members: BTreeMap<InstanceName, MemberSettings>) -> Self {
        Self {
            members,
            heartbeat_interval: Millis(1_000),
            missed_heartbeats: 5,
            data_loss: DataLoss::Never,
            max_apply_lag: Millis(2_000),
            paused: false,
            preferred: None,
        }
    }

    /// Checks that they can work.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.heartbeat_interval.0 < LEAST_INTERVAL || self.missed_heartbeats < LEAST_MISSED {
            return Err(SettingsError::Heartbeat);
        }
        let mut servers = BTreeMap::new();
        for (name, member) in &self.members {
            if !member.server.is_of_instance() {
                return Err(SettingsError::Server(name.clone(), member.server.0));
            }
            if let Some(other) = servers.insert(member.server, name) {
                return Err(SettingsError::SameServer(other.clone(), name.clone()));
            }
        }
        Ok(())
    }

    /// Returns after how long without a report an instance is suspect.
    pub fn patience(&self) -> Millis {
        self.heartbeat_interval.times(self.missed_heartbeats)
    }

    /// Returns how long a replica may have heard nothing before its primary counts as silent.
    pub fn silence(&self) -> Millis {
        Millis(self.heartbeat_interval.0.clamp(250, 2_000))
    }

    /// Returns how often a primary tells its replicas that it is there while nothing is written.
    pub fn replication_heartbeat(&self) -> Millis {
        Millis(self.silence().0 / 2)
    }
}
