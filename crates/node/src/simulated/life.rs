//! The life of one simulated Pod, pure: its script moves its containers, the decisions of a real node do the rest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use stanchion_node_core::Moment;
use stanchion_node_core::backoff::{BackOff, Bounds, crash_key};
use stanchion_node_core::container::{
    Containers, EndedBy, Exit, ExitReason, Image, Observed, State, Waiting, WaitingReason,
};
use stanchion_node_core::names::{PodRef, id_from_status};
use stanchion_node_core::plan::{PlanError, PodPlan};
use stanchion_node_core::probe::Outcome;
use stanchion_node_core::restart::{Action, Picture};
use stanchion_node_core::script::{Script, ScriptError, Stage};
use stanchion_node_core::termination::{Effect, Ending, active_deadline, grace_of_pod};

/// The exit code of what was killed.
const KILLED: i32 = 137;

/// Why a Pod cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub(super) enum LifeError {
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("it has no spec")]
    Empty,
}

/// Everything that is known of one simulated Pod.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) reference: PodRef,
    pub(super) plan: PodPlan,
    pub(super) observed: Containers,
    pub(super) accepted: Moment,
    /// Whether none of its containers runs or will run again.
    pub(super) is_over: bool,
    /// Whether it was active for too long.
    pub(super) is_late: bool,
    script: Script,
    crashes: BackOff,
    /// When the newest run of each container was made, and when it was told to end.
    made: BTreeMap<String, Moment>,
    told: BTreeMap<String, Moment>,
    ending: Option<Ending>,
}

impl Life {
    /// Takes in a Pod; what its status says has run goes on.
    pub(super) fn new(pod: &Pod, now: Moment) -> Result<Self, LifeError> {
        let spec = pod.spec.as_ref().ok_or(LifeError::Empty)?;
        let mut plan = PodPlan::parse(spec)?;
        for container in &mut plan.containers {
            // The script says what probes would find.
            container.has_startup_probe = false;
            container.has_readiness_probe = true;
            container.has_liveness_probe = false;
        }
        let script = Script::of(pod, plan.policy)?;
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let mut life = Self {
            reference: PodRef::of(pod),
            plan,
            observed: Containers::new(),
            accepted: now,
            is_over: matches!(phase, Some("Succeeded" | "Failed")),
            is_late: false,
            script,
            crashes: BackOff::new(Bounds::default()),
            made: BTreeMap::new(),
            told: BTreeMap::new(),
            ending: None,
        };
        life.remember(pod);
        Ok(life)
    }

    /// Takes in what the status says.
    fn remember(&mut self, pod: &Pod) {
        let Some(status) = &pod.status else { return };
        let init = status.init_container_statuses.iter().flatten();
        for known in init.chain(status.container_statuses.iter().flatten()) {
            let Some(id) = known.container_id.as_deref().and_then(id_from_status) else { continue };
            let observed = self.observed.entry(known.name.clone()).or_default();
            let image = Image { name: known.image.clone(), id: known.image_id.clone() };
            observed.begin(id.to_owned(), image);
            observed.runs = u32::try_from(known.restart_count).unwrap_or(0) + 1;
            let state = known.state.as_ref();
            if let Some(running) = state.and_then(|state| state.running.as_ref()) {
                let since = running.started_at.as_ref().map_or(self.accepted, Moment::from);
                self.made.insert(known.name.clone(), since);
                set(observed, State::Running { since });
            } else if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
                let finished = ended.finished_at.as_ref().map_or(self.accepted, Moment::from);
                set(observed, State::Exited(exit(id, ended.exit_code, finished, finished)));
            }
        }
    }

    /// Goes on to a moment; returns when something changes next by itself.
    pub(super) fn step(&mut self, pod: &Pod, now: Moment) -> Option<Moment> {
        if self.is_over {
            return None;
        }
        let mut wake = self.advance(now);
        let deadline = pod.spec.as_ref().and_then(|spec| {
            let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(Moment::from);
            active_deadline(spec, started.unwrap_or(self.accepted))
        });
        self.is_late |= deadline.is_some_and(|deadline| now >= deadline);
        soonest(&mut wake, deadline.filter(|deadline| now < *deadline));
        if pod.metadata.deletion_timestamp.is_some() || self.is_late {
            self.end(pod, now);
        }
        // Each round starts at least one container or ends the Pod, so this ends.
        while self.ending.is_none() && !self.is_over {
            let (goes_on, moment) = self.decide(pod, now);
            soonest(&mut wake, moment);
            soonest(&mut wake, self.advance(now));
            if !goes_on {
                break;
            }
        }
        soonest(&mut wake, self.drive(now));
        wake
    }

    /// Moves the runs as the script says.
    fn advance(&mut self, now: Moment) -> Option<Moment> {
        let mut wake = None;
        for container in &self.plan.containers {
            let Some(observed) = self.observed.get_mut(&container.name) else { continue };
            let Some(made) = self.made.get(&container.name).filter(|_| observed.is_alive()) else { continue };
            let id = observed.instance.as_ref().map(|instance| instance.id.clone()).unwrap_or_default();
            if let Some(told) = self.told.get(&container.name) {
                let end = self.script.terminates(*told);
                match end {
                    Some(end) if now >= end => set(observed, State::Exited(exit(&id, 0, *made, end))),
                    Some(_) | None => soonest(&mut wake, end),
                }
                continue;
            }
            let progress = self.script.progress(container.role, *made, now);
            soonest(&mut wake, progress.next);
            match progress.stage {
                Stage::Created => {}
                Stage::Running { since, ready } => {
                    set(observed, State::Running { since });
                    observed.probed.readiness = Some(if ready { Outcome::Success } else { Outcome::Failure });
                }
                Stage::Ended { code, started, at } => {
                    set(observed, State::Exited(exit(&id, code, started, at)));
                }
            }
        }
        wake
    }

    /// Does what the decisions of a node say; returns whether to ask again at once, and when at the latest.
    fn decide(&mut self, pod: &Pod, now: Moment) -> (bool, Option<Moment>) {
        let (mut goes_on, mut wake) = (false, None);
        let picture = Picture {
            pod: &self.reference,
            plan: &self.plan,
            observed: &self.observed,
            backoff: &self.crashes,
            now,
        };
        for action in picture.decide() {
            match action {
                Action::Start { container, ended } => {
                    let image =
                        self.plan.container(&container).map(|plan| plan.image.clone()).unwrap_or_default();
                    if let Some(ended) = ended {
                        self.crashes.note(&crash_key(&self.reference, &container, &image), ended, now);
                    }
                    let observed = self.observed.entry(container.clone()).or_default();
                    let id = self.reference.container_id(&container, observed.runs);
                    observed.begin(id, Image { id: format!("simulated://{image}"), name: image });
                    self.told.remove(&container);
                    self.made.insert(container, now);
                    goes_on = true;
                }
                Action::Kill { container, id, .. } => {
                    if let Some(observed) = self.observed.get_mut(&container) {
                        let by = EndedBy::Change;
                        set(observed, State::Exited(Exit { by, ..exit(&id, KILLED, now, now) }));
                    }
                    goes_on = true;
                }
                Action::BackOff { container, until, message, .. } => {
                    let reason = WaitingReason::CrashLoopBackOff;
                    self.observed.entry(container).or_default().waiting = Some(Waiting { reason, message });
                    soonest(&mut wake, Some(until));
                }
                Action::Wait { until, .. } => soonest(&mut wake, Some(until)),
                Action::RestartAll { .. } => {
                    for observed in self.observed.values_mut() {
                        let id = observed
                            .instance
                            .as_ref()
                            .map(|instance| instance.id.clone())
                            .unwrap_or_default();
                        if observed.is_alive() {
                            set(observed, State::Exited(exit(&id, KILLED, now, now)));
                        }
                        observed.forget();
                    }
                    goes_on = true;
                }
                Action::Finish => {
                    self.end(pod, now);
                    return (false, wake);
                }
            }
        }
        (goes_on, wake)
    }

    /// Begins to end the Pod, or takes in that it has less time.
    fn end(&mut self, pod: &Pod, now: Moment) {
        let grace = grace_of_pod(pod);
        match &mut self.ending {
            Some(ending) => ending.shorten(grace),
            None => self.ending = Some(Ending::of_pod(&self.plan, &self.observed, |_| false, grace, now)),
        }
    }

    fn drive(&mut self, now: Moment) -> Option<Moment> {
        let mut ending = self.ending.take()?;
        let mut wake;
        loop {
            let steps = ending.step(now);
            wake = steps.wake;
            for effect in &steps.effects {
                match effect {
                    Effect::Hook { container, .. } => ending.hook_ended(container),
                    Effect::Signal { container } => drop(self.told.insert(container.clone(), now)),
                    Effect::Kill { container } => {
                        if let Some(observed) = self.observed.get_mut(container) {
                            let id = observed.instance.as_ref().map(|run| run.id.clone()).unwrap_or_default();
                            set(observed, State::Exited(exit(&id, KILLED, now, now)));
                        }
                    }
                }
            }
            soonest(&mut wake, self.advance(now));
            for (name, observed) in &self.observed {
                if !observed.is_alive() {
                    ending.gone(name);
                }
            }
            if ending.is_over() {
                self.is_over = true;
                return None;
            }
            if steps.effects.is_empty() {
                break;
            }
        }
        self.ending = Some(ending);
        wake
    }
}

fn set(observed: &mut Observed, state: State) {
    if let Some(instance) = observed.instance.as_mut() {
        instance.state = state;
    }
}

fn exit(id: &str, code: i32, started: Moment, finished: Moment) -> Exit {
    Exit {
        id: id.to_owned(),
        code,
        signal: (code == KILLED).then_some(9),
        reason: if code == 0 { ExitReason::Completed } else { ExitReason::Error },
        message: String::new(),
        started: Some(started),
        finished,
        by: EndedBy::Itself,
    }
}

fn soonest(wake: &mut Option<Moment>, other: Option<Moment>) {
    *wake = [*wake, other].into_iter().flatten().min();
}

#[cfg(test)]
mod tests;
