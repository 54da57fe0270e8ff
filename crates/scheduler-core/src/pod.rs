//! What is known of a Pod, split by how it is used.
//!
//! A [`Shape`] is everything that can be held against one node alone; Pods of one template share it, and so what was
//! found out about nodes. A [`Kin`] is how other Pods see it. Spreading and affinity look at many nodes.

use std::sync::Arc;

use crate::labels::LabelSet;
use crate::node::{NodeRequirement, PreferredNodes, Toleration};
use crate::relation::{Affinity, Spread};
use crate::resources::PodRequest;

/// A port of the node's own that a container wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The address, or none for all.
    pub ip: Option<Arc<str>>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Arc<str>,
    /// The port.
    pub port: i32,
}

impl HostPort {
    /// Returns whether both cannot be had on one node.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip.is_none() || other.ip.is_none() || self.ip == other.ip)
    }
}

/// What can be held against one node alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The node it asks for by name.
    pub node_name: Option<Arc<str>>,
    /// Which nodes will do.
    pub nodes: NodeRequirement,
    /// Which nodes are rather wanted.
    pub preferred: Vec<PreferredNodes>,
    /// Which taints it bears.
    pub tolerations: Vec<Toleration>,
    /// What it asks for.
    pub request: PodRequest,
    /// Ports of the node.
    pub ports: Vec<HostPort>,
    /// The images of all containers, init containers among them.
    pub images: Vec<Arc<str>>,
}

/// How other Pods see a Pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kin {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its labels.
    pub labels: LabelSet,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// What a Pod with a higher priority may do to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreemptionPolicy {
    /// Have them removed.
    #[default]
    LowerPriority,
    /// Nothing.
    Never,
}

/// A Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// What tells it from all others, ever.
    pub uid: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// How others see it.
    pub kin: Kin,
    /// What can be held against one node alone.
    pub shape: Arc<Shape>,
    /// How it wants to be spread.
    pub spread: Arc<Spread>,
    /// Near which Pods it wants to be.
    pub affinity: Arc<Affinity>,
    /// The claims it uses, by name.
    pub claims: Vec<Arc<str>>,
    /// Its priority.
    pub priority: i32,
    /// What it may do to Pods of lower priority.
    pub preemption: PreemptionPolicy,
    /// The node it is bound to.
    pub node: Option<Arc<str>>,
    /// The node that is kept free for it.
    pub nominated: Option<Arc<str>>,
    /// What has to be lifted before it is scheduled.
    pub gates: Vec<Arc<str>>,
    /// Whether its end is the scheduler's doing (condition `DisruptionTarget`, reason `PreemptionByScheduler`).
    pub preempted: bool,
    /// When it was created, in milliseconds of Unix time.
    pub created: i64,
    /// When it was started, in milliseconds of Unix time.
    pub started: Option<i64>,
}

impl Pod {
    /// Returns `namespace/name`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.kin.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_conflict_on_one_address() {
        let port = |ip: Option<&str>, protocol: &str, port| HostPort {
            ip: ip.map(Into::into),
            protocol: protocol.into(),
            port,
        };
        let table = [
            (port(None, "TCP", 80), port(None, "TCP", 80), true),
            (port(None, "TCP", 80), port(None, "UDP", 80), false),
            (port(None, "TCP", 80), port(None, "TCP", 81), false),
            (port(Some("127.0.0.1"), "TCP", 80), port(None, "TCP", 80), true),
            (port(Some("127.0.0.1"), "TCP", 80), port(Some("127.0.0.2"), "TCP", 80), false),
            (port(Some("127.0.0.1"), "TCP", 80), port(Some("127.0.0.1"), "TCP", 80), true),
        ];
        for (one, other, expected) in table {
            assert_eq!(one.conflicts(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.conflicts(&one), expected, "{other:?} {one:?}");
        }
    }
}
