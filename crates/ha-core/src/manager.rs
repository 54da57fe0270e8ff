//! What a manager changes.
//!
//! [`decide`] looks at everything that is known and says what the topology should be next. It is called whenever
//! something changes, and at the latest when it said. One step at a time: each is written by compare-and-swap before the
//! next is decided, so two managers, or one that was frozen, cannot mix their steps.
//!
//! | file | stage |
//! |---|---|
//! | `form` | `Forming`: all instances of a new cluster have come |
//! | `verdict` | is the primary dead? |
//! | `fence` | `Fencing`: has everybody confirmed, and who is promoted |
//! | `serve` | `Promoting` and `Serving`: verdicts, what people ask for, who leaves |
//! | `members` | who acknowledges, who is barred, who is copied |
//! | `handover` | `HandingOver`: has the primary stopped |
//! | `prospects` | what a failover would do right now |

mod fence;
mod form;
mod handover;
mod members;
mod prospects;
mod serve;
mod verdict;
mod view;

pub use prospects::Prospects;
pub use view::{Memory, Operation, OperationKind, Pod, Seen, View};

use crate::millis::Millis;
use crate::topology::{Stage, Topology};

/// What is to happen next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The topology to write in place of the one that was looked at.
    pub topology: Option<Topology>,
    /// What is waited for, for people.
    pub waiting: Option<String>,
    /// What became of the operation that was asked for.
    pub operation: Option<Outcome>,
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is being carried out, or waits.
    Running(String),
    /// It is done.
    Done(String),
    /// It was given up, and things are as they were.
    Failed(String),
}

impl Decision {
    fn write(topology: Topology) -> Self {
        Self { topology: Some(topology), ..Self::default() }
    }

    fn wait(why: impl Into<String>) -> Self {
        Self { waiting: Some(why.into()), ..Self::default() }
    }

    fn telling(self, outcome: Outcome) -> Self {
        Self { operation: Some(outcome), ..self }
    }
}

/// Says what is to happen next.
pub fn decide(view: &View<'_>, memory: &mut Memory) -> Decision {
    memory.note(view);
    match &view.topology.stage {
        Stage::Forming => form::decide(view),
        Stage::Promoting { primary } => serve::promoting(view, memory, primary),
        Stage::Serving { primary } => serve::serving(view, memory, primary),
        Stage::HandingOver { primary, to } => handover::decide(view, memory, primary, to),
        Stage::Fencing { from, recall, to } => fence::decide(view, memory, from, *recall, to.as_ref()),
    }
}

/// Returns how long until a decision may differ although nothing has changed.
pub fn look_again(view: &View<'_>) -> Millis {
    Millis((view.settings.heartbeat_interval.0 / 4).clamp(10, 250))
}

/// Says what a failover would do right now.
pub fn prospects(view: &View<'_>) -> Prospects {
    prospects::of(view)
}

#[cfg(test)]
mod tests;
