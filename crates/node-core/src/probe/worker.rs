//! When to ask, and how often the same answer has to come.
//!
//! One worker per container and probe. The shell calls [`Worker::step`] with what it sees, does what the step
//! says, and hands the answer to [`Worker::answer`].
//!
//! ```text
//!             new instance                 threshold reached; startup, or liveness failed
//!  idle ----------------------> asking --------------------------------------------------> on hold
//!   ^  instance ended             |  \__ below the threshold: the result stays               |
//!   +-----------------------------+<----------------------- new instance -------------------+
//! ```

use super::{Kind, Outcome, Probe};
use crate::moment::Moment;

/// What the worker has to know of its container and Pod.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The id of the newest instance, if there ever was one.
    pub instance: Option<&'a str>,
    /// Since when it runs, if it does.
    pub running_since: Option<Moment>,
    /// Whether it has come up.
    pub started: bool,
    /// Whether the Pod is being ended.
    pub deleting: bool,
    /// Whether the Pod or the container is over for good.
    pub over: bool,
}

/// A result that the world should learn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the probe found, or `None` where it is open again.
    pub outcome: Option<Outcome>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask now, and hand in the answer.
    Ask,
    /// Nothing before this moment, unless something changes.
    Wait(Moment),
    /// Nothing unless something changes.
    Idle,
    /// Never anything again: drop the worker.
    End,
}

/// The state of one probe of one container.
#[derive(Clone, Debug)]
pub struct Worker {
    kind: Kind,
    probe: Probe,
    instance: Option<String>,
    result: Option<Outcome>,
    last: Option<Outcome>,
    run: u32,
    on_hold: bool,
    next: Moment,
}

impl Worker {
    /// Makes the worker of a probe. `first` is the earliest moment of the first question: now, or later within one
    /// period when the node itself has just started and many workers begin at once.
    pub fn new(kind: Kind, probe: Probe, first: Moment) -> Self {
        let result = kind.initial();
        Self { kind, probe, instance: None, result, last: None, run: 0, on_hold: false, next: first }
    }

    /// Returns the worker's probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Returns what it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the result that holds, for the instance seen last.
    pub fn result(&self) -> Option<Outcome> {
        self.result
    }

    /// Takes in what is seen, and says what to do and whether the result changed.
    pub fn step(&mut self, seen: &Seen<'_>, now: Moment) -> (Step, Option<Change>) {
        let before = self.result;
        let step = self.decide(seen, now);
        (step, self.change_since(before))
    }

    fn decide(&mut self, seen: &Seen<'_>, now: Moment) -> Step {
        if seen.over {
            return Step::End;
        }
        let Some(instance) = seen.instance else { return Step::Idle };
        if self.instance.as_deref() != Some(instance) {
            self.resume_for(instance);
        }
        // A Pod that ends is not restarted, and its containers must not look as if they failed.
        if seen.deleting && self.kind != Kind::Readiness {
            self.result = Some(Outcome::Success);
            return Step::End;
        }
        if self.on_hold {
            return Step::Idle;
        }
        let Some(since) = seen.running_since else {
            self.result = Some(Outcome::Failure);
            return Step::Idle;
        };
        if seen.started == (self.kind == Kind::Startup) {
            return Step::Idle;
        }
        let due = self.next.max(since + self.probe.initial_delay);
        if due > now {
            return Step::Wait(due);
        }
        self.next = now + self.probe.period;
        Step::Ask
    }

    fn resume_for(&mut self, instance: &str) {
        if self.instance.is_some() {
            self.next = Moment::default();
        }
        self.instance = Some(instance.to_owned());
        self.result = self.kind.initial();
        self.last = None;
        self.run = 0;
        self.on_hold = false;
    }

    /// Takes in an answer about an instance. `None`: the question could not be put, which says nothing.
    pub fn answer(&mut self, instance: &str, outcome: Option<Outcome>) -> Option<Change> {
        let outcome = outcome?;
        if self.instance.as_deref() != Some(instance) || self.on_hold {
            return None;
        }
        let before = self.result;
        self.run = if self.last == Some(outcome) { self.run.saturating_add(1) } else { 1 };
        self.last = Some(outcome);
        let needed = match outcome {
            Outcome::Success => self.probe.success_threshold,
            Outcome::Failure => self.probe.failure_threshold,
        };
        if self.run < needed {
            return None;
        }
        self.result = Some(outcome);
        if self.kind == Kind::Startup || (self.kind == Kind::Liveness && outcome == Outcome::Failure) {
            self.on_hold = true;
            self.run = 0;
        }
        self.change_since(before)
    }

    /// Makes the next question due at once, for instance when startup has just succeeded.
    pub fn trigger(&mut self) {
        self.next = Moment::default();
    }

    fn change_since(&self, before: Option<Outcome>) -> Option<Change> {
        (self.result != before).then_some(Change { outcome: self.result })
    }
}

#[cfg(test)]
mod tests;
