//! The orderly change of primary.
//!
//! The old primary stops and says where; what it had written then is all there is. So whoever holds that much may go on,
//! and nobody else has to be asked. Until the next term is written, all can be taken back.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::verdict::{self, Verdict};
use super::{Decision, Memory, Outcome, View, fence, members};
use crate::history::Era;
use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::Position;
use crate::report::{Report, Role};
use crate::topology::{Cause, Failover, Moment, Stage, Step, Topology};

/// A successor may be so far behind when the old primary is asked to stop.
const READY: Millis = Millis(500);
/// The old primary stops within this time, and its successor has everything, or it goes on writing.
const PATIENCE: Millis = Millis(10_000);

/// Asks the primary to stop, or says why that would be no good.
pub(super) fn begin(
    view: &View<'_>,
    primary: &InstanceName,
    to: Option<&InstanceName>,
    cause: Cause,
) -> Result<Topology, String> {
    let writes = view.fresh(primary).is_some_and(
        |report| matches!(report.role, Role::Primary { term, .. } if term == view.topology.term),
    );
    if !writes {
        return Err(format!("{primary} does not say that it writes"));
    }
    let to = successor(view, primary, to)?;
    let mut next = view.topology.clone();
    next.stage = Stage::HandingOver { primary: primary.clone(), to: to.clone() };
    next.failover = Some(Failover {
        term: next.term.next(),
        from: primary.clone(),
        to: None,
        cause,
        moments: vec![Moment { step: Step::Verdict, at: view.wall }],
        position: None,
        operation: view.operation.map(|operation| operation.id.clone()),
        unasked: BTreeSet::new(),
    });
    Ok(next)
}

/// Returns what stands in the way of a hand over.
pub(super) fn obstacle(view: &View<'_>, primary: &InstanceName, to: Option<&InstanceName>) -> Option<String> {
    successor(view, primary, to).err()
}

/// Chooses who goes on.
fn successor(
    view: &View<'_>,
    primary: &InstanceName,
    to: Option<&InstanceName>,
) -> Result<InstanceName, String> {
    let unfit = |name: &InstanceName| -> Option<String> {
        if !view.topology.sync_set.contains(name) || view.topology.barred.contains(name) {
            return Some(format!("{name} is not in the sync set"));
        }
        let Some(report) = view.fresh(name) else { return Some(format!("{name} is silent")) };
        if !view.is_healthy_follower(name) {
            return Some(format!("{name} does not follow {primary}"));
        }
        (report.behind() > READY).then(|| format!("{name} is {} ms behind", report.behind().0))
    };
    if let Some(to) = to {
        return unfit(to).map_or_else(|| Ok(to.clone()), Err);
    }
    let fit = view.settings.members.keys().filter(|name| *name != primary && unfit(name).is_none());
    let preferred = |name: &InstanceName| view.settings.preferred.as_ref() == Some(name);
    let rank = |name: &&InstanceName| {
        let report = view.report(name);
        let server = report.map_or(u32::MAX, |report| report.server.0);
        (preferred(name), report.map_or(0, |report| report.applied.sequence()), Reverse(server))
    };
    fit.max_by_key(rank).cloned().ok_or_else(|| {
        let whys: Vec<String> =
            view.settings.members.keys().filter(|name| *name != primary).filter_map(unfit).collect();
        if whys.is_empty() { "there is no other instance".to_owned() } else { whys.join("; ") }
    })
}

/// Waits until the primary has stopped and its successor has everything; takes all back if that does not come about.
pub(super) fn decide(
    view: &View<'_>,
    memory: &Memory,
    primary: &InstanceName,
    to: &InstanceName,
) -> Decision {
    let report = view.report(primary);
    if let Some(stopped) = report.and_then(|report| stopped(view, report)) {
        if let Some(successor) = view.fresh(to)
            && view.is_healthy_follower(to)
            // One that is frozen, and has nothing left to receive, looks well until it is missed.
            && view.has_seen(successor)
            && successor.received.reaches(stopped)
        {
            return Decision::write(promote(view, primary, to, stopped));
        }
    } else if let Verdict::Dead(cause) = verdict::of(view, primary) {
        return Decision::write(fence::begin(view, primary, Some(to), cause));
    }
    let late = memory.in_stage(view) >= PATIENCE
        || view.operation.is_some_and(|operation| view.wall >= operation.until);
    if late || view.is_silent(to) {
        let why = if view.is_silent(to) { "fell silent" } else { "did not take over in time" };
        return take_back(view, primary, &format!("{to} {why}; {primary} goes on"));
    }
    Decision::wait(format!("{primary} hands over to {to}"))
}

/// Returns where the primary of this term stopped.
fn stopped(view: &View<'_>, report: &Report) -> Option<Position> {
    match &report.role {
        // What it said of an earlier hand over in this term, which was taken back, is not meant.
        Role::HandedOver(handed)
            if handed.term == view.topology.term && report.is_running() && view.has_seen(report) =>
        {
            Some(handed.position)
        }
        _ => None,
    }
}

fn take_back(view: &View<'_>, primary: &InstanceName, why: &str) -> Decision {
    let mut next = view.topology.clone();
    next.stage = Stage::Serving { primary: primary.clone() };
    let decision = Decision { waiting: Some(why.to_owned()), ..Decision::write(next) };
    if view.operation.is_some() { decision.telling(Outcome::Failed(why.to_owned())) } else { decision }
}

/// Begins the successor's era. The old primary holds exactly as much, so that it may acknowledge from the start.
fn promote(view: &View<'_>, primary: &InstanceName, to: &InstanceName, stopped: Position) -> Topology {
    let mut next = view.topology.clone();
    next.term = next.term.next();
    next.history.begin(Era { term: next.term, base: stopped });
    next.stage = Stage::Promoting { primary: to.clone() };
    next.acknowledgement = fence::acknowledgement(view);
    next.sync_set.remove(to);
    next.sync_set.retain(|name| view.is_member(name) && !view.topology.barred.contains(name));
    let stays = view.is_member(primary) && view.report(primary).is_some_and(|report| !report.leaving);
    if stays {
        next.sync_set.insert(primary.clone());
    }
    next.barred = members::unaware(view, &next, to);
    if let Some(failover) = &mut next.failover {
        failover.to = Some(to.clone());
        failover.position = Some(stopped);
        failover.moments.push(Moment { step: Step::Fenced, at: view.wall });
        failover.moments.push(Moment { step: Step::Promoted, at: view.wall });
    }
    next
}
