//! Asking the manager for another primary.

use stanchion_api::{Operation, OperationKind, OperationState};

use super::{Action, Progress, View};
use crate::dereference::Life;

/// How long nothing is asked again after a change of primary was given up, in seconds.
const PAUSE: i64 = 300;

impl View<'_> {
    /// Has the primary hand over to somebody who may stay.
    ///
    /// The id of the request names the term: once the term has gone on, it is another request. Within a term it is
    /// asked again only once in a while.
    pub(super) fn switch(&self, why: &str, from: &str) -> (Option<Action>, Progress) {
        let waiting = |what: &str| (None, Progress::Waiting { what: what.to_owned() });
        let Some(ha) = self.ha.filter(|ha| ha.is_serving()) else { return waiting("a primary that writes") };
        let Some(to) = self.successor(from) else { return waiting("an instance that can take over") };
        let progress = Progress::SwitchingOver { from: from.to_owned(), to: to.clone() };
        let is_running = self.operation.is_some_and(|operation| operation.state == OperationState::Running);
        let known = self.operation.map(|operation| operation.id.as_str());
        let is_asked = self.asked.is_some_and(|asked| Some(asked.id.as_str()) != known);
        if is_running || is_asked {
            return (None, progress);
        }
        let id = format!("{why}-{}-{}", ha.term, self.now.as_second().div_euclid(PAUSE));
        if known == Some(&id) {
            return waiting("the next try to change the primary: the last one was given up");
        }
        let deadline = u32::try_from(self.cluster.failover.switchover_deadline.as_secs()).unwrap_or(u32::MAX);
        let operation = Operation {
            id,
            kind: OperationKind::Switchover,
            to: Some(to),
            deadline_seconds: Some(deadline.max(1)),
            allow_data_loss: false,
        };
        (Some(Action::Ask(operation)), progress)
    }

    /// Chooses who is to be primary: the one that a failover would take, or else one that acknowledges.
    fn successor(&self, from: &str) -> Option<String> {
        let ha = self.ha?;
        let may = |name: &str| {
            let pod = self.pods.iter().find(|pod| pod.name == name);
            name != from
                && pod
                    .is_some_and(|pod| self.is_member(pod.ordinal) && pod.ready && pod.life == Life::Running)
        };
        let preferred = self.cluster.failover.preferred.as_ref().map(ToString::to_string);
        let preferred = preferred.filter(|name| ha.sync_set.contains(name));
        let candidate = ha.readiness.as_ref().and_then(|readiness| readiness.candidate.clone());
        let mut names = preferred.into_iter().chain(candidate).chain(ha.sync_set.iter().cloned());
        names.find(|name| may(name))
    }
}
