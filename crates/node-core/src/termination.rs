//! How containers are ended: hooks, signals, turns and the grace period.
//!
//! ```text
//! hook (at most the grace period) -> turn -> signal -> kill when the grace period is over
//! ```
//! Hooks run at once for all containers. Main containers get their signal right after their hook, all in parallel;
//! a sidecar waits until the main containers and the sidecars started after it are gone, in so far as there
//! is time. Whoever gets a signal has at least [`FLOOR`] from then on, however short the grace period.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use crate::container::{Containers, Observed};
use crate::moment::{Moment, seconds};
use crate::plan::{PodPlan, Role};

/// What a container has at least between its signal and its end.
pub const FLOOR: Duration = Duration::from_secs(2);
/// The grace period of a Pod that names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(30);
/// The shortest grace period a Pod can have.
const MIN_GRACE: Duration = Duration::from_secs(1);

/// The reason of a Pod that was active for too long.
pub const DEADLINE_REASON: &str = "DeadlineExceeded";
/// The message of a Pod that was active for too long.
pub const DEADLINE_MESSAGE: &str = "Pod was active on the node longer than the specified deadline";

/// The reason of the Event about a first process that takes no notice of the signal.
pub const IGNORED_REASON: &str = "StopSignalIgnored";

/// Words the Event about a first process that takes no notice of the signal.
pub fn ignored_message(container: &str, signal: &str, grace: Duration) -> String {
    format!(
        "The first process of container {container} does not handle {signal}: it will be killed after {}. \
         Start the program with exec, or set lifecycle.stopSignal",
        crate::moment::shown(grace)
    )
}

/// Returns the grace period of a Pod that ends: that of its deletion, or its own.
pub fn grace_of_pod(pod: &Pod) -> Duration {
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    let asked = pod.metadata.deletion_grace_period_seconds.or(own);
    asked.map_or(DEFAULT_GRACE, seconds).max(MIN_GRACE)
}

/// Returns the grace period of a container that failed a probe in a Pod that lives.
pub fn grace_of_probe(spec: &PodSpec, probe: Option<Duration>) -> Duration {
    let own = spec.termination_grace_period_seconds.map_or(DEFAULT_GRACE, seconds);
    probe.unwrap_or(own).max(MIN_GRACE)
}

/// Returns when a Pod that started at a moment has been active for too long.
pub fn active_deadline(spec: &PodSpec, started: Moment) -> Option<Moment> {
    spec.active_deadline_seconds.map(|limit| started + seconds(limit))
}

/// What the shell shall do to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Run its hook, for so long at most.
    Hook {
        /// Its name.
        container: String,
        /// How long at most.
        limit: Duration,
    },
    /// Send it its stop signal.
    Signal {
        /// Its name.
        container: String,
    },
    /// Kill it and all that it started.
    Kill {
        /// Its name.
        container: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Hook,
    Signalled { at: Moment, kill_at: Moment },
    Killed,
}

/// A container that is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    has_hook: bool,
    /// Those of a lower turn go first.
    turn: usize,
    stage: Stage,
}

/// The end of one container or of a whole Pod, under way.
#[derive(Clone, Debug)]
pub struct Ending {
    began: Moment,
    grace: Duration,
    members: BTreeMap<String, Member>,
    has_begun: bool,
}

/// What to do, and when to ask again at the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// When to ask again if nothing else happens.
    pub wake: Option<Moment>,
}

impl Ending {
    /// Begins the end of what is alive of a Pod. `has_hook` says which containers run something before they end.
    pub fn of_pod(
        plan: &PodPlan,
        observed: &Containers,
        has_hook: impl Fn(&str) -> bool,
        grace: Duration,
        now: Moment,
    ) -> Self {
        let mut members = BTreeMap::new();
        let sidecars = plan.of_role(Role::Sidecar).rev().zip(1..);
        let others = plan.containers.iter().filter(|container| container.role != Role::Sidecar);
        for (container, turn) in others.map(|container| (container, 0)).chain(sidecars) {
            if observed.get(&container.name).is_some_and(Observed::is_alive) {
                let has_hook = has_hook(&container.name);
                members.insert(container.name.clone(), Member { has_hook, turn, stage: Stage::Waiting });
            }
        }
        Self { began: now, grace, members, has_begun: false }
    }

    /// Begins the end of one container.
    pub fn of_container(container: &str, has_hook: bool, grace: Duration, now: Moment) -> Self {
        let member = Member { has_hook, turn: 0, stage: Stage::Waiting };
        Self {
            began: now,
            grace,
            members: BTreeMap::from([(container.to_owned(), member)]),
            has_begun: false,
        }
    }

    /// Takes in that the grace period was changed; it only ever gets shorter. Who has had a signal keeps the floor.
    pub fn shorten(&mut self, grace: Duration) {
        if grace < self.grace {
            self.grace = grace;
            let over = self.over();
            for member in self.members.values_mut() {
                if let Stage::Signalled { at, kill_at } = &mut member.stage {
                    *kill_at = over.max(*at + FLOOR);
                }
            }
        }
    }

    /// Takes in that the hook of a container ended, well or not.
    pub fn hook_ended(&mut self, container: &str) {
        if let Some(member) = self.members.get_mut(container) {
            member.has_hook = false;
            if member.stage == Stage::Hook {
                member.stage = Stage::Waiting;
            }
        }
    }

    /// Takes in that a container is gone.
    pub fn gone(&mut self, container: &str) {
        self.members.remove(container);
    }

    /// Returns whether all are gone.
    pub fn is_over(&self) -> bool {
        self.members.is_empty()
    }

    /// Decides what to do now.
    pub fn step(&mut self, now: Moment) -> Steps {
        let over = self.over();
        let mut effects = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            effects.extend(self.begin());
        }
        let first = self.members.values().map(|member| member.turn).min().unwrap_or(0);
        let mut wake: Option<Moment> = None;
        for (name, member) in &mut self.members {
            let container = name.clone();
            if member.stage == Stage::Hook && now >= over {
                member.stage = Stage::Waiting;
            }
            if member.stage == Stage::Waiting && (member.turn == first || now >= over) {
                member.stage = Stage::Signalled { at: now, kill_at: over.max(now + FLOOR) };
                effects.push(Effect::Signal { container: container.clone() });
            }
            let due = match member.stage {
                Stage::Waiting | Stage::Hook => over,
                Stage::Signalled { kill_at, .. } => kill_at,
                Stage::Killed => continue,
            };
            if now >= due {
                member.stage = Stage::Killed;
                effects.push(Effect::Kill { container });
            } else {
                wake = Some(wake.map_or(due, |wake| wake.min(due)));
            }
        }
        Steps { effects, wake }
    }

    fn over(&self) -> Moment {
        self.began + self.grace
    }

    fn begin(&mut self) -> Vec<Effect> {
        let limit = self.grace;
        let hooked = self.members.iter_mut().filter(|(_, member)| member.has_hook && !limit.is_zero());
        hooked
            .map(|(name, member)| {
                member.stage = Stage::Hook;
                Effect::Hook { container: name.clone(), limit }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
