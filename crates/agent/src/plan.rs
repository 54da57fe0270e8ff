//! What to do next with a database that answers: from what it is and what it owes, one step at a time.
//!
//! ```text
//!              Fence                    Listen
//!   Unclear ----------> Idle <-----> Following
//!      ^                 |  Fence
//!      | failed          | Rise
//!      |                 v
//!      +-------------- Risen --Promote--> Primary <--Resume/HandOver--> HandedOver
//!                                            |                             | Fence
//!   Halfway: Promote or HandOver failed      | Kill                        v
//!            and may have left it writable   v                           Idle
//!                                          (end)
//! ```
//!
//! Invariant: from [`Posture::Primary`] and [`Posture::Halfway`] there is no way to anything that another term asks for but
//! through the end of the process. An orderly way would let commits return that wait for an acknowledgement.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use stanchion_ha_core::agent::Duty;
use stanchion_ha_core::{Acknowledgement, HandedOver, InstanceName, Position, Standing, Term};

/// Whom a database follows, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    /// In which term.
    pub(crate) term: Term,
    /// Whom.
    pub(crate) primary: InstanceName,
    /// Where that is.
    pub(crate) address: SocketAddr,
    /// Whether it acknowledges.
    pub(crate) acknowledge: bool,
}

/// What a primary does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Office {
    /// In which term.
    pub(crate) term: Term,
    /// From which position on its commits wait for acknowledgements.
    pub(crate) requires: Option<Position>,
    /// Whose connections it refuses.
    pub(crate) barred: BTreeSet<InstanceName>,
    /// What it had written when the newest of them was barred.
    pub(crate) barred_at: Position,
    /// Whether exactly those are refused: not while that changes, nor if it could not be changed.
    pub(crate) bars_settled: bool,
    /// Whether commits surely wait, or surely do not, as `requires` says.
    pub(crate) requirement_settled: bool,
}

impl Office {
    /// Begins an office in which all is as it says.
    pub(crate) fn new(
        term: Term,
        requires: Option<Position>,
        barred: BTreeSet<InstanceName>,
        barred_at: Position,
    ) -> Self {
        Self { term, requires, barred, barred_at, bars_settled: true, requirement_settled: true }
    }

    /// Says no more than what is true before and after a step that begins, and if it fails.
    pub(crate) fn unsettle(&mut self, step: &Step) {
        match step {
            Step::Bar(barred) => {
                self.barred.retain(|name| barred.contains(name));
                self.bars_settled = false;
            }
            Step::Require(_) => {
                self.requires = None;
                self.requirement_settled = false;
            }
            Step::Fence { .. }
            | Step::Listen(_)
            | Step::Acknowledge(_)
            | Step::Rise { .. }
            | Step::Promote { .. }
            | Step::HandOver { .. }
            | Step::Resume { .. }
            | Step::Copy { .. }
            | Step::Kill => {}
        }
    }
}

/// What a database that answers has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Posture {
    /// It is read-only, and a step that failed may have left it listening to somebody.
    Unclear(Option<Followed>),
    /// It is read-only and listens to nobody.
    Idle,
    /// It follows.
    Following(Followed),
    /// It has applied all that it has received, to become primary.
    Risen {
        /// In which term.
        term: Term,
    },
    /// It is the primary.
    Primary(Office),
    /// It was the primary and has stopped writing.
    HandedOver(HandedOver),
    /// It may be writable: a step to or from that failed.
    Halfway {
        /// In which term.
        term: Term,
    },
}

impl Posture {
    /// Returns whether clients may be able to write.
    pub(crate) fn may_write(&self) -> bool {
        match self {
            Self::Primary(_) | Self::Halfway { .. } => true,
            Self::Unclear(_) | Self::Idle | Self::Following(_) | Self::Risen { .. } | Self::HandedOver(_) => {
                false
            }
        }
    }
}

/// What can be done with a database that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Stop to listen to anybody, and learn what was received.
    Fence {
        /// Nobody is listened to from before this term.
        term: Term,
    },
    /// Follow somebody.
    Listen(Followed),
    /// Follow as before, and begin or cease to acknowledge.
    Acknowledge(Followed),
    /// Apply all that was received.
    Rise {
        /// In which term.
        term: Term,
    },
    /// Become writable.
    Promote {
        /// In which term.
        term: Term,
        /// Whether commits wait for acknowledgements.
        require: bool,
        /// Whose connections to refuse.
        barred: BTreeSet<InstanceName>,
    },
    /// Let commits wait for acknowledgements from now on, or no more.
    Require(bool),
    /// Refuse these connections and no others.
    Bar(BTreeSet<InstanceName>),
    /// Stop writing in an orderly way.
    HandOver {
        /// As primary of which term.
        term: Term,
    },
    /// Write again after all.
    Resume {
        /// Where it stopped.
        handed: HandedOver,
        /// Whose connections to refuse.
        barred: BTreeSet<InstanceName>,
    },
    /// Make the data anew.
    Copy {
        /// From whose.
        from: InstanceName,
    },
    /// End the process at once.
    Kill,
}

/// What a step is chosen from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    /// What is owed.
    pub(crate) duty: &'a Duty,
    /// What the database is.
    pub(crate) posture: &'a Posture,
    /// Nobody is listened to from before this term.
    pub(crate) fenced: Term,
    /// How what it holds stands to the history.
    pub(crate) standing: &'a Standing,
    /// Where the primary of the term is, once it says that it is the primary.
    pub(crate) primary: Option<SocketAddr>,
    /// Whether it was writable and has not handed over since.
    pub(crate) wrote: bool,
    /// Whether it surely holds all that it is counted on to hold, and all that the era of its term begins with.
    pub(crate) complete: bool,
    /// Whether the copy that is asked for has been made.
    pub(crate) copied: bool,
}

impl Sight<'_> {
    fn may_join(&self) -> bool {
        matches!(self.standing, Standing::Empty | Standing::Contained)
    }
}

/// Chooses the next step; nothing when all that is owed is done, or something has to happen elsewhere first.
pub(crate) fn next(sight: &Sight<'_>) -> Option<Step> {
    match sight.duty {
        Duty::Idle => fence(sight, Term(0)),
        Duty::Fence { term } => fence(sight, *term),
        Duty::Follow { term, primary, acknowledge } => follow(sight, *term, primary, *acknowledge),
        Duty::Serve { term, acknowledgement, barred } => serve(sight, *term, *acknowledgement, barred),
        Duty::HandOver { term } => hand_over(sight, *term),
        Duty::Copy { from } => copy(sight, from),
    }
}

fn fence(sight: &Sight<'_>, term: Term) -> Option<Step> {
    match sight.posture {
        Posture::Primary(_) | Posture::Halfway { .. } => Some(Step::Kill),
        Posture::Idle | Posture::HandedOver(_) if sight.fenced >= term => None,
        Posture::Idle
        | Posture::HandedOver(_)
        | Posture::Unclear(_)
        | Posture::Following(_)
        | Posture::Risen { .. } => Some(Step::Fence { term }),
    }
}

fn follow(sight: &Sight<'_>, term: Term, primary: &InstanceName, acknowledge: bool) -> Option<Step> {
    if sight.posture.may_write() {
        return Some(Step::Kill);
    }
    let now = match sight.posture {
        Posture::Following(now) if now.term == term && now.primary == *primary => Some(now),
        Posture::Unclear(_)
        | Posture::Idle
        | Posture::Following(_)
        | Posture::Risen { .. }
        | Posture::Primary(_)
        | Posture::HandedOver(_)
        | Posture::Halfway { .. } => None,
    };
    let Some(address) = sight.primary.or(now.map(|now| now.address)).filter(|_| sight.may_join()) else {
        // Whoever was listened to until now is not the primary any more.
        return fence(sight, term);
    };
    let wanted = Followed { term, primary: primary.clone(), address, acknowledge };
    match now {
        Some(now) if *now == wanted => None,
        Some(now) if now.address == address => Some(Step::Acknowledge(wanted)),
        Some(_) | None => Some(Step::Listen(wanted)),
    }
}

fn serve(
    sight: &Sight<'_>,
    term: Term,
    acknowledgement: Acknowledgement,
    barred: &BTreeSet<InstanceName>,
) -> Option<Step> {
    let require = match acknowledgement {
        Acknowledgement::Alone => false,
        Acknowledgement::Entering | Acknowledgement::Required => true,
    };
    let promote = || Step::Promote { term, require, barred: barred.clone() };
    match sight.posture {
        Posture::Primary(office) if office.term == term => {
            if office.barred != *barred || !office.bars_settled {
                Some(Step::Bar(barred.clone()))
            } else if office.requires.is_some() != require || !office.requirement_settled {
                Some(Step::Require(require))
            } else {
                None
            }
        }
        Posture::Halfway { term: begun } if *begun == term => Some(promote()),
        Posture::Primary(_) | Posture::Halfway { .. } => Some(Step::Kill),
        Posture::HandedOver(handed) if handed.term == term => {
            Some(Step::Resume { handed: handed.clone(), barred: barred.clone() })
        }
        Posture::Risen { term: risen } if *risen == term => Some(promote()),
        Posture::Unclear(_)
        | Posture::Idle
        | Posture::Following(_)
        | Posture::Risen { .. }
        | Posture::HandedOver(_) => (sight.may_join() && sight.complete).then_some(Step::Rise { term }),
    }
}

fn hand_over(sight: &Sight<'_>, term: Term) -> Option<Step> {
    match sight.posture {
        Posture::Primary(Office { term: own, .. }) | Posture::Halfway { term: own } => {
            Some(if *own == term { Step::HandOver { term } } else { Step::Kill })
        }
        Posture::HandedOver(handed) if handed.term == term => None,
        // It was restarted meanwhile and kept all it had written.
        Posture::Idle if sight.wrote && sight.may_join() => Some(Step::HandOver { term }),
        Posture::Unclear(_)
        | Posture::Idle
        | Posture::Following(_)
        | Posture::Risen { .. }
        | Posture::HandedOver(_) => fence(sight, Term(0)),
    }
}

fn copy(sight: &Sight<'_>, from: &InstanceName) -> Option<Step> {
    if sight.posture.may_write() {
        Some(Step::Kill)
    } else if sight.copied {
        fence(sight, Term(0))
    } else {
        Some(Step::Copy { from: from.clone() })
    }
}

#[cfg(test)]
mod tests;
