//! The order in which all Pods of a node are ended when the node itself is to end.
//!
//! ```text
//! Running -> Ordinary: those that are not critical -> All: the rest
//! ```

use k8s_openapi::api::core::v1::PodSpec;

use crate::qos::is_critical;
use crate::status::Failure;

/// How far the end of a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// The node goes on.
    #[default]
    Running,
    /// Pods that are not critical end.
    Ordinary,
    /// All Pods end.
    All,
}

impl Shutdown {
    /// Returns whether a Pod is to have nothing running by now.
    pub fn ends(self, spec: &PodSpec) -> bool {
        match self {
            Self::Running => false,
            Self::Ordinary => !is_critical(spec),
            Self::All => true,
        }
    }
}

/// Words the end of a Pod whose containers would not be started again after a shutdown.
pub fn failure() -> Failure {
    Failure {
        reason: "Terminated".to_owned(),
        message: "Pod was terminated in response to imminent node shutdown.".to_owned(),
        is_disruption: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_pods_end_last() {
        let of = |priority| PodSpec { priority, ..PodSpec::default() };
        let (ordinary, critical) = (of(Some(1_000_000_000)), of(Some(2_000_000_000)));
        for (phase, first, second) in [
            (Shutdown::Running, false, false),
            (Shutdown::Ordinary, true, false),
            (Shutdown::All, true, true),
        ] {
            assert_eq!((phase.ends(&ordinary), phase.ends(&critical)), (first, second), "{phase:?}");
        }
        assert!(Shutdown::Ordinary.ends(&of(None)));
    }
}
