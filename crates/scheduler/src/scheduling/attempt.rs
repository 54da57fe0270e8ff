//! Decides on a Pod, and takes in what came of it.

use std::sync::Arc;

use stanchion_informers::Key;
use stanchion_scheduler_core::{Cause, Diagnosis, Eviction, Happening, Pod, Preemption};
use tokio::task::{Id, JoinError};

use super::Scheduling;
use super::apply::chain;
use crate::deeds::{Binding, DeedError, Outcome, Preempting, Report};

impl Scheduling {
    /// Decides on a Pod that the queue gave out.
    pub(super) fn attempt(&mut self, pod: &Arc<Pod>) {
        let key = Key::new(pod.kin.namespace.as_ref(), pod.name.as_ref());
        let Some(object) = self.caches.pods.get(&key) else {
            // It is gone, as will soon be told.
            self.queue.remove(&pod.uid);
            return;
        };
        let pod = self.spreads.apply(&object, pod);
        self.seed = self.seed.wrapping_add(1);
        match self.scheduler.schedule(&pod, self.seed) {
            Ok(placement) => {
                self.scheduler.cluster.assume(&pod, &placement.node, placement.volumes.clone());
                let binding =
                    Binding { pod: Arc::clone(&pod), node: placement.node, volumes: placement.volumes };
                let deed = self.deeds.spawn(binding.carry_out(Arc::clone(&self.context)));
                self.doing.insert(deed.id(), pod);
            }
            Err(diagnosis) => self.without_node(&pod, &diagnosis),
        }
    }

    /// A Pod found no node: room is made, or it waits and is told why.
    fn without_node(&mut self, pod: &Arc<Pod>, diagnosis: &Diagnosis) {
        let preemption = match diagnosis.cause {
            Cause::NoNodes => None,
            Cause::Obstacle(_) | Cause::Refusals(_) => {
                Some(self.scheduler.preempt(pod, diagnosis, self.seed))
            }
        };
        let (message, gives_up) = match &preemption {
            Some(Preemption::Possible(eviction)) => {
                return self.make_room(pod, diagnosis, eviction);
            }
            Some(Preemption::NotEligible(why)) => (diagnosis.message(Some(why)), false),
            Some(Preemption::NotHelpful(why)) => (diagnosis.message(Some(why)), true),
            None => (diagnosis.message(None), false),
        };
        let mut report = Report::unschedulable(pod, message);
        if gives_up {
            self.scheduler.cluster.clear_nomination(&pod.uid);
            report = report.without_nomination();
        }
        let now = self.now();
        self.queue.refused(&pod.uid, diagnosis.filters(), now);
        self.report(report);
    }

    fn make_room(&mut self, pod: &Arc<Pod>, diagnosis: &Diagnosis, eviction: &Eviction) {
        let cluster = &mut self.scheduler.cluster;
        cluster.nominate(pod, &eviction.node);
        for displaced in &eviction.displaced {
            cluster.clear_nomination(&displaced.uid);
            self.queue.activate(&displaced.uid);
        }
        let report = Report::unschedulable(pod, diagnosis.message(None)).with_nomination(&eviction.node);
        let preempting = Preempting { eviction: eviction.clone(), filters: diagnosis.filters(), report };
        // Until it is done the Pod stays out of the queue, so that it takes no more victims.
        let deed = self.deeds.spawn(preempting.carry_out(Arc::clone(&self.context)));
        self.doing.insert(deed.id(), Arc::clone(pod));
    }

    /// Tells a Pod why it waits.
    pub(super) fn report(&mut self, report: Report) {
        self.deeds.spawn(report.carry_out(Arc::clone(&self.context)));
    }

    /// Takes in what came of a deed.
    pub(super) fn finish(&mut self, done: Result<(Id, Outcome), JoinError>) {
        let outcome = match done {
            Ok((id, outcome)) => {
                self.doing.remove(&id);
                outcome
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a deed has failed");
                match self.doing.remove(&error.id()) {
                    Some(pod) => Outcome::NotBound { pod, error: DeedError::Failed(error) },
                    None => return,
                }
            }
        };
        match outcome {
            Outcome::Told => {}
            Outcome::Bound(uid) => self.queue.remove(&uid),
            Outcome::NotBound { pod, error } => self.not_bound(&pod, &error),
            Outcome::Preempted { pod, victims, filters, failed } => {
                let now = self.now();
                self.queue.refused(&pod.uid, filters, now);
                // Victims that went before this moment are nobody's news any more.
                if failed || victims.iter().all(|uid| self.scheduler.cluster.place(uid).is_none()) {
                    self.queue.activate(&pod.uid);
                }
            }
        }
    }

    fn not_bound(&mut self, pod: &Arc<Pod>, error: &DeedError) {
        tracing::warn!(pod = pod.path(), error = error as &dyn std::error::Error, "a Pod is not bound");
        if self.scheduler.cluster.is_assumed(&pod.uid) {
            self.scheduler.cluster.forget(&pod.uid);
            self.happened(&Happening::PodGone(pod));
        }
        if error.is_gone() {
            self.queue.remove(&pod.uid);
            return;
        }
        if self.queue.contains(&pod.uid) {
            let now = self.now();
            self.queue.failed(&pod.uid, now);
            self.report(Report::failure(pod, chain(error)));
        }
    }
}
