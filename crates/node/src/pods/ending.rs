//! Ending containers: hooks, signals, and the kill at the end of the grace period.

use std::time::Duration;

use stanchion_node_core::Moment;
use stanchion_node_core::container::{EndedBy, Exit, Observed, State};
use stanchion_node_core::hook::{HookKind, StopSignal};
use stanchion_node_core::probe::{Kind, Probe};
use stanchion_node_core::termination::{
    Effect, Ending, IGNORED_REASON, grace_of_pod, grace_of_probe, ignored_message,
};
use stanchion_sandbox::{ContainerId, RuntimeError};

use super::sync::{exit_reason, set_state};
use super::worker::{Message, Setup, Stage, Target, Wake, Worker};
use crate::checks;
use crate::clock;
use crate::events::Level;
use crate::volumes::chain;

/// A process that cannot be told to end is told again after this long.
const AGAIN: Duration = Duration::from_secs(2);

impl Worker {
    /// Begins to end the Pod for good.
    pub(super) fn begin_end(&mut self, now: Moment) {
        self.stage = Stage::Ending;
        self.endings.clear();
        self.tell_stop();
        let grace = self.grace();
        let ending = Ending::of_pod(&self.plan, &self.observed, |name| self.has_hook(name), grace, now);
        self.endings.insert(Target::Pod, ending);
    }

    fn tell_stop(&self) {
        for (name, observed) in &self.observed {
            if observed.is_alive() {
                let text = format!("Stopping container {name}");
                self.node.events.container(&self.pod, name, Level::Normal, "Killing", text);
            }
        }
    }

    /// Begins to end all containers with their node, to be started again by its next run.
    pub(super) fn begin_stop(&mut self, now: Moment) {
        self.tell_stop();
        self.begin_restart_all(now);
    }

    /// Begins to end all containers, to be started again.
    pub(super) fn begin_restart_all(&mut self, now: Moment) {
        self.endings.clear();
        let grace = self.grace();
        let ending = Ending::of_pod(&self.plan, &self.observed, |name| self.has_hook(name), grace, now);
        self.endings.insert(Target::All, ending);
    }

    /// Begins to end one container, to be started again.
    ///
    /// `probe` is the one it has failed, if that is why: a probe can have a grace period of its own.
    pub(super) fn begin_container_end(&mut self, container: String, probe: Option<Kind>, now: Moment) {
        let own = probe.and_then(|kind| self.probe_grace(&container, kind));
        let spec = self.pod.spec.clone().unwrap_or_default();
        let grace = grace_of_probe(&spec, own);
        let ending = Ending::of_container(&container, self.has_hook(&container), grace, now);
        self.endings.insert(Target::Container(container), ending);
    }

    /// Takes in that the time of a Pod that ends has become shorter.
    pub(super) fn shorten(&mut self) {
        let grace = self.grace();
        if let Some(ending) = self.endings.get_mut(&Target::Pod) {
            ending.shorten(grace);
        }
    }

    fn grace(&self) -> Duration {
        let own = grace_of_pod(&self.pod);
        self.exact_grace.map_or(own, |grace| grace.min(own))
    }

    fn probe_grace(&self, container: &str, kind: Kind) -> Option<Duration> {
        Probe::of(self.spec_of(container)?, kind).ok().flatten()?.grace
    }

    /// Goes on with what is being ended.
    pub(super) async fn drive_endings(&mut self, now: Moment, wake: &mut Wake) {
        let mut effects = Vec::new();
        for ending in self.endings.values_mut() {
            let steps = ending.step(now);
            effects.extend(steps.effects);
            if let Some(moment) = steps.wake {
                wake.at(moment);
            }
        }
        for effect in effects {
            match effect {
                Effect::Hook { container, limit } => {
                    self.run_hook(&container, HookKind::PreStop, Some(limit));
                }
                Effect::Signal { container } => self.signal(&container).await,
                Effect::Kill { container } => self.end_now(&container).await,
            }
        }
        if self.endings.get(&Target::Pod).is_some_and(Ending::is_over) && self.tasks_allow_end() {
            self.stage = self.stage.max(Stage::Ended);
            self.endings.clear();
            wake.again();
        }
        if self.endings.get(&Target::All).is_some_and(Ending::is_over) && self.tasks_allow_end() {
            self.endings.remove(&Target::All);
            if !self.is_shut_down() {
                self.observed.values_mut().for_each(Observed::forget);
            }
            wake.again();
        }
        self.endings.retain(|target, ending| !matches!(target, Target::Container(_)) || !ending.is_over());
    }

    /// Nothing that is being started or made may slip past the end.
    fn tasks_allow_end(&self) -> bool {
        let is_making = matches!(self.setup, Setup::UnderWay(_) | Setup::Refreshing(_));
        !is_making && self.starting.is_empty() && !self.observed.values().any(Observed::is_alive)
    }

    pub(super) fn run_id(&self, container: &str) -> Option<ContainerId> {
        let instance = self.observed.get(container)?.instance.as_ref()?;
        ContainerId::new(instance.id.clone()).ok()
    }

    /// Tells a container to end.
    async fn signal(&mut self, container: &str) {
        let Some(id) = self.run_id(container) else { return };
        let signal = self.spec_of(container).and_then(|spec| StopSignal::of(spec).ok());
        let signal = signal.unwrap_or_else(|| StopSignal { name: "SIGTERM".to_owned(), number: 15 });
        // Nobody can handle SIGKILL, and nobody needs to.
        let can_ignore = signal.number != 9;
        if can_ignore && matches!(self.node.runtime.pid1_ignores(&id, signal.number).await, Ok(true)) {
            let grace = grace_of_pod(&self.pod);
            let text = ignored_message(container, &signal.name, grace);
            self.node.events.container(&self.pod, container, Level::Warning, IGNORED_REASON, text);
        }
        if let Err(error) = self.node.runtime.signal(&id, signal.number).await {
            tracing::warn!(%id, error = &error as &dyn std::error::Error, "cannot tell a container to end");
        }
        if let Some(observed) = self.observed.get_mut(container)
            && let Some(since) = observed.running_since()
        {
            set_state(observed, State::Stopping { since });
        }
    }

    /// Kills a container and all that it started.
    async fn end_now(&mut self, container: &str) {
        let Some(id) = self.run_id(container) else { return };
        if let Err(error) = self.node.runtime.kill(&id).await {
            tracing::warn!(%id, error = &error as &dyn std::error::Error, "cannot kill a container");
            let (runtime, id) = (self.node.runtime.clone(), id.clone());
            self.tasks.spawn(async move {
                // Whatever comes of it, the wait for the container's end tells.
                tokio::time::sleep(AGAIN).await;
                drop(runtime.kill(&id).await);
                std::future::pending().await
            });
        }
    }

    /// Waits for the end of a run.
    pub(super) fn await_exit(&mut self, container: &str, id: ContainerId) {
        let (node, container) = (self.node.clone(), container.to_owned());
        let wants_log = self
            .spec_of(&container)
            .is_some_and(|spec| spec.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"));
        let restarts = self.observed.get(&container).map_or(0, Observed::restarts);
        let log = node.logs().join(self.reference.log_file(&container, restarts));
        self.tasks.spawn(async move {
            let exit = node.runtime.wait(&id).await;
            let silent = exit.as_ref().is_ok_and(|exit| exit.code != 0 && exit.message.is_none());
            let log_tail = if wants_log && silent { checks::log_tail(log).await } else { None };
            Message::Exited { container, id, exit, log_tail }
        });
    }

    pub(super) fn take_exit(
        &mut self,
        container: &str,
        id: &ContainerId,
        exit: Result<stanchion_sandbox::Exit, RuntimeError>,
        log_tail: Option<String>,
    ) {
        let exit = match exit {
            Ok(exit) => exit,
            Err(error) => {
                // Not being able to see a container is as good as having lost it.
                tracing::error!(%id, error = &error as &dyn std::error::Error, "cannot wait for a container");
                stanchion_sandbox::Exit {
                    code: stanchion_sandbox::CODE_KILLED,
                    signal: None,
                    oom_killed: false,
                    cause: stanchion_sandbox::ExitCause::Lost,
                    message: Some(chain(&error)),
                    started_at: None,
                    finished_at: std::time::SystemTime::now(),
                }
            }
        };
        self.hooking.remove(container);
        let by = self.ended_by.remove(id.as_str()).unwrap_or(EndedBy::Itself);
        for ending in self.endings.values_mut() {
            ending.gone(container);
        }
        let Some(observed) = self.observed.get_mut(container) else { return };
        if observed.instance.as_ref().is_some_and(|instance| instance.id == id.as_str()) {
            set_state(observed, State::Exited(exit_of(id, &exit, by, log_tail)));
        }
    }
}

/// Returns the end of a run as decisions take it.
pub(super) fn exit_of(
    id: &ContainerId,
    exit: &stanchion_sandbox::Exit,
    by: EndedBy,
    log: Option<String>,
) -> Exit {
    let start_failed = match &exit.cause {
        stanchion_sandbox::ExitCause::StartFailed(why) => Some(why.clone()),
        stanchion_sandbox::ExitCause::Lost => Some(
            "The container was lost: its supervisor was killed, or the machine was started anew".to_owned(),
        ),
        stanchion_sandbox::ExitCause::Ended => None,
    };
    Exit {
        id: id.to_string(),
        code: exit.code,
        signal: exit.signal,
        reason: exit_reason(exit),
        message: exit.message.clone().or(start_failed).or(log).unwrap_or_default(),
        started: exit.started_at.map(clock::moment),
        finished: clock::moment(exit.finished_at),
        by,
    }
}
