//! What is wanted of a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::Position;

/// The number of a primary's time. It only goes up, and no two primaries share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(pub u64);

impl Term {
    /// Returns the term after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is wanted of a cluster. Only a manager writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// The term.
    pub term: Term,
    /// How far the term has come.
    pub stage: Stage,
    /// Whether a commit needs somebody else's acknowledgement.
    pub acknowledgement: Acknowledgement,
    /// Who may acknowledge commits of the primary.
    pub sync_set: BTreeSet<InstanceName>,
    /// Whose connections the primary must refuse, because they cannot be told that they may not acknowledge.
    pub barred: BTreeSet<InstanceName>,
    /// Who is to be made anew from a copy of whom.
    pub clones: BTreeMap<InstanceName, InstanceName>,
    /// Which transactions belong to the cluster.
    pub history: History,
    /// The older cluster whose data this one goes on with, by its uid, if its first primary held such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The failover that is under way, or the last one.
    pub failover: Option<Failover>,
}

/// How far a term has come.
///
/// ```text
///   Forming ----> Promoting ----> Serving <----> HandingOver
///                     ^              |                |
///                     |              v                |
///                     +---------- Fencing             |
///                     ^                               |
///                     +-------------------------------+
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Stage {
    /// There never was a primary; instances are to start and say what they hold.
    Forming,
    /// `primary` is to apply what it has received and to become writable; the others follow it.
    Promoting {
        /// Who.
        primary: InstanceName,
    },
    /// `primary` writes, the others follow it.
    Serving {
        /// Who.
        primary: InstanceName,
    },
    /// `primary` is to stop writing and to say where it stopped, so that `to` can go on from there.
    HandingOver {
        /// Who writes until now.
        primary: InstanceName,
        /// Who will.
        to: InstanceName,
    },
    /// Nobody is to accept anything from `from`, nor from anybody who was primary before this term.
    Fencing {
        /// Who was primary.
        from: InstanceName,
        /// Whether `from` itself is wanted back, because nobody else surely holds everything.
        recall: bool,
        /// Who is to be promoted, if a person said so.
        to: Option<InstanceName>,
    },
}

/// Whether a commit needs somebody else's acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Acknowledgement {
    /// The primary is alone, and its own disk is all there is.
    Alone,
    /// The primary is to wait for acknowledgements from now on, and to say from which position on it does.
    Entering,
    /// Every commit behind the position waits for one member of the sync set.
    Required,
}

/// Why a primary was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name", rename_all_fields = "camelCase")]
pub enum Cause {
    /// Its agent reported that the database ended.
    DatabaseEnded {
        /// How, in the agent's words.
        how: String,
    },
    /// Its agent reported that the database does not answer.
    DatabaseUnresponsive,
    /// Its Pod has ended, failed or is gone.
    PodGone {
        /// What the Pod's status says.
        evidence: String,
    },
    /// It was silent, and its Pod did not run.
    SilentPodNotRunning,
    /// It was silent and no replica hears it, though its Pod looks as if it ran.
    SilentUnheard,
    /// Somebody asked for another primary.
    Requested,
    /// It is about to leave, as when its Pod is deleted.
    Leaving,
    /// Nobody acknowledged its commits any more, and whoever could had to be copied from it first, which takes that none waits.
    Unacknowledged,
}

/// The story of one change of primary. Times are since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// The term that it began.
    pub term: Term,
    /// Who was primary.
    pub from: InstanceName,
    /// Who is.
    pub to: Option<InstanceName>,
    /// Why.
    pub cause: Cause,
    /// What happened when.
    pub moments: Vec<Moment>,
    /// What the new primary held.
    pub position: Option<Position>,
    /// The id of the operation that asked for it.
    pub operation: Option<String>,
    /// Who could not be asked, if the new primary may lack what they acknowledged.
    pub unasked: BTreeSet<InstanceName>,
}

/// Something that happened in a failover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// What.
    pub step: Step,
    /// When, since the Unix epoch.
    pub at: Millis,
}

/// The steps of a failover, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The last good report of the old primary.
    LastGoodHeartbeat,
    /// The old primary became suspect.
    Suspected,
    /// It was given up, or asked to hand over.
    Verdict,
    /// Everybody who may have acknowledged has confirmed the fence, or the old primary said where it stopped.
    Fenced,
    /// The new primary was chosen.
    Promoted,
    /// The new primary is writable.
    Writable,
}

impl Topology {
    /// Returns the topology of a cluster that has never had a primary.
    pub fn forming() -> Self {
        Self {
            term: Term(0),
            stage: Stage::Forming,
            acknowledgement: Acknowledgement::Alone,
            sync_set: BTreeSet::new(),
            barred: BTreeSet::new(),
            clones: BTreeMap::new(),
            history: History::default(),
            origin: None,
            failover: None,
        }
    }

    /// Returns who is primary, or will be as soon as it is writable.
    pub fn primary(&self) -> Option<&InstanceName> {
        match &self.stage {
            Stage::Forming | Stage::Fencing { .. } => None,
            Stage::Promoting { primary }
            | Stage::Serving { primary }
            | Stage::HandingOver { primary, .. } => Some(primary),
        }
    }
}
