//! What one sync of a `StatefulSet` is to do.
//!
//! ```text
//!   make what is missing, lowest first -> delete what is too many, highest first -> replace what is old, highest first
//! ```
//!
//! Unless Pods are managed in parallel, each step waits until all Pods it has dealt with are available, so that never
//! more than one Pod is missing by what this controller does.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{identity, retention, revision};
use crate::numbers::{Rounding, share};
use crate::pods::{self, Availability, Phase};

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// To make a Pod, after those of its claims that are missing.
    Create { pod: Box<Pod>, claims: Vec<PersistentVolumeClaim> },
    /// To make claims that are missing of a Pod that waits for them.
    Claim { pod: Arc<Pod>, claims: Vec<PersistentVolumeClaim> },
    /// To delete a Pod.
    Delete(Arc<Pod>),
    /// To delete a Pod that has ended, so that it is made anew.
    Recreate(Arc<Pod>),
    /// To give a Pod the labels that tell who it is.
    Label(Arc<Pod>, i32),
    /// To give a claim other owners.
    Own(Arc<PersistentVolumeClaim>, Vec<OwnerReference>),
}

/// What a sync sees.
pub(super) struct View<'a> {
    pub(super) set: &'a StatefulSet,
    pub(super) spec: &'a StatefulSetSpec,
    /// The revision that Pods are moved away from.
    pub(super) current: &'a ControllerRevision,
    /// The revision of the template of now.
    pub(super) update: &'a ControllerRevision,
    /// The Pods of the set.
    pub(super) pods: &'a [Arc<Pod>],
    /// Finds a claim by its name.
    pub(super) claim: &'a (dyn Fn(&str) -> Option<Arc<PersistentVolumeClaim>> + Send + Sync),
    pub(super) now: Timestamp,
}

/// An ordinal there should be, and its Pod.
type Member = (i32, Option<Arc<Pod>>);

/// What a sync is to do, and when to look again although nothing changes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    pub(super) next: Option<Duration>,
}

impl View<'_> {
    /// Decides what to do.
    pub(super) fn plan(&self) -> Plan {
        let mut plan = Plan { actions: Vec::new(), next: self.next() };
        let (members, condemned) = self.members();
        self.own_claims(&members, &condemned, &mut plan);
        let done = self.fill(&members, &mut plan) && self.shrink(&condemned, &mut plan);
        if done && self.rolls() {
            self.roll(&members, &mut plan);
        }
        plan
    }

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn is_ordered(&self) -> bool {
        self.spec.pod_management_policy.as_deref() != Some("Parallel")
    }

    fn rolls(&self) -> bool {
        let strategy = self.spec.update_strategy.as_ref().and_then(|strategy| strategy.type_.as_deref());
        strategy != Some("OnDelete")
    }

    fn partition(&self) -> i32 {
        let rolling =
            self.spec.update_strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        rolling.and_then(|rolling| rolling.partition).unwrap_or(0)
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds.unwrap_or(0)
    }

    /// Returns whether a Pod runs and has been ready for long enough.
    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        let availability = pods::availability(pod, self.min_ready_seconds(), self.now);
        pods::phase(pod) == Phase::Running && availability == Availability::Available
    }

    fn is_healthy(&self, pod: &Pod) -> bool {
        self.is_available(pod) && !pods::is_deleting(pod)
    }

    fn next(&self) -> Option<Duration> {
        let waits = self.pods.iter().filter_map(|pod| {
            match pods::availability(pod, self.min_ready_seconds(), self.now) {
                Availability::In(left) => Some(left),
                Availability::Unready | Availability::Available => None,
            }
        });
        waits.min()
    }

    /// Returns the Pod of each ordinal there should be, and the Pods of others, highest first.
    fn members(&self) -> (Vec<Member>, Vec<Arc<Pod>>) {
        let start = identity::start(self.set);
        let wanted = start..start.saturating_add(self.replicas());
        let mut by_ordinal: Vec<(i32, Arc<Pod>)> = self
            .pods
            .iter()
            .filter_map(|pod| Some((identity::ordinal(self.set, pod)?, Arc::clone(pod))))
            .collect();
        by_ordinal.sort_by_key(|(ordinal, _)| -ordinal);
        let (kept, condemned): (Vec<_>, Vec<_>) =
            by_ordinal.into_iter().partition(|(ordinal, _)| wanted.contains(ordinal));
        let member = |ordinal| kept.iter().find(|(its, _)| *its == ordinal).map(|(_, pod)| Arc::clone(pod));
        let members = wanted.map(|ordinal| (ordinal, member(ordinal))).collect();
        (members, condemned.into_iter().map(|(_, pod)| pod).collect())
    }

    fn own_claims(&self, members: &[Member], condemned: &[Arc<Pod>], plan: &mut Plan) {
        let kept = members.iter().filter_map(|(_, pod)| Some((pod.as_ref()?, false)));
        for (pod, condemned) in kept.chain(condemned.iter().map(|pod| (pod, true))) {
            let Some(ordinal) = identity::ordinal(self.set, pod) else { continue };
            for claim in identity::claims(self.set, ordinal) {
                let Some(claim) = (self.claim)(&claim.name_any()) else { continue };
                if let Some(owners) = retention::owners(self.set, pod, condemned, &claim) {
                    plan.actions.push(Action::Own(claim, owners));
                }
            }
        }
    }

    /// Makes what is missing. Returns whether the next step may begin.
    fn fill(&self, members: &[Member], plan: &mut Plan) -> bool {
        for (ordinal, pod) in members {
            let goes_on = match pod {
                None => self.create(*ordinal, plan) && !self.is_ordered(),
                Some(pod) => self.keep(*ordinal, pod, plan),
            };
            if !goes_on && self.is_ordered() {
                return false;
            }
        }
        true
    }

    /// Makes the Pod of an ordinal, unless its claims are those of an earlier one and about to go.
    fn create(&self, ordinal: i32, plan: &mut Plan) -> bool {
        let (template, name) = if self.is_held_back(ordinal) {
            (revision::template(self.set, self.current), self.current.name_any())
        } else {
            (self.spec.template.clone(), self.update.name_any())
        };
        let pod = identity::pod(self.set, &template, &name, ordinal);
        let claims = identity::claims(self.set, ordinal);
        let stale = |claim: &PersistentVolumeClaim| {
            (self.claim)(&claim.name_any()).is_some_and(|known| retention::is_stale(&known, &pod.name_any()))
        };
        if claims.iter().any(stale) {
            return false;
        }
        let claims = self.missing(claims);
        plan.actions.push(Action::Create { pod: Box::new(pod), claims });
        true
    }

    fn missing(&self, claims: Vec<PersistentVolumeClaim>) -> Vec<PersistentVolumeClaim> {
        claims.into_iter().filter(|claim| (self.claim)(&claim.name_any()).is_none()).collect()
    }

    /// Returns whether the partition keeps an ordinal at the revision it had.
    fn is_held_back(&self, ordinal: i32) -> bool {
        self.rolls() && ordinal - identity::start(self.set) < self.partition()
    }

    /// Looks after a Pod that is there. Returns whether the next one may follow.
    fn keep(&self, ordinal: i32, pod: &Arc<Pod>, plan: &mut Plan) -> bool {
        if pods::is_finished(pod) {
            if !pods::is_deleting(pod) {
                plan.actions.push(Action::Recreate(Arc::clone(pod)));
            }
            return false;
        }
        if pods::phase(pod) == Phase::Pending && !pods::is_deleting(pod) {
            let claims = self.missing(identity::claims(self.set, ordinal));
            if !claims.is_empty() {
                plan.actions.push(Action::Claim { pod: Arc::clone(pod), claims });
            }
        }
        let labels = pod.metadata.labels.as_ref();
        let known =
            |(key, value): &(String, String)| labels.and_then(|labels| labels.get(key)) == Some(value);
        if !identity::labels(self.set, ordinal).iter().all(known) {
            plan.actions.push(Action::Label(Arc::clone(pod), ordinal));
        }
        self.is_healthy(pod)
    }

    /// Deletes what is too many. Returns whether the next step may begin.
    fn shrink(&self, condemned: &[Arc<Pod>], plan: &mut Plan) -> bool {
        let lowest_unhealthy = condemned.iter().rev().find(|pod| !self.is_healthy(pod));
        for pod in condemned {
            if pods::is_deleting(pod) {
                if self.is_ordered() {
                    return false;
                }
                continue;
            }
            let may_go =
                self.is_available(pod) || lowest_unhealthy.is_some_and(|lowest| Arc::ptr_eq(lowest, pod));
            if !self.is_ordered() {
                plan.actions.push(Action::Delete(Arc::clone(pod)));
            } else if may_go {
                plan.actions.push(Action::Delete(Arc::clone(pod)));
                return false;
            } else {
                return false;
            }
        }
        true
    }

    /// Returns how many Pods an update may make unavailable at a time.
    fn max_unavailable(&self) -> usize {
        let rolling =
            self.spec.update_strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        let value = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
        let most = value.map_or(1, |value| share(value, self.replicas(), Rounding::Down));
        usize::try_from(most).unwrap_or(1).max(1)
    }

    /// Replaces Pods that were not made from the template of now, highest first, as long as no more are unavailable
    /// than may be. With one at a time, those below do not count: what is broken there may be what the update mends.
    fn roll(&self, members: &[Member], plan: &mut Plan) {
        let update = self.update.name_any();
        let most = self.max_unavailable();
        let is_down = |(_, pod): &&Member| pod.as_ref().is_none_or(|pod| !self.is_healthy(pod));
        let down = members.iter().filter(is_down).count();
        let (mut seen, mut room) = (0, if most == 1 { 1 } else { most.saturating_sub(down) });
        for (ordinal, pod) in members.iter().rev() {
            if seen >= most || ordinal - identity::start(self.set) < self.partition() {
                return;
            }
            // One that is missing is made from the template of now.
            let Some(pod) = pod else {
                seen += 1;
                continue;
            };
            let healthy = self.is_healthy(pod);
            if identity::revision(pod) != update && pods::is_active(pod) {
                if healthy && room == 0 {
                    return;
                }
                room = room.saturating_sub(usize::from(healthy));
                plan.actions.push(Action::Delete(Arc::clone(pod)));
                seen += 1;
            } else if !healthy {
                seen += 1;
            }
        }
    }
}
