//! Why a node is refused, in the words that users know.

use std::fmt;
use std::sync::Arc;

/// The filters that can refuse a node, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// The Pod has gates.
    SchedulingGates,
    /// The node is cordoned.
    NodeUnschedulable,
    /// The Pod asks for another node by name.
    NodeName,
    /// The node has taints.
    TaintToleration,
    /// The node has other labels.
    NodeAffinity,
    /// Ports are taken.
    NodePorts,
    /// Resources are taken.
    NodeResourcesFit,
    /// A volume is in use.
    VolumeRestrictions,
    /// A volume is elsewhere, or none is left.
    VolumeBinding,
    /// Too many Pods of the kind in the domain.
    PodTopologySpread,
    /// Other Pods are too near or too far.
    InterPodAffinity,
}

impl Filter {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SchedulingGates,
        Self::NodeUnschedulable,
        Self::NodeName,
        Self::TaintToleration,
        Self::NodeAffinity,
        Self::NodePorts,
        Self::NodeResourcesFit,
        Self::VolumeRestrictions,
        Self::VolumeBinding,
        Self::PodTopologySpread,
        Self::InterPodAffinity,
    ];

    /// Returns the name that configurations and messages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SchedulingGates => "SchedulingGates",
            Self::NodeUnschedulable => "NodeUnschedulable",
            Self::NodeName => "NodeName",
            Self::TaintToleration => "TaintToleration",
            Self::NodeAffinity => "NodeAffinity",
            Self::NodePorts => "NodePorts",
            Self::NodeResourcesFit => "NodeResourcesFit",
            Self::VolumeRestrictions => "VolumeRestrictions",
            Self::VolumeBinding => "VolumeBinding",
            Self::PodTopologySpread => "PodTopologySpread",
            Self::InterPodAffinity => "InterPodAffinity",
        }
    }
}

/// A resource that is short.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shortage {
    /// The node has its number of Pods.
    Pods,
    /// Too little of this is left.
    Resource(Arc<str>),
}

/// Why a node is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is cordoned.
    Cordoned,
    /// The Pod asks for another one.
    OtherName,
    /// A taint is not tolerated.
    Taint {
        /// Its key.
        key: Arc<str>,
        /// Its value.
        value: Arc<str>,
    },
    /// Its labels or name do not match.
    Affinity,
    /// The Pod can only run on nodes with other names.
    NotNamed,
    /// Ports are taken.
    Ports,
    /// Too little is left.
    Resources {
        /// Of what.
        short: Vec<Shortage>,
        /// Whether the node would be too small even without any Pod.
        ever: bool,
    },
    /// A claim of one Pod at a time is in use.
    ClaimInUse,
    /// A bound volume cannot be reached from there.
    VolumeElsewhere,
    /// No volume can be bound there.
    NoVolume,
    /// A bound volume is gone.
    VolumeGone,
    /// There are too many Pods in its domain.
    Spread,
    /// It lacks a label that the Pod is to be spread by.
    SpreadLabel,
    /// The Pods to be near to are elsewhere.
    PodAffinity,
    /// Pods not to be near to are there.
    PodAntiAffinity,
    /// Pods that want to be far from this one are there.
    ExistingAntiAffinity,
}

impl Refusal {
    /// Returns which filter says so.
    pub fn filter(&self) -> Filter {
        match self {
            Self::Cordoned => Filter::NodeUnschedulable,
            Self::OtherName => Filter::NodeName,
            Self::Taint { .. } => Filter::TaintToleration,
            Self::Affinity | Self::NotNamed => Filter::NodeAffinity,
            Self::Ports => Filter::NodePorts,
            Self::Resources { .. } => Filter::NodeResourcesFit,
            Self::ClaimInUse => Filter::VolumeRestrictions,
            Self::VolumeElsewhere | Self::NoVolume | Self::VolumeGone => Filter::VolumeBinding,
            Self::Spread | Self::SpreadLabel => Filter::PodTopologySpread,
            Self::PodAffinity | Self::PodAntiAffinity | Self::ExistingAntiAffinity => {
                Filter::InterPodAffinity
            }
        }
    }

    /// Returns whether it may go when Pods of the node go.
    pub fn is_resolvable(&self) -> bool {
        match self {
            Self::Ports
            | Self::ClaimInUse
            | Self::Spread
            | Self::PodAntiAffinity
            | Self::ExistingAntiAffinity => true,
            Self::Resources { ever, .. } => !ever,
            Self::Cordoned
            | Self::OtherName
            | Self::Taint { .. }
            | Self::Affinity
            | Self::NotNamed
            | Self::VolumeElsewhere
            | Self::NoVolume
            | Self::VolumeGone
            | Self::SpreadLabel
            | Self::PodAffinity => false,
        }
    }

    /// Returns the reasons as they stand in messages; there are several if several resources are short.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Taint { key, value } => vec![format!("node(s) had untolerated taint {{{key}: {value}}}")],
            Self::Resources { short, .. } => short.iter().map(ToString::to_string).collect(),
            Self::Cordoned => vec!["node(s) were unschedulable".to_owned()],
            Self::OtherName => vec!["node(s) didn't match the requested node name".to_owned()],
            Self::Affinity => vec!["node(s) didn't match Pod's node affinity/selector".to_owned()],
            Self::NotNamed => vec!["node(s) didn't satisfy plugin(s) [NodeAffinity]".to_owned()],
            Self::Ports => vec!["node(s) didn't have free ports for the requested pod ports".to_owned()],
            Self::ClaimInUse => vec![
                "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
                    .to_owned(),
            ],
            Self::VolumeElsewhere => vec!["node(s) didn't match PersistentVolume's node affinity".to_owned()],
            Self::NoVolume => vec!["node(s) didn't find available persistent volumes to bind".to_owned()],
            Self::VolumeGone => {
                vec!["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)".to_owned()]
            }
            Self::Spread => vec!["node(s) didn't match pod topology spread constraints".to_owned()],
            Self::SpreadLabel => {
                vec![
                    "node(s) didn't match pod topology spread constraints (missing required label)"
                        .to_owned(),
                ]
            }
            Self::PodAffinity => vec!["node(s) didn't match pod affinity rules".to_owned()],
            Self::PodAntiAffinity => vec!["node(s) didn't match pod anti-affinity rules".to_owned()],
            Self::ExistingAntiAffinity => {
                vec!["node(s) didn't satisfy existing pods anti-affinity rules".to_owned()]
            }
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods => f.write_str("Too many pods"),
            Self::Resource(name) => write!(f, "Insufficient {name}"),
        }
    }
}

/// Why no node can be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// A claim does not exist.
    NoClaim(Arc<str>),
    /// A claim is being deleted.
    ClaimDeleted(Arc<str>),
    /// A claim has lost its volume.
    ClaimLost {
        /// The claim.
        claim: Arc<str>,
        /// The volume.
        volume: Arc<str>,
    },
    /// A claim waits for its volume, whatever the node.
    Unbound,
    /// A claim names a class that does not exist.
    NoClass(Arc<str>),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClaim(name) => write!(f, "persistentvolumeclaim \"{name}\" not found"),
            Self::ClaimDeleted(name) => write!(f, "persistentvolumeclaim \"{name}\" is being deleted"),
            Self::ClaimLost { claim, volume } => {
                write!(
                    f,
                    "persistentvolumeclaim \"{claim}\" bound to non-existent persistentvolume \"{volume}\""
                )
            }
            Self::Unbound => f.write_str("pod has unbound immediate PersistentVolumeClaims"),
            Self::NoClass(name) => write!(f, "storageclass.storage.k8s.io \"{name}\" not found"),
        }
    }
}
