//! The probes of a Pod's containers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::core::v1::Pod;
use stanchion_node_core::Moment;
use stanchion_node_core::container::{Observed, State};
use stanchion_node_core::plan::Fate;
use stanchion_node_core::probe::verdict::{Verdict, errored, unhealthy};
use stanchion_node_core::probe::{Kind, Outcome, Probe, Seen, Step, Worker as Prober};
use stanchion_sandbox::ContainerId;

use super::worker::{Message, Stage, Wake, Worker};
use crate::checks;
use crate::clock;
use crate::events::Level;

/// One probe of one container.
#[derive(Debug)]
pub(super) struct Slot {
    container: String,
    prober: Prober,
    is_asking: bool,
}

impl Slot {
    /// Makes those of a Pod; if it ran before, the first questions are spread over a period.
    pub(super) fn of(pod: &Pod, now: Moment, was_running: bool) -> Vec<Self> {
        let spec = pod.spec.as_ref();
        let all =
            spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
        let kinds = [Kind::Startup, Kind::Readiness, Kind::Liveness];
        let each = all.flat_map(|container| kinds.into_iter().map(move |kind| (container, kind)));
        // A probe that cannot be read keeps its container from being started, with a reason.
        let probes =
            each.filter_map(|(container, kind)| Some((container, kind, Probe::of(container, kind).ok()??)));
        probes
            .map(|(container, kind, probe)| {
                let mut hasher = DefaultHasher::new();
                (pod.metadata.uid.as_deref(), &container.name, kind).hash(&mut hasher);
                let part = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
                let first = if was_running { now + probe.period * part / 1000 } else { now };
                let worker = Prober::new(kind, probe, first);
                Self { container: container.name.clone(), prober: worker, is_asking: false }
            })
            .collect()
    }
}

impl Worker {
    /// Asks what is due.
    pub(super) fn probe(&mut self, now: Moment, wake: &mut Wake) {
        let mut slots = std::mem::take(&mut self.probes);
        slots.retain_mut(|slot| self.probe_one(slot, now, wake));
        self.probes = slots;
    }

    /// Steps one probe; returns whether it goes on.
    fn probe_one(&mut self, slot: &mut Slot, now: Moment, wake: &mut Wake) -> bool {
        if slot.is_asking {
            return true;
        }
        let Some(plan) = self.plan.container(&slot.container) else { return false };
        let observed = self.observed.get(&slot.container);
        let instance = observed.and_then(|observed| observed.instance.as_ref());
        let id = instance.map(|instance| instance.id.clone());
        let stays =
            observed.and_then(Observed::exit).is_some_and(|exit| self.plan.fate_of(plan, exit) == Fate::Stay);
        let seen = Seen {
            instance: id.as_deref(),
            running_since: observed.and_then(Observed::running_since),
            started: observed.is_some_and(|observed| observed.is_started(plan)),
            deleting: self.stage >= Stage::Ending,
            over: self.stage >= Stage::Ended || stays,
        };
        let (step, change) = slot.prober.step(&seen, now);
        if change.is_some() || id.is_some() {
            self.note(slot, wake, change.is_some());
        }
        match step {
            Step::Ask => {
                slot.is_asking = true;
                self.ask(slot, id.unwrap_or_default());
                true
            }
            Step::Wait(until) => {
                wake.at(until);
                true
            }
            Step::Idle => true,
            Step::End => false,
        }
    }

    /// Shows what a probe has found to the decisions.
    fn note(&mut self, slot: &Slot, wake: &mut Wake, has_changed: bool) {
        let Some(observed) = self.observed.get_mut(&slot.container) else { return };
        let result = slot.prober.result();
        let place = match slot.prober.kind() {
            Kind::Startup => &mut observed.probed.startup,
            Kind::Readiness => &mut observed.probed.readiness,
            Kind::Liveness => &mut observed.probed.liveness,
        };
        if *place != result {
            *place = result;
            if has_changed {
                wake.again();
            }
        }
    }

    fn ask(&mut self, slot: &Slot, instance: String) {
        let Ok(id) = ContainerId::new(instance.clone()) else { return };
        let (node, probe) = (self.node.clone(), slot.prober.probe().clone());
        let (container, kind) = (slot.container.clone(), slot.prober.kind());
        let ip = self.pod_ips.first().cloned().unwrap_or_default();
        self.tasks.spawn(async move {
            let verdict = checks::probe(&node, &id, &probe.check, &ip, probe.timeout).await;
            Message::Probed { container, kind, instance, verdict }
        });
    }

    pub(super) fn take_probe(
        &mut self,
        container: &str,
        kind: Kind,
        instance: &str,
        verdict: &Result<Verdict, String>,
    ) {
        let mut slots = std::mem::take(&mut self.probes);
        let of = |slot: &&mut Slot| slot.container == container && slot.prober.kind() == kind;
        let Some(slot) = slots.iter_mut().find(of) else {
            self.probes = slots;
            return;
        };
        slot.is_asking = false;
        let runs = self.observed.get(container).and_then(|observed| observed.instance.as_ref());
        let runs = runs.is_some_and(|run| run.id == instance && matches!(run.state, State::Running { .. }));
        // An answer about a run that has ended meanwhile says nothing.
        if runs {
            let outcome = match verdict {
                Ok(verdict) => {
                    if verdict.outcome == Outcome::Failure {
                        let text = unhealthy(kind, &verdict.output);
                        self.node.events.container(&self.pod, container, Level::Warning, "Unhealthy", text);
                    }
                    Some(verdict.outcome)
                }
                Err(error) => {
                    let text = errored(kind, error);
                    self.node.events.container(&self.pod, container, Level::Warning, "Unhealthy", text);
                    None
                }
            };
            let change = slot.prober.answer(instance, outcome);
            let mut wake = Wake::default();
            self.note(slot, &mut wake, true);
            let has_started =
                kind == Kind::Startup && change.is_some_and(|c| c.outcome == Some(Outcome::Success));
            if has_started {
                let now = clock::now();
                tracing::debug!(pod = %self.reference, container, now = now.millis(), "a container has come up");
                for other in slots.iter_mut().filter(|slot| slot.container == container) {
                    if other.prober.kind() == Kind::Readiness {
                        other.prober.trigger();
                    }
                }
            }
        }
        self.probes = slots;
    }
}
