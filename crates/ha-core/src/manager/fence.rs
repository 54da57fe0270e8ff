//! The fence, and who is promoted.
//!
//! An acknowledged transaction stands on the old primary and on one member of the sync set at least. So once every
//! member has stopped listening and said what it holds, the most advanced holds everything. Until then nobody is promoted,
//! except the old primary itself, which holds everything too.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Decision, Memory, OperationKind, Outcome, View, members};
use crate::history::Era;
use crate::millis::Millis;
use crate::name::InstanceName;
use crate::report::{Report, Role, Standing};
use crate::settings::DataLoss;
use crate::topology::{Acknowledgement, Cause, Failover, Moment, Stage, Step, Topology};

/// Gives the primary up.
pub(super) fn begin(
    view: &View<'_>,
    from: &InstanceName,
    to: Option<&InstanceName>,
    cause: Cause,
) -> Topology {
    let mut next = view.topology.clone();
    next.term = next.term.next();
    let alone = next.acknowledgement != Acknowledgement::Required || next.sync_set.is_empty();
    next.stage = Stage::Fencing { from: from.clone(), recall: alone, to: to.cloned() };
    let mut moments = Vec::new();
    if let Some(seen) = view.reports.get(from) {
        moments.push(Moment { step: Step::LastGoodHeartbeat, at: seen.wall });
        if matches!(cause, Cause::SilentUnheard | Cause::SilentPodNotRunning) {
            moments.push(Moment { step: Step::Suspected, at: seen.wall + view.settings.patience() });
        }
    }
    moments.push(Moment { step: Step::Verdict, at: view.wall });
    next.failover = Some(Failover {
        term: next.term,
        from: from.clone(),
        to: None,
        cause,
        moments,
        position: None,
        operation: view.operation.map(|operation| operation.id.clone()),
        unasked: BTreeSet::new(),
    });
    next
}

/// Promotes somebody, or says for whom it waits.
pub(super) fn decide(
    view: &View<'_>,
    memory: &Memory,
    from: &InstanceName,
    recall: bool,
    to: Option<&InstanceName>,
) -> Decision {
    let replicated = view.topology.acknowledgement == Acknowledgement::Required;
    let (asked, silent): (Vec<&InstanceName>, Vec<&InstanceName>) =
        voters(view, from).partition(|name| view.has_confirmed(name).is_some());
    let complete = replicated && silent.is_empty() && !asked.is_empty();
    if complete && let Some((name, report)) = best(view, from, to) {
        return Decision::write(promote(view, name, report, BTreeSet::new()));
    }
    if recall && let Some(report) = returned(view, from) {
        let copy = if view.settings.paused { None } else { members::copy_first(view, from, report) };
        return copy.unwrap_or_else(|| Decision::write(promote(view, from, report, BTreeSet::new())));
    }
    if may_lose(view) && memory.in_stage(view) >= view.settings.patience() {
        let mut unasked: BTreeSet<InstanceName> = silent.iter().map(|name| (*name).clone()).collect();
        if let Some((name, report)) = most(view, from, to) {
            return Decision::write(promote(view, name, report, unasked));
        }
        if let Some(report) = remains(view, from) {
            unasked.insert(from.clone());
            return Decision::write(promote(view, from, report, unasked));
        }
    }
    if !recall && is_recall_due(view, memory, &silent, complete) {
        let mut next = view.topology.clone();
        next.stage = Stage::Fencing { from: from.clone(), recall: true, to: to.cloned() };
        return Decision::write(next);
    }
    waiting(view, from, &silent, complete)
}

/// Returns who may have acknowledged.
fn voters<'a>(view: &View<'a>, from: &'a InstanceName) -> impl Iterator<Item = &'a InstanceName> {
    view.topology.sync_set.iter().filter(move |name| *name != from)
}

/// Whether the old primary is wanted back: somebody who must be asked cannot be, or nobody holds enough.
fn is_recall_due(view: &View<'_>, memory: &Memory, silent: &[&InstanceName], complete: bool) -> bool {
    let lost = |name: &&InstanceName| {
        view.is_silent(name)
            || view.report(name).is_some_and(|report| report.uncertain || !report.is_running())
    };
    complete || silent.iter().any(lost) || memory.in_stage(view) >= view.settings.patience()
}

fn waiting(view: &View<'_>, from: &InstanceName, silent: &[&InstanceName], complete: bool) -> Decision {
    let names: Vec<&str> = silent.iter().map(|name| name.as_str()).collect();
    let why = if complete {
        format!("nobody who can be asked holds what {from} had when it was promoted; waiting for {from}")
    } else if names.is_empty() {
        format!("only {from} holds every acknowledged write; waiting for it")
    } else {
        format!("waiting for {} to say what it may have acknowledged, or for {from}", names.join(", "))
    };
    let decision = Decision::wait(why.clone());
    if view.operation.is_some() { decision.telling(Outcome::Running(why)) } else { decision }
}

/// Whether a person allowed to lose writes.
fn may_lose(view: &View<'_>) -> bool {
    let operation = view.operation.is_some_and(|operation| {
        operation.kind == OperationKind::Failover && operation.allow_data_loss && view.wall < operation.until
    });
    operation || view.settings.data_loss == DataLoss::Allow
}

/// Returns the old primary, if it is back with all that it had.
fn returned<'a>(view: &View<'a>, from: &InstanceName) -> Option<&'a Report> {
    // One that is uncertain crashed before it became writable. So all that was acknowledged is older than its promotion.
    let certain = |report: &&Report| {
        view.has_confirmed(from).is_some()
            || (report.uncertain
                && report.fenced >= view.topology.term
                && report.is_running()
                && report.standing == Standing::Contained)
    };
    let report = view.report(from).filter(certain)?;
    let ready = view.fresh(from).is_some()
        && matches!(report.role, Role::Idle | Role::HandedOver(_))
        && !report.leaving;
    (ready && report.received.reaches(view.topology.history.base())).then_some(report)
}

/// Returns the old primary, if it is back with less than it had.
fn remains<'a>(view: &View<'a>, from: &InstanceName) -> Option<&'a Report> {
    view.fresh(from).filter(|report| {
        report.fenced >= view.topology.term
            && report.is_running()
            && !report.leaving
            && matches!(report.role, Role::Idle)
            && matches!(report.standing, Standing::Contained | Standing::Empty)
    })
}

/// Returns who is to be promoted when everybody who may have acknowledged was asked: one that holds as much as anybody.
fn best<'a>(
    view: &View<'a>,
    from: &InstanceName,
    to: Option<&InstanceName>,
) -> Option<(&'a InstanceName, &'a Report)> {
    let highest = voters(view, from)
        .filter_map(|name| view.has_confirmed(name))
        .map(|report| report.received.sequence())
        .max()?;
    let enough = highest.max(view.topology.history.base().sequence());
    most(view, from, to).filter(|(_, report)| report.received.sequence() >= enough)
}

/// Returns the most advanced of those who confirmed and can be promoted.
fn most<'a>(
    view: &View<'a>,
    from: &InstanceName,
    to: Option<&InstanceName>,
) -> Option<(&'a InstanceName, &'a Report)> {
    let preferred = |name: &InstanceName| view.settings.preferred.as_ref() == Some(name);
    view.settings
        .members
        .keys()
        .filter(|name| *name != from && view.fresh(name).is_some())
        .filter_map(|name| view.has_confirmed(name).map(|report| (name, report)))
        .filter(|(_, report)| !report.leaving)
        .max_by_key(|(name, report)| {
            let asked = to == Some(*name);
            (
                report.received.sequence(),
                asked,
                report.applied.sequence(),
                preferred(name),
                Reverse(report.server),
            )
        })
}

/// Begins the era of a new primary, or of the old one once more.
fn promote(
    view: &View<'_>,
    primary: &InstanceName,
    report: &Report,
    unasked: BTreeSet<InstanceName>,
) -> Topology {
    let mut next = view.topology.clone();
    next.history.begin(Era { term: next.term, base: report.received });
    next.stage = Stage::Promoting { primary: primary.clone() };
    next.acknowledgement = acknowledgement(view);
    next.clones.clear();
    // Those who have confirmed hold a part of what the new primary holds and follow it at once.
    next.sync_set = followers(view, primary);
    next.barred = members::unaware(view, &next, primary);
    story(&mut next, view.wall, primary, report, unasked);
    next
}

/// Returns whether commits need others from now on.
pub(super) fn acknowledgement(view: &View<'_>) -> Acknowledgement {
    if view.settings.members.len() > 1 { Acknowledgement::Required } else { Acknowledgement::Alone }
}

fn followers(view: &View<'_>, primary: &InstanceName) -> BTreeSet<InstanceName> {
    let follows = |name: &&InstanceName| {
        *name != primary
            && view.fresh(name).is_some_and(|report| !report.leaving)
            && view.has_confirmed(name).is_some()
            && view.topology.sync_set.contains(*name)
    };
    view.settings.members.keys().filter(follows).cloned().collect()
}

fn story(
    next: &mut Topology,
    wall: Millis,
    primary: &InstanceName,
    report: &Report,
    unasked: BTreeSet<InstanceName>,
) {
    if let Some(failover) = &mut next.failover {
        failover.to = Some(primary.clone());
        failover.position = Some(report.received);
        failover.unasked = unasked;
        failover.moments.push(Moment { step: Step::Fenced, at: wall });
        failover.moments.push(Moment { step: Step::Promoted, at: wall });
    }
}
