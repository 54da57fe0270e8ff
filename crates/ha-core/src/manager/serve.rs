//! A term with a primary: it rises, it serves, it is given up, it hands over.

use super::verdict::{self, Verdict};
use super::{Decision, Memory, Operation, OperationKind, Outcome, View, fence, handover, members};
use crate::name::InstanceName;
use crate::report::{Role, Standing};
use crate::topology::{Cause, Moment, Stage, Step};

/// Waits until the primary is writable.
pub(super) fn promoting(view: &View<'_>, memory: &Memory, primary: &InstanceName) -> Decision {
    let writable = view.fresh(primary).is_some_and(|report| {
        report.is_running() && matches!(report.role, Role::Primary { term, .. } if term == view.topology.term)
    });
    if writable {
        let mut next = view.topology.clone();
        next.stage = Stage::Serving { primary: primary.clone() };
        if let Some(failover) = &mut next.failover
            && failover.term == next.term
        {
            failover.moments.push(Moment { step: Step::Writable, at: view.wall });
        }
        return Decision::write(next);
    }
    if let Some(decision) = given_up(view, primary) {
        return decision;
    }
    if let Some(cause) = unfit(view, primary)
        && !view.settings.paused
    {
        return Decision::write(fence::begin(view, primary, None, cause));
    }
    members::maintain(view, memory, primary).unwrap_or_else(|| Decision::wait(rising(view, primary)))
}

fn rising(view: &View<'_>, primary: &InstanceName) -> String {
    match view.fresh(primary).map(|report| &report.role) {
        Some(Role::Rising { trouble: Some(trouble), .. }) => {
            format!("{primary} cannot become writable: {trouble}")
        }
        _ => format!("{primary} applies what it has received, to become writable"),
    }
}

/// Returns why somebody who was promoted cannot become primary, or is no longer wanted.
fn unfit(view: &View<'_>, primary: &InstanceName) -> Option<Cause> {
    let report = view.fresh(primary).filter(|report| view.has_seen(report))?;
    let base = view.topology.history.base();
    if matches!(report.standing, Standing::NeedsCopy { .. }) || !report.received.reaches(base) {
        let how = format!("it does not hold what it was promoted for: {} of {base}", report.received);
        return Some(Cause::DatabaseEnded { how });
    }
    let story = view.topology.failover.as_ref().and_then(|story| story.operation.as_ref());
    view.operation
        .filter(|asked| asked.kind == OperationKind::Failover && view.wall < asked.until)
        .filter(|asked| story != Some(&asked.id) && asked.to.as_ref() != Some(primary))
        .map(|_| Cause::Requested)
}

/// Looks after a cluster that works.
pub(super) fn serving(view: &View<'_>, memory: &Memory, primary: &InstanceName) -> Decision {
    if let Some(decision) = given_up(view, primary) {
        return decision;
    }
    if !view.settings.paused && members::is_deadlocked(view, primary) {
        return Decision::write(fence::begin(view, primary, None, Cause::Unacknowledged));
    }
    if let Some(operation) = view.operation {
        return asked(view, memory, primary, operation);
    }
    if let Some(decision) = moving_away(view, memory, primary) {
        return decision;
    }
    members::maintain(view, memory, primary).unwrap_or_default()
}

/// Gives the primary up, or says why not although it is silent.
fn given_up(view: &View<'_>, primary: &InstanceName) -> Option<Decision> {
    match verdict::of(view, primary) {
        Verdict::Alive => None,
        Verdict::Unsure(why) => Some(Decision::wait(why)),
        Verdict::Dead(_) if view.settings.paused => {
            Some(Decision::wait(format!("{primary} is dead, but failovers are paused")))
        }
        Verdict::Dead(cause) => Some(Decision::write(fence::begin(view, primary, None, cause))),
    }
}

/// Carries out what a person asked for.
fn asked(view: &View<'_>, memory: &Memory, primary: &InstanceName, operation: &Operation) -> Decision {
    let tell = |outcome| Decision::default().telling(outcome);
    let ours = view.topology.failover.as_ref().filter(|last| last.operation.as_ref() == Some(&operation.id));
    if let Some(last) = ours {
        let wanted = operation.to.as_ref().is_none_or(|to| to == primary);
        let reached = wanted && last.to.as_ref() == Some(primary) && last.term == view.topology.term;
        return tell(if reached {
            Outcome::Done(format!("{primary} is primary of term {}", view.topology.term))
        } else {
            Outcome::Failed(format!("{primary} is primary"))
        });
    }
    if operation.to.as_ref() == Some(primary) {
        return tell(Outcome::Done(format!("{primary} is primary already")));
    }
    if let Some(to) = operation.to.as_ref().filter(|to| !view.is_member(to)) {
        return tell(Outcome::Failed(format!("{to} is no instance of the cluster")));
    }
    if view.wall >= operation.until {
        let obstacle = handover::obstacle(view, primary, operation.to.as_ref());
        return tell(Outcome::Failed(obstacle.unwrap_or_else(|| "it was not done in time".to_owned())));
    }
    match operation.kind {
        OperationKind::Failover => {
            Decision::write(fence::begin(view, primary, operation.to.as_ref(), Cause::Requested))
        }
        OperationKind::Switchover => {
            match handover::begin(view, primary, operation.to.as_ref(), Cause::Requested) {
                Ok(next) => Decision::write(next).telling(Outcome::Running("handing over".to_owned())),
                Err(why) => {
                    let kept = members::maintain(view, memory, primary).unwrap_or_default();
                    kept.telling(Outcome::Running(why))
                }
            }
        }
    }
}

/// Hands over from a primary that is about to leave, or that no longer belongs to the cluster.
fn moving_away(view: &View<'_>, memory: &Memory, primary: &InstanceName) -> Option<Decision> {
    let leaving = view.report(primary).is_some_and(|report| report.leaving) || !view.is_member(primary);
    if !leaving || view.settings.paused {
        return None;
    }
    match handover::begin(view, primary, None, Cause::Leaving) {
        Ok(next) => Some(Decision::write(next)),
        Err(why) => Some(members::maintain(view, memory, primary).unwrap_or_else(|| Decision::wait(why))),
    }
}
