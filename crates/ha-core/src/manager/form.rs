//! A new cluster: the first primary.
//!
//! All instances must have come. One that is missing may be the one that holds the data, when a cluster is made anew over
//! volumes that were kept: the most advanced becomes primary, and nobody begins from nothing while another may have more.
//! Volumes of different older clusters may end in the same transaction id, which says nothing then: whose they were does.

use super::{Decision, View};
use crate::history::Era;
use crate::name::InstanceName;
use crate::report::Report;
use crate::topology::{Acknowledgement, Stage};

/// Begins the first term once everybody is there.
pub(super) fn decide(view: &View<'_>) -> Decision {
    let members = || view.settings.members.keys();
    let here = |name: &InstanceName| {
        // What it received in an earlier life counts, and has to be applied first.
        view.fresh(name).filter(|report| report.is_running() && report.applied.reaches(report.received))
    };
    let missing: Vec<&str> =
        members().filter(|name| here(name).is_none()).map(InstanceName::as_str).collect();
    if !missing.is_empty() {
        return Decision::wait(format!(
            "the first start needs all instances; waiting for {}",
            missing.join(", ")
        ));
    }
    let present: Vec<(&InstanceName, &Report)> =
        members().filter_map(|name| here(name).map(|report| (name, report))).collect();
    let preferred = |name: &InstanceName| view.settings.preferred.as_ref() == Some(name);
    let best = present.iter().max_by_key(|(name, report)| {
        (report.applied.sequence(), preferred(name), std::cmp::Reverse(report.server))
    });
    let Some((primary, report)) = best else { return Decision::wait("the cluster has no instances") };
    let mut next = view.topology.clone();
    // Volumes that were kept know of terms that the store does not: their numbers are not given again.
    let known = present.iter().filter_map(|(_, report)| report.applied.0.and_then(|gtid| gtid.server.term()));
    next.term = known.max().unwrap_or_default().max(next.term).next();
    next.history.begin(Era { term: next.term, base: report.applied });
    next.origin.clone_from(&report.origin);
    next.stage = Stage::Promoting { primary: (*primary).clone() };
    next.acknowledgement =
        if view.settings.members.len() == 1 { Acknowledgement::Alone } else { Acknowledgement::Required };
    next.sync_set = present
        .iter()
        .filter(|(_, other)| other.applied == report.applied && other.origin == report.origin)
        .filter(|(name, _)| name != primary)
        .map(|(name, _)| (*name).clone())
        .collect();
    Decision::write(next)
}
