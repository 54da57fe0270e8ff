//! How fast Pods may be evicted from nodes that are down, zone by zone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;

use super::taints;
use crate::members::ZONE;

const REGION: &str = "topology.kubernetes.io/region";

/// Time between two nodes of a zone: 0.1 a second, and 0.01 where many are down.
const FIRST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(100);
/// When to ask again where nothing may be evicted.
const LATER: Duration = Duration::from_secs(5);
/// Nodes of a zone from which on evictions go on slowly where many are down; a smaller zone stops.
const LARGE: usize = 50;
/// Of how many nodes in a hundred it is said that many are down, and how many they must be at least.
const MANY: (usize, usize) = (55, 3);

/// Whether a node may be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Go,
    Wait(Duration),
    /// It was not asked for.
    Stopped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Zone {
    ready: usize,
    down: usize,
    last: Option<Timestamp>,
}

impl Zone {
    fn is_down(&self) -> bool {
        self.ready == 0 && self.down > 0
    }

    /// Returns the time between two nodes; none if nothing may be evicted.
    fn interval(&self) -> Option<Duration> {
        let all = self.ready + self.down;
        if self.is_down() || self.down < MANY.1 || self.down * 100 < all * MANY.0 {
            Some(FIRST)
        } else {
            (all > LARGE).then_some(SECOND)
        }
    }
}

/// The zones of the cluster.
#[derive(Debug, Default)]
pub(super) struct Zones(BTreeMap<(String, String), Zone>);

fn name(node: &Node) -> (String, String) {
    let label = |key: &str| node.metadata.labels.as_ref()?.get(key).cloned();
    (label(REGION).unwrap_or_default(), label(ZONE).unwrap_or_default())
}

impl Zones {
    /// Counts the nodes of each zone.
    pub(super) fn renew(&mut self, nodes: &[Arc<Node>]) {
        for zone in self.0.values_mut() {
            *zone = Zone { last: zone.last, ..Zone::default() };
        }
        for node in nodes {
            let zone = self.0.entry(name(node)).or_default();
            if taints::is_ready(node) {
                zone.ready += 1;
            } else {
                zone.down += 1;
            }
        }
        self.0.retain(|_, zone| zone.ready + zone.down > 0);
    }

    /// Returns whether no node is heard of: then it is us who are cut off.
    pub(super) fn is_all_down(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(Zone::is_down)
    }

    /// Asks whether a node may be emptied now.
    pub(super) fn take(&mut self, node: &Node, now: Timestamp) -> Pace {
        if self.0.is_empty() {
            // Nobody has counted yet.
            return Pace::Wait(LATER);
        }
        let zone = self.0.entry(name(node)).or_default();
        let Some(interval) = zone.interval() else { return Pace::Wait(LATER) };
        let passed = zone.last.map(|last| Duration::try_from(now.duration_since(last)).unwrap_or_default());
        let left = passed.and_then(|passed| interval.checked_sub(passed)).filter(|left| !left.is_zero());
        if let Some(left) = left {
            return Pace::Wait(left);
        }
        zone.last = Some(now);
        Pace::Go
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nodes(zone: &str, ready: usize, down: usize) -> Vec<Arc<Node>> {
        let node = |status: &str| {
            let object = json!({
                "metadata": {"labels": {ZONE: zone}}, "status": {"conditions": [{"type": "Ready", "status": status}]},
            });
            Arc::new(serde_json::from_value(object).expect("a node"))
        };
        let ready = (0..ready).map(|_| node("True"));
        (0..down).map(|_| node("Unknown")).chain(ready).collect()
    }

    #[test]
    fn evictions_keep_the_pace_of_their_zone() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a moment");
        let table = [
            (9, 1, 0, Pace::Wait(FIRST)),
            // Two of two is a whole zone, three of five are many in a small one, and 30 of 53 in a large one.
            (0, 2, 1, Pace::Wait(FIRST)),
            (2, 3, 0, Pace::Wait(LATER)),
            (23, 30, 0, Pace::Wait(SECOND)),
            (1, 2, 0, Pace::Wait(FIRST)),
        ];
        for (ready, down, other, second) in table {
            let mut zones = Zones::default();
            let zone = nodes("a", ready, down);
            zones.renew(&[zone.clone(), nodes("b", other, 0)].concat());
            let first = if second == Pace::Wait(LATER) { second } else { Pace::Go };
            assert!(!zones.is_all_down());
            assert_eq!(
                (zones.take(&zone[0], at(100)), zones.take(&zone[0], at(100))),
                (first, second),
                "{ready} {down}"
            );
            if first == Pace::Go {
                assert_eq!(zones.take(&zone[0], at(200)), Pace::Go);
            }
        }
        let mut zones = Zones::default();
        assert_eq!(
            (zones.is_all_down(), zones.take(&nodes("a", 0, 1)[0], at(0))),
            (false, Pace::Wait(LATER))
        );
        zones.renew(&[nodes("a", 0, 3), nodes("b", 0, 1)].concat());
        assert!(zones.is_all_down());
    }
}
