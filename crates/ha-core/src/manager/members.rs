//! Who acknowledges, who is barred, who is copied.
//!
//! ```text
//!            caught up                 unhealthy for long, or leaves
//!   follows ----------> sync set ------------------------------------> sync set, barred
//!      ^                                                                   |
//!      |  it acts on the topology in which it is barred,                   | the primary refuses it, and another
//!      |  and does not acknowledge                                         | member holds all it may have acknowledged
//!      +--------------------------------- barred <-------------------------+
//! ```
//!
//! An instance that cannot be reached may wake up and acknowledge at any time. So the primary bars it before it is taken
//! out: what it may have acknowledged ends at the position at which it was barred.

use super::{Decision, Memory, Pod, View};
use std::collections::BTreeSet;

use crate::millis::Millis;
use crate::name::InstanceName;
use crate::position::Position;
use crate::report::{Report, Role, Standing};
use crate::topology::{Acknowledgement, Topology};

/// A follower that has received all but so many transactions may join the sync set.
const NEAR: u64 = 10_000;
/// A new instance follows from the first transaction on if there are no more than these; else it is copied.
const REPLAYED: u64 = 1_000;

/// Makes the next change to who does what, if there is one.
pub(super) fn maintain(view: &View<'_>, memory: &Memory, primary: &InstanceName) -> Option<Decision> {
    let report = view.fresh(primary).filter(|report| report.is_running())?;
    let mut next = view.topology.clone();
    acknowledgement(view, report, &mut next);
    take_out(view, report, primary, &mut next);
    bar(view, memory, primary, &mut next);
    readmit(view, primary, &mut next);
    release(view, &mut next);
    join(view, memory, report, primary, &mut next);
    copies(view, primary, report, &mut next);
    (next != *view.topology).then(|| Decision::write(next))
}

/// Goes from one instance to several, or back.
fn acknowledgement(view: &View<'_>, primary: &Report, next: &mut Topology) {
    let several = view.settings.members.len() > 1;
    match next.acknowledgement {
        Acknowledgement::Alone if several && next.sync_set.is_empty() => {}
        Acknowledgement::Alone if several => next.acknowledgement = Acknowledgement::Entering,
        // The primary has everything on its own disk, so it may go on alone at any time.
        Acknowledgement::Entering | Acknowledgement::Required if !several => {
            next.acknowledgement = Acknowledgement::Alone;
            next.barred.append(&mut next.sync_set);
        }
        Acknowledgement::Entering => {
            let Some(from) = requires(view, primary).filter(|_| view.has_seen(primary)) else { return };
            let holds = |name: &InstanceName| {
                view.fresh(name).is_some_and(|report| !report.uncertain && report.received.reaches(from))
            };
            if next.sync_set.iter().any(holds) {
                next.acknowledgement = Acknowledgement::Required;
            }
        }
        Acknowledgement::Alone | Acknowledgement::Required => {}
    }
}

/// Returns from which position on the primary waits for acknowledgements.
fn requires(view: &View<'_>, primary: &Report) -> Option<Position> {
    match &primary.role {
        Role::Primary { term, requires, .. } if *term == view.topology.term => *requires,
        _ => None,
    }
}

/// Bars members who are of no use and may yet acknowledge, as long as another member can.
fn bar(view: &View<'_>, memory: &Memory, primary: &InstanceName, next: &mut Topology) {
    let useless = |name: &&InstanceName| {
        !view.is_member(name)
            || memory.unhealthy_for(view, name) >= view.settings.patience()
            || view.report(name).is_some_and(|report| report.leaving || is_worthless(report))
    };
    let (out, stay): (Vec<&InstanceName>, Vec<&InstanceName>) =
        next.sync_set.iter().filter(|name| !next.barred.contains(name)).partition(useless);
    let others_can = stay.iter().any(|name| *name != primary && view.is_healthy_follower(name));
    let out: Vec<InstanceName> = out
        .into_iter()
        .filter(|name| others_can || view.report(name).is_some_and(is_worthless))
        .cloned()
        .collect();
    next.barred.extend(out);
}

/// Lets members acknowledge again that were barred while another could, if no other can any more.
fn readmit(view: &View<'_>, primary: &InstanceName, next: &mut Topology) {
    let can = |name: &InstanceName| {
        let fit = |report: &Report| report.is_running() && !report.leaving && !is_worthless(report);
        name != primary && view.is_member(name) && view.fresh(name).is_some_and(fit)
    };
    if next.sync_set.iter().any(|name| !next.barred.contains(name) && can(name)) {
        return;
    }
    next.barred.retain(|name| !next.sync_set.contains(name) || !can(name));
}

/// Whether an instance surely does not hold all that it acknowledged, so that nothing is lost with it.
fn is_worthless(report: &Report) -> bool {
    match report.standing {
        Standing::NeedsCopy { .. } => true,
        // Its volume was lost.
        Standing::Empty => report.uncertain,
        Standing::Unknown | Standing::Contained => false,
    }
}

/// Takes barred members out of the sync set once the primary refuses them and another member holds all they may have
/// acknowledged. The primary's own report is the proof of both.
fn take_out(view: &View<'_>, primary: &Report, name: &InstanceName, next: &mut Topology) {
    let Role::Primary { term, barred, barred_at, .. } = &primary.role else { return };
    // What it reported before it knew whom to bar now says nothing of them.
    if *term != view.topology.term || !view.has_seen(primary) {
        return;
    }
    let leaving: Vec<InstanceName> =
        next.barred.iter().filter(|member| barred.contains(*member)).cloned().collect();
    for member in leaving {
        let holds = |other: &InstanceName| {
            *other != member
                && other != name
                && !view.topology.barred.contains(other)
                && view.fresh(other).is_some_and(|report| {
                    !report.uncertain && report.is_running() && report.received.reaches(*barred_at)
                })
        };
        // Where nobody else is of use either, only the primary can be promoted again, and it holds everything.
        let worthless = |name: &InstanceName| view.report(name).is_some_and(is_worthless);
        let last = next.sync_set.iter().all(|other| *other == member || worthless(other));
        let safe = next.sync_set.iter().any(holds) || (worthless(&member) && last);
        if safe {
            next.sync_set.remove(&member);
        }
    }
}

/// Lets barred instances follow again that know that they may not acknowledge.
fn release(view: &View<'_>, next: &mut Topology) {
    let knows = |name: &InstanceName| {
        view.fresh(name).is_some_and(|report| {
            view.has_seen(report) && !matches!(report.role, Role::Follower { acknowledging: true, .. })
        })
    };
    let gone =
        |name: &InstanceName| !view.is_member(name) && matches!(view.pods.get(name), Some(Pod::Ended(_)));
    let free = |name: &InstanceName| !view.topology.sync_set.contains(name) && (knows(name) || gone(name));
    next.barred.retain(|name| next.sync_set.contains(name) || !free(name));
}

/// Returns whom a new primary has to bar: those who are not in its sync set and may not know it.
///
/// Their receivers connect anew to whomever they followed last, by themselves. Should that one be promoted again, they
/// would acknowledge what nobody asks them for.
pub(super) fn unaware(view: &View<'_>, next: &Topology, primary: &InstanceName) -> BTreeSet<InstanceName> {
    let aware = |name: &InstanceName| {
        view.fresh(name).is_some_and(|report| {
            let acknowledges = matches!(report.role, Role::Follower { acknowledging: true, .. });
            report.fenced >= next.term || (view.has_seen(report) && !acknowledges)
        })
    };
    let known = view.settings.members.keys().chain(view.reports.keys());
    known
        .chain(&view.topology.sync_set)
        .chain(&view.topology.barred)
        .filter(|name| *name != primary && !next.sync_set.contains(*name) && !aware(name))
        .cloned()
        .collect()
}

/// Lets followers acknowledge that have caught up.
fn join(view: &View<'_>, memory: &Memory, primary: &Report, name: &InstanceName, next: &mut Topology) {
    let near = |report: &Report| {
        let behind = primary.applied.sequence().saturating_sub(report.received.sequence());
        behind <= NEAR && report.behind() <= view.settings.max_apply_lag.max(Millis(2_000))
    };
    let ready = |other: &&InstanceName| {
        *other != name
            && !next.barred.contains(*other)
            && !view.topology.barred.contains(*other)
            && memory.unhealthy_for(view, other) == Millis(0)
            && view.is_healthy_follower(other)
            && view.report(other).is_some_and(|report| !report.uncertain && near(report))
    };
    // Who joins others is asked together with them. The first to join is asked alone, so it has to hold everything.
    let all = next.sync_set.is_empty().then(|| acknowledged_up_to(view, primary)).flatten();
    if next.sync_set.is_empty() && all.is_none() {
        return;
    }
    let holds = |other: &&InstanceName| {
        all.is_none_or(|all| view.report(other).is_some_and(|report| report.received.reaches(all)))
    };
    let joining: Vec<InstanceName> =
        view.settings.members.keys().filter(ready).filter(holds).cloned().collect();
    next.sync_set.extend(joining);
}

/// Returns what all that was acknowledged lies before, if nobody acknowledges any more: the last who did was barred there,
/// or was in the sync set of the term before.
fn acknowledged_up_to(view: &View<'_>, primary: &Report) -> Option<Position> {
    let base = view.topology.history.base();
    match &primary.role {
        Role::Primary { term, barred_at, .. } if *term == view.topology.term => {
            Some(if barred_at.reaches(base) { *barred_at } else { base })
        }
        _ => None,
    }
}

/// Orders copies for those who need one, and ends the order once they have it.
fn copies(view: &View<'_>, primary: &InstanceName, report: &Report, next: &mut Topology) {
    let done = |name: &InstanceName| !view.is_member(name) || is_copied(view, name);
    next.clones.retain(|name, from| !done(name) && view.fresh(from).is_some());
    for name in view.settings.members.keys().filter(|name| *name != primary) {
        let needs = needs_copy(view, name, report);
        if needs && !next.sync_set.contains(name) && !next.clones.contains_key(name) {
            next.clones.insert(name.clone(), source(view, name, primary));
        }
    }
}

/// Returns whether a copy that was ordered has been made.
fn is_copied(view: &View<'_>, name: &InstanceName) -> bool {
    view.report(name).is_some_and(|report| {
        view.has_seen(report) && report.is_running() && report.standing == Standing::Contained
    })
}

/// Returns whether an instance can follow only after it has been made a copy.
fn needs_copy(view: &View<'_>, name: &InstanceName, primary: &Report) -> bool {
    let long = primary.applied.sequence() > REPLAYED;
    view.fresh(name).is_some_and(|report| match report.standing {
        Standing::NeedsCopy { .. } => true,
        Standing::Empty => long && report.applied == Position::START,
        Standing::Unknown | Standing::Contained => false,
    })
}

/// Returns whether commits wait for nobody: all that could acknowledge are to be copied from the primary first.
///
/// The end of a copy locks out commits, and waits for those that wait. So neither comes to an end as long as it writes.
pub(super) fn is_deadlocked(view: &View<'_>, primary: &InstanceName) -> bool {
    let waits = view.fresh(primary).is_some_and(
        |report| matches!(report.role, Role::Primary { waiting, .. } if waiting >= view.settings.patience()),
    );
    waits
        && view.topology.clones.values().any(|from| from == primary)
        && !view.settings.members.keys().any(|name| name != primary && view.is_healthy_follower(name))
}

/// Orders a copy of `from`, which is to be promoted again, or waits for one: nobody could acknowledge without it.
pub(super) fn copy_first(view: &View<'_>, from: &InstanceName, report: &Report) -> Option<Decision> {
    let others = || view.settings.members.keys().filter(|name| *name != from);
    let can_follow = |name: &InstanceName| {
        view.fresh(name).is_some_and(|other| {
            let belongs = matches!(other.standing, Standing::Contained | Standing::Empty);
            other.is_running() && !other.leaving && belongs && !needs_copy(view, name, report)
        })
    };
    if others().any(can_follow) {
        return None;
    }
    // While a copy is made, no database runs that could say how it stands.
    let copying =
        |name: &&InstanceName| view.topology.clones.get(*name) == Some(from) && view.fresh(name).is_some();
    if let Some(name) = others().find(copying) {
        return Some(Decision::wait(format!(
            "{name} is made a copy of {from}; nobody else could acknowledge"
        )));
    }
    let name = others().find(|name| needs_copy(view, name, report))?;
    let mut next = view.topology.clone();
    next.clones = [(name.clone(), from.clone())].into();
    Some(Decision::write(next))
}

/// Chooses whom to copy: a healthy follower, so that the primary is left alone, or else the primary.
fn source(view: &View<'_>, name: &InstanceName, primary: &InstanceName) -> InstanceName {
    let fit = |other: &&InstanceName| {
        *other != name && view.topology.sync_set.contains(*other) && view.is_healthy_follower(other)
    };
    view.settings.members.keys().find(fit).unwrap_or(primary).clone()
}
