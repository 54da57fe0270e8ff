//! What to do next about the containers of a Pod that lives: the sync decision.
//!
//! ```text
//! init and sidecar containers, one after the other        main containers, all at once
//!   init: until it ended well   --------------------->      start, restart, leave ended
//!   sidecar: until it has come up                           all ended for good: finish
//! ```
//!
//! Invariants: a container is never started while a run of it is alive; a main container is not started before
//! all init containers ended well and all sidecars came up; a decision has at most one action per container.
//! The decision holds no state: the same picture gives the same actions, so the shell has to show what it did
//! (a started container is at least [`State::Created`], one told to end is [`State::Stopping`]) before it asks again.

use std::time::Duration;

use crate::backoff::{BackOff, crash_key, crash_message};
use crate::container::{Containers, Observed, State};
use crate::moment::Moment;
use crate::names::PodRef;
use crate::plan::{ContainerPlan, Fate, PodPlan, Role};
use crate::probe::Outcome;

/// The code that is assumed for a container which the node is about to kill.
const KILLED: i32 = 137;

/// Why the node ends a container in order to start it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    /// Its startup probe failed.
    StartupProbe,
    /// Its liveness probe failed.
    LivenessProbe,
    /// The Pod names another image for it.
    Changed,
}

/// What the shell shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a container. If `ended` is set, it is a restart: note it in the back-off.
    Start {
        /// Its name.
        container: String,
        /// When the run before ended.
        ended: Option<Moment>,
    },
    /// End a container; what follows is decided when it has ended.
    Kill {
        /// Its name.
        container: String,
        /// The id of the run.
        id: String,
        /// Why.
        reason: KillReason,
        /// The words of the Event.
        message: String,
    },
    /// Show a container as waiting (`CrashLoopBackOff`), and ask again at a moment.
    BackOff {
        /// Its name.
        container: String,
        /// When to ask again.
        until: Moment,
        /// How long the wait is in all.
        delay: Duration,
        /// The words of the status.
        message: String,
    },
    /// Ask again at a moment: the next try of a container is not due.
    Wait {
        /// Its name.
        container: String,
        /// When to ask again.
        until: Moment,
    },
    /// End all containers, forget their runs ([`Observed::forget`]), and ask again.
    RestartAll {
        /// The container whose rule says so.
        because: String,
        /// The code it ended with.
        code: i32,
    },
    /// The Pod is over: end what is left of it.
    Finish,
}

/// A Pod as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Which Pod it is.
    pub pod: &'a PodRef,
    /// What it shall run.
    pub plan: &'a PodPlan,
    /// What runs.
    pub observed: &'a Containers,
    /// How long restarts wait.
    pub backoff: &'a BackOff,
    /// The time.
    pub now: Moment,
}

impl Picture<'_> {
    /// Decides what to do.
    pub fn decide(&self) -> Vec<Action> {
        if let Some(action) = self.restart_all() {
            return vec![action];
        }
        if self.is_initialized() {
            let sidecars = self.plan.of_role(Role::Sidecar);
            return self.run_main(sidecars.filter_map(|sidecar| self.keep(sidecar)).collect());
        }
        self.initialize()
    }

    /// Returns whether a main container has ever been started, so that initialization is behind the Pod.
    fn is_initialized(&self) -> bool {
        self.plan.of_role(Role::Main).any(|container| self.instance_of(container).is_some())
    }

    fn restart_all(&self) -> Option<Action> {
        self.plan.containers.iter().find_map(|container| {
            let exit = self.observed.get(&container.name)?.exit()?;
            let fate = self.plan.fate_of(container, exit);
            let because = container.name.clone();
            (fate == Fate::RestartAll).then_some(Action::RestartAll { because, code: exit.code })
        })
    }

    /// Goes on where initialization stands: at the last container that was started.
    fn initialize(&self) -> Vec<Action> {
        let order: Vec<_> = self.plan.containers.iter().filter(|c| c.role != Role::Main).collect();
        let Some(cursor) = order.iter().rposition(|container| self.instance_of(container).is_some()) else {
            return match order.first() {
                Some(first) => self.start(first).into_iter().collect(),
                None => self.run_main(Vec::new()),
            };
        };
        let earlier = order[..cursor].iter().filter(|container| container.role == Role::Sidecar);
        let mut actions: Vec<Action> = earlier.filter_map(|sidecar| self.keep(sidecar)).collect();
        let current = order[cursor];
        let (passed, action) = match current.role {
            Role::Init => self.pass_init(current),
            Role::Sidecar | Role::Main => (self.is_started(current), self.keep(current)),
        };
        if action == Some(Action::Finish) {
            return vec![Action::Finish];
        }
        let may_go_on = passed && action.is_none();
        actions.extend(action);
        match order.get(cursor + 1) {
            Some(next) if may_go_on => actions.extend(self.start(next)),
            None if may_go_on => return self.run_main(actions),
            Some(_) | None => {}
        }
        actions
    }

    /// Returns whether an init container is done, and what to do about it if not.
    fn pass_init(&self, container: &ContainerPlan) -> (bool, Option<Action>) {
        let Some(exit) = self.observed.get(&container.name).and_then(Observed::exit) else {
            return (false, None);
        };
        if exit.succeeded() {
            return (true, None);
        }
        match self.plan.fate_of(container, exit) {
            Fate::Stay => (false, Some(Action::Finish)),
            Fate::Restart | Fate::RestartAll => (false, self.start(container)),
        }
    }

    fn run_main(&self, mut actions: Vec<Action>) -> Vec<Action> {
        let mut over = true;
        for container in self.plan.of_role(Role::Main) {
            let exit = self.observed.get(&container.name).and_then(Observed::exit);
            let stays = exit.is_some_and(|exit| self.plan.fate_of(container, exit) == Fate::Stay);
            if !stays {
                over = false;
                actions.extend(self.keep(container));
            }
        }
        if over { vec![Action::Finish] } else { actions }
    }

    /// Returns what keeps a container up.
    fn keep(&self, container: &ContainerPlan) -> Option<Action> {
        let Some(instance) = self.instance_of(container) else { return self.start(container) };
        match &instance.state {
            State::Created | State::Stopping { .. } => None,
            State::Exited(_) => self.start(container),
            State::Running { .. } => {
                let reason = self.reason_to_kill(container)?;
                let (container, id) = (container.name.clone(), instance.id.clone());
                let message = self.kill_message(&container, reason);
                Some(Action::Kill { container, id, reason, message })
            }
        }
    }

    fn reason_to_kill(&self, container: &ContainerPlan) -> Option<KillReason> {
        let observed = self.observed.get(&container.name)?;
        let changed = observed.instance.as_ref().is_some_and(|run| run.image.name != container.image);
        if changed {
            Some(KillReason::Changed)
        } else if container.has_startup_probe && observed.probed.startup == Some(Outcome::Failure) {
            Some(KillReason::StartupProbe)
        } else if container.has_liveness_probe && observed.probed.liveness == Some(Outcome::Failure) {
            Some(KillReason::LivenessProbe)
        } else {
            None
        }
    }

    fn kill_message(&self, container: &str, reason: KillReason) -> String {
        let what = match reason {
            KillReason::StartupProbe => "failed startup probe",
            KillReason::LivenessProbe => "failed liveness probe",
            KillReason::Changed => "definition changed",
        };
        let plan = self.plan.container(container);
        let restarts = reason == KillReason::Changed
            || plan.is_some_and(|plan| self.plan.fate(plan, KILLED, true) != Fate::Stay);
        let rest = if restarts { ", will be restarted" } else { "" };
        format!("Container {container} {what}{rest}")
    }

    /// Starts a container, or waits until it may be started.
    fn start(&self, container: &ContainerPlan) -> Option<Action> {
        let name = container.name.clone();
        let observed = self.observed.get(&name);
        if observed.is_some_and(Observed::is_alive) {
            return None;
        }
        if let Some(until) = observed.and_then(|observed| observed.not_before).filter(|at| *at > self.now) {
            return Some(Action::Wait { container: name, until });
        }
        let ended = observed.and_then(Observed::exit).map(|exit| exit.finished);
        let key = crash_key(self.pod, &name, &container.image);
        let pause = ended.and_then(|ended| self.backoff.pause_after_end(&key, ended, self.now));
        Some(match pause {
            Some(pause) => {
                let message = crash_message(pause.delay, &name, self.pod);
                Action::BackOff { container: name, until: pause.until, delay: pause.delay, message }
            }
            None => Action::Start { container: name, ended },
        })
    }

    fn instance_of(&self, container: &ContainerPlan) -> Option<&crate::container::Instance> {
        self.observed.get(&container.name)?.instance.as_ref()
    }

    fn is_started(&self, container: &ContainerPlan) -> bool {
        self.observed.get(&container.name).is_some_and(|observed| observed.is_started(container))
    }
}

#[cfg(test)]
mod tests;
