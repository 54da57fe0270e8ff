//! What is done next with the Pods and claims of a cluster. Pure.
//!
//! ```text
//!   claims and Pods of the spec are there? --no--> make them
//!   Pods beyond the spec?                  --yes-> hand over, wait for the manager to let go, delete
//!   Pods from an older template?           --yes-> replicas one at a time, then hand over, then the old primary
//! ```
//!
//! Facts may be older than what was done last. So every step is chosen in a fixed order and names the uid it is about:
//! done twice it is done once.

mod switch;

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use stanchion_api::{DeletionPolicy, HaStatus, Operation, OperationStatus, ValidCluster};
use stanchion_machinery::quantity::Quantity;

use crate::dereference::{ClaimFacts, Life, PodFacts};

/// What a plan is made from.
pub(crate) struct View<'a> {
    pub(crate) cluster: &'a ValidCluster,
    /// What the manager says.
    pub(crate) ha: Option<&'a HaStatus>,
    /// What is asked for.
    pub(crate) asked: Option<&'a Operation>,
    /// What became of what was asked for.
    pub(crate) operation: Option<&'a OperationStatus>,
    pub(crate) pods: &'a [PodFacts],
    pub(crate) claims: &'a [ClaimFacts],
    /// The templates of now, by ordinal.
    pub(crate) templates: &'a BTreeMap<u32, String>,
    pub(crate) now: Timestamp,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    CreateClaim(u32),
    /// The claim asks for less than the spec does.
    GrowClaim(u32),
    CreatePod(u32),
    DeletePod {
        name: String,
        uid: String,
        why: Why,
    },
    DeleteClaim {
        ordinal: u32,
        uid: String,
    },
    Ask(Operation),
}

/// Why a Pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has ended and will not run again.
    Ended,
    /// It was made from an older template.
    Outdated,
    /// The spec has fewer instances.
    Surplus,
}

/// How far the cluster is from its spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is as the spec says.
    Settled,
    /// Pods are made, or go.
    Creating { names: Vec<String> },
    /// A Pod is replaced by one of the newest template.
    Replacing { name: String },
    /// The primary is to hand over.
    SwitchingOver { from: String, to: String },
    /// An instance is taken away.
    Removing { name: String },
    /// Something must happen first.
    Waiting { what: String },
}

/// What is done next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Action>,
    pub(crate) progress: Progress,
}

impl View<'_> {
    /// Decides what is done next.
    pub(crate) fn plan(&self) -> Plan {
        let mut actions = self.claims_to_make();
        let mut missing = Vec::new();
        for ordinal in self.ordinals() {
            match self.pod(ordinal) {
                None => {
                    missing.push(self.name(ordinal));
                    actions.push(Action::CreatePod(ordinal));
                }
                Some(pod) => match pod.life {
                    Life::Ended => {
                        missing.push(pod.name.clone());
                        actions.push(delete(pod, Why::Ended));
                    }
                    Life::Leaving => missing.push(pod.name.clone()),
                    Life::Pending | Life::Running => {}
                },
            }
        }
        actions.extend(self.claims_to_delete());
        let (more, surplus) = self.surplus();
        actions.extend(more);
        let progress = if !missing.is_empty() {
            Progress::Creating { names: missing }
        } else if let Some(progress) = surplus {
            progress
        } else {
            let (more, progress) = self.rollout();
            actions.extend(more);
            progress
        };
        Plan { actions, progress }
    }

    pub(crate) fn ordinals(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).take(self.cluster.members.len())
    }

    fn is_member(&self, ordinal: u32) -> bool {
        (ordinal as usize) < self.cluster.members.len()
    }

    fn name(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.cluster.name.name())
    }

    fn pod(&self, ordinal: u32) -> Option<&PodFacts> {
        self.pods.iter().find(|pod| pod.ordinal == ordinal)
    }

    fn claims_to_make(&self) -> Vec<Action> {
        let wanted = Quantity::parse(&self.cluster.storage.size.0).ok();
        let of = |ordinal: u32| match self.claims.iter().find(|claim| claim.ordinal == ordinal) {
            None => Some(Action::CreateClaim(ordinal)),
            Some(claim) => (!claim.leaving && claim.size < wanted).then_some(Action::GrowClaim(ordinal)),
        };
        self.ordinals().filter_map(of).collect()
    }

    /// Claims of instances that were taken away go after their Pods, if the spec says so.
    fn claims_to_delete(&self) -> Vec<Action> {
        if self.cluster.deletion_policy == DeletionPolicy::Retain {
            return Vec::new();
        }
        let unused = self.claims.iter().filter(|claim| {
            !claim.leaving
                && !self.is_member(claim.ordinal)
                && self.pod(claim.ordinal).is_none()
                && self.has_let_go(&self.name(claim.ordinal))
        });
        unused.map(|claim| Action::DeleteClaim { ordinal: claim.ordinal, uid: claim.uid.clone() }).collect()
    }

    /// Returns whether the manager counts on an instance no more, and knows the newest spec.
    fn has_let_go(&self, name: &str) -> bool {
        self.ha.is_some_and(|ha| {
            ha.observed_generation >= Some(self.cluster.generation)
                && ha.instance(name).is_none()
                && ha.primary.as_deref() != Some(name)
                && !ha.sync_set.iter().any(|member| member == name)
        })
    }

    /// Takes away what the spec has no more, the highest ordinal first.
    fn surplus(&self) -> (Vec<Action>, Option<Progress>) {
        let mut surplus: Vec<&PodFacts> =
            self.pods.iter().filter(|pod| !self.is_member(pod.ordinal)).collect();
        surplus.sort_by_key(|pod| std::cmp::Reverse(pod.ordinal));
        let Some(first) = surplus.first() else { return (Vec::new(), None) };
        let removing = Some(Progress::Removing { name: first.name.clone() });
        let released = |pod: &&&PodFacts| pod.life != Life::Leaving && self.has_let_go(&pod.name);
        let actions: Vec<Action> =
            surplus.iter().filter(released).map(|pod| delete(pod, Why::Surplus)).collect();
        if !actions.is_empty() || surplus.iter().any(|pod| pod.life == Life::Leaving) {
            return (actions, removing);
        }
        let primary = self.ha.and_then(|ha| ha.primary.as_deref());
        if let Some(pod) = surplus.iter().find(|pod| primary == Some(pod.name.as_str())) {
            let (action, progress) = self.switch("scale", &pod.name);
            return (action.into_iter().collect(), Some(progress));
        }
        let what = format!("the manager to let go of {}", first.name);
        (Vec::new(), Some(Progress::Waiting { what }))
    }

    /// Replaces what was made from an older template.
    fn rollout(&self) -> (Vec<Action>, Progress) {
        let is_outdated = |pod: &&PodFacts| self.templates.get(&pod.ordinal) != Some(&pod.template);
        let mut outdated: Vec<&PodFacts> = self.pods.iter().filter(is_outdated).collect();
        // Those that do nothing first, then from the highest ordinal down, so that the same one is chosen twice.
        outdated.sort_by_key(|pod| (pod.ready, std::cmp::Reverse(pod.ordinal)));
        let Some(first) = outdated.first() else { return (Vec::new(), self.starting()) };
        // Before there ever was a primary nothing can be lost, and a mended template may be what is waited for.
        let never_formed = self.ha.is_some_and(|ha| ha.term == 0 && ha.primary.is_none());
        let nothing_runs = |pod: &PodFacts| pod.life == Life::Pending || never_formed && !pod.ready;
        let idle: Vec<Action> =
            outdated.iter().filter(|pod| nothing_runs(pod)).map(|pod| delete(pod, Why::Outdated)).collect();
        if !idle.is_empty() {
            return (idle, Progress::Replacing { name: first.name.clone() });
        }
        let primary = self.ha.and_then(|ha| ha.primary.as_deref());
        let replica = outdated.iter().find(|pod| primary != Some(pod.name.as_str()));
        let next = replica.unwrap_or(first);
        if let Some(what) = self.hindrance(next) {
            return (Vec::new(), Progress::Waiting { what });
        }
        if replica.is_none() && self.cluster.members.len() > 1 {
            let (action, progress) = self.switch("rollout", &next.name);
            return (action.into_iter().collect(), progress);
        }
        (vec![delete(next, Why::Outdated)], Progress::Replacing { name: next.name.clone() })
    }

    fn starting(&self) -> Progress {
        let names: Vec<String> =
            self.pods.iter().filter(|pod| !pod.ready).map(|pod| pod.name.clone()).collect();
        if names.is_empty() {
            Progress::Settled
        } else {
            Progress::Waiting { what: format!("{} to be ready", names.join(", ")) }
        }
    }

    /// Returns why a Pod must not be replaced now, if there is a reason.
    fn hindrance(&self, pod: &PodFacts) -> Option<String> {
        if self.cluster.members.len() == 1 {
            return None;
        }
        let Some(ha) = self.ha.filter(|ha| ha.is_serving()) else {
            return Some("a primary that writes".to_owned());
        };
        for other in self.pods.iter().filter(|other| other.uid != pod.uid) {
            if !other.ready {
                return Some(format!("{} to be ready", other.name));
            }
            let Some(instance) = ha.instance(&other.name) else {
                return Some(format!("the manager to count on {}", other.name));
            };
            if let Some(trouble) = &instance.trouble {
                return Some(format!("{}: {trouble}", other.name));
            }
        }
        // With three or more, somebody else goes on acknowledging while this one is away.
        let others = ha.sync_set.iter().filter(|member| **member != pod.name).count();
        if others == 0 && self.cluster.members.len() > 2 {
            return Some(format!("an instance besides {} that acknowledges", pod.name));
        }
        ha.sync_set.is_empty().then(|| "an instance that acknowledges".to_owned())
    }
}

fn delete(pod: &PodFacts, why: Why) -> Action {
    Action::DeletePod { name: pod.name.clone(), uid: pod.uid.clone(), why }
}

#[cfg(test)]
mod tests;
