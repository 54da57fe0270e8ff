//! A cluster's spec as the manager's settings.

use std::collections::BTreeMap;

use stanchion_ha_core::{MemberSettings, Settings};

use crate::valid::ValidCluster;

/// Makes the settings of a cluster. Its instances are those of the ordinals from 0 up.
pub fn settings(cluster: &ValidCluster) -> Settings {
    let members: BTreeMap<_, _> = cluster
        .members
        .iter()
        .map(|(name, server)| (name.clone(), MemberSettings { server: *server }))
        .collect();
    let failover = &cluster.failover;
    Settings {
        members,
        heartbeat_interval: failover.heartbeat_interval.into(),
        missed_heartbeats: failover.missed_heartbeats,
        data_loss: failover.data_loss.into(),
        max_apply_lag: failover.max_apply_lag.into(),
        paused: cluster.paused,
        preferred: failover.preferred.clone(),
    }
}
