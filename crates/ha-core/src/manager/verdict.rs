//! Is the primary dead?
//!
//! ```text
//!   its agent says that the database ended ---------------------------> dead
//!   the Pod's status says that the container ended, or it is gone ----> dead
//!   its agent says that the database does not answer, for too long ---> dead
//!   silent for too long -- Pod does not run --------------------------> dead
//!                       \- Pod runs -- a replica hears it ------------> not dead
//!                                  \-- none hears it, all who must
//!                                      confirm a fence can be asked --> dead
//!                                  \-- some cannot be asked ----------> nobody knows: wait
//! ```
//!
//! Whether an instance is Ready plays no part: replicas turn unready because their primary died.

use super::{Pod, View};
use crate::name::InstanceName;
use crate::report::{Database, Role};
use crate::settings::DataLoss;
use crate::topology::Cause;

/// What is thought of a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is alive, as far as is known.
    Alive,
    /// It is silent, but to give it up would be a guess, or hopeless.
    Unsure(String),
    /// It is to be given up.
    Dead(Cause),
}

/// Judges the primary.
pub(super) fn of(view: &View<'_>, primary: &InstanceName) -> Verdict {
    if let Some(Pod::Ended(evidence)) = view.pods.get(primary) {
        return Verdict::Dead(Cause::PodGone { evidence: evidence.clone() });
    }
    if let Some(cause) = confessed(view, primary) {
        return Verdict::Dead(cause);
    }
    if !view.is_silent(primary) {
        return Verdict::Alive;
    }
    if let Some(Pod::Other(_)) = view.pods.get(primary) {
        return Verdict::Dead(Cause::SilentPodNotRunning);
    }
    silent(view, primary)
}

/// Returns what the primary's own agent says against it.
fn confessed(view: &View<'_>, primary: &InstanceName) -> Option<Cause> {
    let ended = |how: &str| Some(Cause::DatabaseEnded { how: how.to_owned() });
    match &view.report(primary)?.database {
        Database::Running => None,
        Database::Unresponsive { since } => {
            (*since >= view.settings.patience()).then_some(Cause::DatabaseUnresponsive)
        }
        Database::Ended { how } => ended(how),
        Database::Failed { why } => ended(why),
        Database::Waiting => ended("its agent was started anew"),
        Database::Starting => ended("it is being started anew"),
        Database::Preparing { what } => ended(what),
    }
}

/// Judges a primary that is silent although its Pod looks as if it ran.
fn silent(view: &View<'_>, primary: &InstanceName) -> Verdict {
    let hears = |name: &&InstanceName| {
        view.fresh(name).is_some_and(|report| {
            matches!(
                &report.role,
                Role::Follower { primary: of, receiving: true, unheard, .. }
                    if of == primary && *unheard < view.settings.silence()
            )
        })
    };
    if let Some(name) = view.settings.members.keys().find(hears) {
        return Verdict::Unsure(format!("{primary} is silent, but {name} still receives from it"));
    }
    let asked = view.topology.sync_set.iter().filter(|name| *name != primary);
    let unreachable: Vec<&str> =
        asked.clone().filter(|name| view.fresh(name).is_none()).map(InstanceName::as_str).collect();
    let hopeless = asked.count() == 0 || !unreachable.is_empty();
    if hopeless && view.settings.data_loss == DataLoss::Never {
        let whom = if unreachable.is_empty() { "nobody else".to_owned() } else { unreachable.join(", ") };
        return Verdict::Unsure(format!(
            "{primary} is silent and its Pod seems to run; to replace it takes what {whom} may have acknowledged"
        ));
    }
    Verdict::Dead(Cause::SilentUnheard)
}
