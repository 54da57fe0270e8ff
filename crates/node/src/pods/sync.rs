//! What a Pod's task does each time something has happened: decide, act, see when to look again.

use std::sync::Arc;
use std::time::Duration;

use stanchion_node_core::Moment;
use stanchion_node_core::backoff::{crash_event, crash_key, image_event, image_key, image_message};
use stanchion_node_core::container::{EndedBy, ExitReason, Image, Observed, State, Waiting, WaitingReason};
use stanchion_node_core::plan::{PodPlan, RestartPolicy};
use stanchion_node_core::probe::Kind;
use stanchion_node_core::restart::{Action, KillReason, Picture};
use stanchion_node_core::shutdown;
use stanchion_node_core::status::Failure;
use stanchion_node_core::termination::{DEADLINE_MESSAGE, DEADLINE_REASON, active_deadline};

use stanchion_sandbox::ContainerId;

use super::start::{self, Order, StartOutcome};
use super::worker::{Message, Stage, Target, Wake, Worker};
use crate::clock;
use crate::events::Level;
use crate::volumes::{Volumes, chain};

/// How long a container whose configuration is wrong waits until it is tried again.
pub(super) const CONFIG_PAUSE: Duration = Duration::from_secs(10);
/// How long a missing image shows as `ErrImagePull` before it shows as `ImagePullBackOff`.
const PULL_SHOWN: Duration = Duration::from_secs(3);

impl Worker {
    /// Decides and acts once; returns when to look again.
    pub(super) async fn step(&mut self) -> Wake {
        let (now, mut wake) = (clock::now(), Wake::default());
        if self.stage == Stage::Living {
            self.live(now, &mut wake);
        }
        self.drive_endings(now, &mut wake).await;
        match self.stage {
            Stage::Ended => {
                self.ports = None;
                self.stage = Stage::Cleaning;
                self.clean_after(Duration::ZERO);
            }
            Stage::Clean => self.leave(),
            Stage::Living | Stage::Ending | Stage::Cleaning | Stage::Removing | Stage::Gone => {}
        }
        self.probe(now, &mut wake);
        self.report(now, &mut wake);
        wake
    }

    /// Keeps the containers as the Pod wants them.
    fn live(&mut self, now: Moment, wake: &mut Wake) {
        self.watch_deadline(now, wake);
        if self.is_shut_down() && self.plan.policy != RestartPolicy::Always && !self.is_still() {
            // How its containers end now says nothing of its work, and nobody would start them again.
            self.failure.get_or_insert_with(shutdown::failure);
        }
        if self.is_unwanted() {
            // What is being started is ended once it has started.
            if self.starting.is_empty() {
                self.begin_end(now);
            }
            return;
        }
        if self.endings.contains_key(&Target::All) {
            return;
        }
        if self.is_shut_down() {
            // What is being started is ended once it has started.
            if self.starting.is_empty() && !self.is_still() {
                self.begin_stop(now);
            }
            return;
        }
        let Some(volumes) = self.volumes(now, wake) else { return };
        if let Err(error) = self.open_ports() {
            let text = format!("Failed to create pod sandbox: {}", chain(&error));
            self.node.events.pod(&self.pod, Level::Warning, "FailedCreatePodSandBox", text);
            // What runs goes on: it may have done without before the node was started anew.
            if self.is_still() {
                return wake.at(now + CONFIG_PAUSE);
            }
            wake.at(now + CONFIG_PAUSE);
        }
        let (pod, plan, observed) = (&self.reference, &self.plan, &self.observed);
        let picture = Picture { pod, plan, observed, backoff: &self.crashes, now };
        for action in picture.decide() {
            self.act(action, &volumes, now, wake);
        }
    }

    fn watch_deadline(&mut self, now: Moment, wake: &mut Wake) {
        let started =
            self.pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(Moment::from);
        let spec = self.pod.spec.as_ref();
        let Some(deadline) = spec.and_then(|spec| active_deadline(spec, started.unwrap_or(self.accepted)))
        else {
            return;
        };
        if now < deadline {
            return wake.at(deadline);
        }
        if self.failure.is_none() {
            let (reason, message) = (DEADLINE_REASON.to_owned(), DEADLINE_MESSAGE.to_owned());
            self.node.events.pod(&self.pod, Level::Normal, DEADLINE_REASON, DEADLINE_MESSAGE);
            self.failure = Some(Failure { reason, message, is_disruption: false });
        }
    }

    fn act(&mut self, action: Action, volumes: &Arc<Volumes>, now: Moment, wake: &mut Wake) {
        match action {
            // A start that is under way shows only once it is done; until then the run before it is all that is seen.
            Action::Start { container, .. }
            | Action::BackOff { container, .. }
            | Action::Wait { container, .. }
                if self.starting.contains(&container) => {}
            // The hook's end looks again.
            Action::Start { .. } if self.waits_for_hook() => {}
            Action::Start { container, ended } => self.start(container, ended, volumes, now),
            Action::Kill { container, id, reason, message } => {
                self.kill(container, id, reason, &message, now);
            }
            Action::BackOff { container, until, delay: _, message } => {
                wake.at(until);
                let reason = WaitingReason::CrashLoopBackOff;
                let observed = self.observed.entry(container.clone()).or_default();
                let known = observed.waiting.as_ref().is_some_and(|waiting| waiting.message == message);
                observed.waiting = Some(Waiting { reason, message });
                if !known {
                    let text = crash_event(&container, &self.reference);
                    self.node.events.container(&self.pod, &container, Level::Warning, "BackOff", text);
                }
            }
            Action::Wait { container, until } => {
                wake.at(until);
                self.show_pull_back_off(&container, now, wake);
            }
            // What is being started is ended once it has started.
            Action::RestartAll { .. } if !self.starting.is_empty() => {}
            Action::RestartAll { because, code } => {
                let text =
                    format!("Container {because} ended with code {code}: all containers are started again");
                self.node.events.pod(&self.pod, Level::Normal, "RestartAllContainers", text);
                self.begin_restart_all(now);
                wake.again();
            }
            Action::Finish => {
                if self.starting.is_empty() {
                    self.begin_end(now);
                }
            }
        }
    }

    fn show_pull_back_off(&mut self, container: &str, now: Moment, wake: &mut Wake) {
        let Some(shown) = self.refused.get(container).map(|at| *at + PULL_SHOWN) else { return };
        if now < shown {
            return wake.at(shown);
        }
        let image = self.plan.container(container).map(|plan| plan.image.clone()).unwrap_or_default();
        let Some(waiting) = self.observed.get_mut(container).and_then(|observed| observed.waiting.as_mut())
        else {
            return;
        };
        if waiting.reason == WaitingReason::ErrImagePull {
            waiting.reason = WaitingReason::ImagePullBackOff;
            waiting.message = image_message(&image, &waiting.message);
            self.node.events.container(&self.pod, container, Level::Normal, "BackOff", image_event(&image));
        }
    }

    /// Begins to start a container.
    fn start(&mut self, container: String, ended: Option<Moment>, volumes: &Arc<Volumes>, now: Moment) {
        let Some(spec) = self.spec_of(&container).cloned() else { return };
        if let Some(ended) = ended {
            let image = spec.image.clone().unwrap_or_default();
            self.crashes.note(&crash_key(&self.reference, &container, &image), ended, now);
        }
        let order = Order {
            node: Arc::clone(&self.node),
            pod: Arc::clone(&self.pod),
            pod_ips: self.pod_ips.clone(),
            container: spec,
            volumes: Arc::clone(volumes),
            attempt: self.observed.get(&container).map_or(0, |observed| observed.runs),
        };
        self.starting.insert(container.clone());
        self.tasks.spawn(async move { Message::Start { container, outcome: start::start(&order).await } });
    }

    pub(super) fn take_start(&mut self, container: &str, outcome: StartOutcome) {
        self.starting.remove(container);
        let now = clock::now();
        let observed = self.observed.entry(container.to_owned()).or_default();
        match outcome {
            StartOutcome::Refused(waiting) => self.take_refusal(container, waiting, now),
            StartOutcome::Running { id, image, started } => {
                self.refused.remove(container);
                let since = clock::moment(started.started_at);
                observed.begin(id.to_string(), image);
                set_state(observed, State::Running { since });
                self.remember_run(container, &id);
                let events = &self.node.events;
                events.container(
                    &self.pod,
                    container,
                    Level::Normal,
                    "Created",
                    format!("Created container: {container}"),
                );
                events.container(
                    &self.pod,
                    container,
                    Level::Normal,
                    "Started",
                    format!("Started container {container}"),
                );
                for missing in &started.missing {
                    let text =
                        format!("Container {container} runs without {}: {}", missing.feature, missing.reason);
                    events.container(&self.pod, container, Level::Warning, "LimitedIsolation", text);
                }
                self.await_exit(container, id);
                self.post_start(container);
            }
            StartOutcome::Failed { id, image, exit } => {
                self.refused.remove(container);
                let text = format!("Error: {}", exit.message);
                self.node.events.container(&self.pod, container, Level::Warning, "Failed", text);
                observed.begin(id.to_string(), image);
                set_state(observed, State::Exited(exit));
                self.remember_run(container, &id);
            }
        }
    }

    /// Notes a new run, and removes the runs before it: how the last one ended is known, its log stays.
    fn remember_run(&mut self, container: &str, id: &ContainerId) {
        let attempt = self.observed.get(container).map_or(0, Observed::restarts);
        let before = format!("{}-{container}-", self.reference.uid);
        let is_older = |run: &ContainerId| {
            let rest = run.as_str().strip_prefix(&before);
            rest.and_then(|rest| rest.parse::<u32>().ok()).is_some_and(|number| number < attempt)
        };
        let old: Vec<ContainerId> = self.runs.extract_if(.., |run| is_older(run)).collect();
        self.runs.push(id.clone());
        let log = attempt.checked_sub(2).map(|number| self.reference.log_file(container, number));
        let (node, log) = (Arc::clone(&self.node), log.map(|log| self.node.logs().join(log)));
        self.tasks.spawn(async move {
            for id in old {
                if let Err(error) = node.runtime.remove(&id).await {
                    tracing::warn!(%id, error = &error as &dyn std::error::Error, "a run cannot be removed");
                }
            }
            if let Some(log) = log {
                start::remove_log(&log).await;
            }
            Message::Tidied
        });
    }

    fn take_refusal(&mut self, container: &str, waiting: Waiting, now: Moment) {
        let image = self.plan.container(container).map(|plan| plan.image.clone()).unwrap_or_default();
        let events = &self.node.events;
        let not_before = if waiting.reason == WaitingReason::ErrImagePull {
            let text = format!("Failed to pull image {image:?}: {}", waiting.message);
            events.container(&self.pod, container, Level::Warning, "Failed", text);
            let key = image_key(&self.reference, &image);
            self.pulls.note(&key, now, now);
            self.refused.insert(container.to_owned(), now);
            self.pulls.pause_after_failure(&key, now).map_or(now + CONFIG_PAUSE, |pause| pause.until)
        } else {
            now + CONFIG_PAUSE
        };
        let text = match waiting.reason {
            WaitingReason::ErrImagePull => "Error: ErrImagePull".to_owned(),
            _ => format!("Error: {}", waiting.message),
        };
        events.container(&self.pod, container, Level::Warning, "Failed", text);
        let observed = self.observed.entry(container.to_owned()).or_default();
        observed.waiting = Some(waiting);
        observed.not_before = Some(not_before);
    }

    /// Begins to end a container that is to be started again.
    fn kill(&mut self, container: String, id: String, reason: KillReason, message: &str, now: Moment) {
        let target = Target::Container(container.clone());
        if self.endings.contains_key(&target) {
            return;
        }
        self.node.events.container(&self.pod, &container, Level::Normal, "Killing", message);
        let by = match reason {
            KillReason::StartupProbe | KillReason::LivenessProbe => EndedBy::Probe,
            KillReason::Changed => EndedBy::Change,
        };
        let probe = match reason {
            KillReason::StartupProbe => Some(Kind::Startup),
            KillReason::LivenessProbe => Some(Kind::Liveness),
            KillReason::Changed => None,
        };
        self.ended_by.insert(id, by);
        self.begin_container_end(container, probe, now);
    }
}

/// Says where the newest run stands.
pub(super) fn set_state(observed: &mut Observed, state: State) {
    if let Some(instance) = observed.instance.as_mut() {
        instance.state = state;
    }
}

/// Returns why a run that ended is shown as terminated.
pub(super) fn exit_reason(exit: &stanchion_sandbox::Exit) -> ExitReason {
    match &exit.cause {
        stanchion_sandbox::ExitCause::StartFailed(_) => ExitReason::StartError,
        stanchion_sandbox::ExitCause::Lost => ExitReason::Unknown,
        stanchion_sandbox::ExitCause::Ended if exit.oom_killed && exit.code != 0 => ExitReason::OomKilled,
        stanchion_sandbox::ExitCause::Ended if exit.code == 0 => ExitReason::Completed,
        stanchion_sandbox::ExitCause::Ended => ExitReason::Error,
    }
}

/// Returns the image of a container that was found running, as its labels say.
pub(super) fn image_of(
    labels: &std::collections::BTreeMap<String, String>,
    plan: &PodPlan,
    container: &str,
) -> Image {
    let of = |key: &str| labels.get(key).cloned();
    let planned = || plan.container(container).map(|plan| plan.image.clone()).unwrap_or_default();
    Image { name: of("image").unwrap_or_else(planned), id: of("image-id").unwrap_or_default() }
}
