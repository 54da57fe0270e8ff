//! The status of a Pod: phase, conditions and the states of its containers.
//!
//! The status is computed anew from what is known each time. What it keeps from the status before: the moments of
//! the last transitions where nothing changed, conditions that others own, and the containers' last words
//! once the Pod is over. Equal input gives equal output, so the shell writes only when something changed.
//!
//! Invariants: a Pod is never shown as over while a container of it is alive, and never comes back once it was.

mod conditions;
mod containers;
mod phase;

pub use containers::EPHEMERAL;
pub use phase::Phase;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus};

use crate::container::{Containers, Observed};
use crate::moment::Moment;
use crate::plan::{PodPlan, Role};
use crate::qos;

/// Why a Pod was ended by its node, or never taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, such as `Evicted`, `DeadlineExceeded` or `OutOfcpu`.
    pub reason: String,
    /// The details.
    pub message: String,
    /// Whether it is a disruption by the node (`DisruptionTarget`, `TerminationByKubelet`).
    pub is_disruption: bool,
}

/// What a node knows of a Pod.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The Pod as the API has it, with its status before.
    pub pod: &'a Pod,
    /// Its plan.
    pub plan: &'a PodPlan,
    /// Its containers.
    pub observed: &'a Containers,
    /// The addresses of the host.
    pub host_ips: &'a [String],
    /// The addresses of the Pod; none before its sandbox is there.
    pub pod_ips: &'a [String],
    /// Whether containers can be started: volumes and sandbox are there.
    pub sandbox_ready: bool,
    /// When the node took the Pod in.
    pub accepted: Moment,
    /// Whether the Pod is over for good: none of its containers will be started again.
    pub over: bool,
    /// Why the node ended it, if it did.
    pub failure: Option<&'a Failure>,
    /// The time.
    pub now: Moment,
}

/// Computes the status.
pub fn status_of(known: &Known<'_>) -> PodStatus {
    let fallback = PodSpec::default();
    let spec = known.pod.spec.as_ref().unwrap_or(&fallback);
    let before = known.pod.status.clone().unwrap_or_default();
    let initialized = has_initialized(known);
    let all = containers::statuses(known, spec, &before);
    let ended = before.phase.as_deref().and_then(Phase::terminal);
    let phase = match (ended, known.failure) {
        (Some(ended), _) => ended,
        (None, Some(_)) => Phase::Failed,
        (None, None) => phase::phase_of(known, &all, initialized),
    };
    let shown = Shown::of(known, &before, phase);
    let conditions = conditions::conditions(known, spec, &before, &all, phase);
    // What was rejected before any of its containers was started has none that could wait for anything.
    let is_rejected = known.failure.is_some() && known.observed.values().all(|one| one.instance.is_none());
    let of = |wanted: fn(Role) -> bool| -> Vec<ContainerStatus> {
        let plans = known.plan.containers.iter().filter(|plan| wanted(plan.role) && !is_rejected);
        plans.filter_map(|plan| all.get(&plan.name).cloned()).collect()
    };
    let init = of(|role| role != Role::Main);
    let mut main = of(|role| role == Role::Main);
    main.sort_by(|a, b| a.name.cmp(&b.name));
    let qos = before.qos_class.clone().filter(|class| !class.is_empty());
    PodStatus {
        phase: Some(shown.phase),
        conditions: Some(conditions),
        reason: shown.reason,
        message: shown.message,
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: (!main.is_empty()).then_some(main),
        ephemeral_container_statuses: containers::refused(spec),
        host_ip: known.host_ips.first().cloned(),
        host_ips: listed(known.host_ips, |ip| HostIP { ip }),
        pod_ip: known.pod_ips.first().cloned(),
        pod_ips: listed(known.pod_ips, |ip| PodIP { ip }),
        start_time: Some(before.start_time.clone().unwrap_or_else(|| known.accepted.to_time())),
        qos_class: Some(qos.unwrap_or_else(|| qos::class_of(spec).as_str().to_owned())),
        observed_generation: known.pod.metadata.generation,
        ..before
    }
}

/// The phase and its explanation as they are shown.
struct Shown {
    phase: String,
    reason: Option<String>,
    message: Option<String>,
}

impl Shown {
    /// A last phase waits until no container is alive; a last phase that was shown stays with its explanation.
    fn of(known: &Known<'_>, before: &PodStatus, phase: Phase) -> Self {
        let was = before.phase.clone().filter(|phase| !phase.is_empty());
        let is_alive = known.observed.values().any(Observed::is_alive);
        if was.as_deref().and_then(Phase::terminal).is_some() || (phase.is_terminal() && is_alive) {
            let phase = was.unwrap_or_else(|| Phase::Running.as_str().to_owned());
            return Self { phase, reason: before.reason.clone(), message: before.message.clone() };
        }
        let failure = known.failure.cloned();
        let (reason, message) = failure.map(|failure| (failure.reason, failure.message)).unzip();
        Self { phase: phase.as_str().to_owned(), reason, message }
    }
}

/// The statuses of the containers, by name.
type Statuses = BTreeMap<String, ContainerStatus>;

/// Returns whether the main containers were ever reached.
fn has_initialized(known: &Known<'_>) -> bool {
    let mut main = known.plan.of_role(Role::Main);
    main.any(|plan| known.observed.get(&plan.name).is_some_and(|observed| observed.runs > 0))
}

fn listed<T>(ips: &[String], make: fn(String) -> T) -> Option<Vec<T>> {
    (!ips.is_empty()).then(|| ips.iter().cloned().map(make).collect())
}

#[cfg(test)]
mod tests;
