//! When another instance takes over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::DurationText;

/// When another instance takes over, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverSpec {
    /// How often each instance says how it is.
    #[serde(default = "heartbeat_interval")]
    pub heartbeat_interval: DurationText,
    /// So many of these may be missing before an instance is suspect. Evidence that a database has ended is acted on at once.
    #[serde(default = "missed_heartbeats")]
    #[schemars(range(min = 2, max = 100))]
    pub missed_heartbeats: i32,
    /// What to do when an instance cannot be asked that may hold acknowledged writes which nobody else holds.
    #[serde(default)]
    pub data_loss: DataLoss,
    /// How far behind replicas may apply before writes are slowed down; 0s for any distance. A promotion takes about
    /// that long at most.
    #[serde(default = "max_apply_lag")]
    pub max_apply_lag: DurationText,
    /// Who is promoted if several hold the same: the name of an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub preferred_instance: Option<String>,
    /// How long a planned change of primary may take before it is given up and the old one writes on.
    #[serde(default = "switchover_deadline")]
    pub switchover_deadline: DurationText,
}

impl Default for FailoverSpec {
    fn default() -> Self {
        Self {
            heartbeat_interval: heartbeat_interval(),
            missed_heartbeats: missed_heartbeats(),
            data_loss: DataLoss::default(),
            max_apply_lag: max_apply_lag(),
            preferred_instance: None,
            switchover_deadline: switchover_deadline(),
        }
    }
}

/// What to do when an instance cannot be asked that may hold acknowledged writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DataLoss {
    /// Wait for it, and say for whom.
    #[default]
    Never,
    /// Promote the one that holds most of those that can be asked.
    Allow,
}

impl From<DataLoss> for stanchion_ha_core::DataLoss {
    fn from(policy: DataLoss) -> Self {
        match policy {
            DataLoss::Never => Self::Never,
            DataLoss::Allow => Self::Allow,
        }
    }
}

fn heartbeat_interval() -> DurationText {
    DurationText::from("1s")
}

fn missed_heartbeats() -> i32 {
    5
}

fn max_apply_lag() -> DurationText {
    DurationText::from("2s")
}

fn switchover_deadline() -> DurationText {
    DurationText::from("30s")
}
