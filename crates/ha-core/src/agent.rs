//! What an agent owes to a topology.
//!
//! Both functions look at the state of now, so an agent may miss any number of topologies in between. It must only never
//! act on one that is older than one it has acted on, in this life or an earlier one: it reads the store afresh when it
//! starts, and orders what a watch tells by its revision.

use std::collections::BTreeSet;

use crate::history::Containment;
use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::Position;
use crate::topology::{Acknowledgement, Stage, Term, Topology};

/// What an instance is to do. In all of them but [`Duty::Serve`] it is read-only; one that is not, and cannot be made so
/// in an orderly way, has its database killed: a commit that waits for acknowledgements must not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Be read-only and listen to nobody.
    Idle,
    /// Accept nothing from anybody who was primary before `term`, and say so.
    Fence {
        /// The term.
        term: Term,
    },
    /// Follow `primary`.
    Follow {
        /// Its term.
        term: Term,
        /// Whom.
        primary: InstanceName,
        /// Whether to acknowledge what comes.
        acknowledge: bool,
    },
    /// Be the primary: apply what was received, refuse `barred`, become writable, or stay so.
    Serve {
        /// The term.
        term: Term,
        /// Whether commits wait for acknowledgements.
        acknowledgement: Acknowledgement,
        /// Whose connections to refuse.
        barred: BTreeSet<InstanceName>,
    },
    /// As primary of `term`, stop writing in an orderly way and say where.
    HandOver {
        /// The term.
        term: Term,
    },
    /// Make the data anew from a copy of `from`.
    Copy {
        /// Whose.
        from: InstanceName,
    },
}

/// Says what `me` is to do.
pub fn duty(me: &InstanceName, topology: &Topology) -> Duty {
    let term = topology.term;
    if let Some(from) = topology.clones.get(me) {
        return Duty::Copy { from: from.clone() };
    }
    match &topology.stage {
        Stage::Forming => Duty::Idle,
        Stage::Fencing { .. } => Duty::Fence { term },
        Stage::HandingOver { primary, .. } if primary == me => Duty::HandOver { term },
        Stage::Promoting { primary } | Stage::Serving { primary } if primary == me => {
            Duty::Serve { term, acknowledgement: topology.acknowledgement, barred: topology.barred.clone() }
        }
        Stage::Promoting { primary } | Stage::Serving { primary } | Stage::HandingOver { primary, .. } => {
            let acknowledge = topology.sync_set.contains(me) && !topology.barred.contains(me);
            Duty::Follow { term, primary: primary.clone(), acknowledge }
        }
    }
}

/// Says whether others count on `me` to hold what it may have acknowledged or written.
///
/// An instance that finds itself without data although this is so has lost it. It says that it is uncertain until it
/// has received again what the primary had executed then.
pub fn counted_on(me: &InstanceName, topology: &Topology) -> bool {
    let from = match &topology.stage {
        Stage::Fencing { from, .. } => Some(from),
        Stage::Forming | Stage::Promoting { .. } | Stage::Serving { .. } | Stage::HandingOver { .. } => None,
    };
    topology.sync_set.contains(me) || topology.primary().or(from) == Some(me)
}

/// How a database is to be started whose last life did not end well.
///
/// Its binary log may hold transactions that nobody acknowledged. As long as it may be wanted back as primary it must keep
/// them, for among them may be some that were; once somebody else has been promoted with all that were, it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Not yet.
    Wait,
    /// Keep all that the binary log holds.
    Keep,
    /// Roll back what is prepared and not committed, and cut the binary log there. What lies behind `after` is to be
    /// saved first.
    CutBack {
        /// The last position that surely belongs.
        after: Position,
    },
}

/// What an agent knows when it is about to start its database.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The topology, if there is one yet.
    pub topology: Option<&'a Topology>,
    /// Whether the database was writable in its last life and did not hand over.
    pub wrote: bool,
    /// The last transaction in its binary log.
    pub logged: Position,
    /// For how long it could have been started.
    pub waited: Millis,
    /// How long to leave a manager to promote somebody else.
    pub grace: Millis,
}

/// Says how the database of `me` is to be started.
pub fn start(me: &InstanceName, before: &Before<'_>) -> Start {
    let Some(topology) = before.topology else { return Start::Wait };
    if !before.wrote {
        return Start::Keep;
    }
    match &topology.stage {
        Stage::Forming => Start::Keep,
        Stage::Fencing { from, recall, .. } if from == me => {
            if *recall {
                Start::Keep
            } else {
                Start::Wait
            }
        }
        Stage::Promoting { primary } | Stage::Serving { primary } | Stage::HandingOver { primary, .. }
            if primary == me =>
        {
            if before.waited < before.grace {
                Start::Wait
            } else {
                Start::Keep
            }
        }
        Stage::Fencing { .. }
        | Stage::Promoting { .. }
        | Stage::Serving { .. }
        | Stage::HandingOver { .. } => match topology.history.contains(before.logged) {
            Containment::Contained | Containment::TooOld => Start::Keep,
            Containment::Diverged { after } => Start::CutBack { after },
        },
    }
}
