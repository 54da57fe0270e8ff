//! Which key means what.

use stanchion_ha_core::{ClusterName, InstanceName, keys};

/// What stands at a key of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Topology,
    Settings,
    Operation,
    Report(InstanceName),
}

impl Place {
    /// Reads a key; nothing if it is not of a cluster.
    pub(super) fn of(key: &[u8]) -> Option<(ClusterName, Self)> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(keys::ROOT)?;
        let mut parts = rest.splitn(3, '/');
        let cluster = ClusterName::new(parts.next()?, parts.next()?).ok()?;
        let place = match parts.next()? {
            "topology" => Self::Topology,
            "settings" => Self::Settings,
            "operation" => Self::Operation,
            other => Self::Report(InstanceName::new(other.strip_prefix("health/")?).ok()?),
        };
        Some((cluster, place))
    }
}
