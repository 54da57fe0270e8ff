//! The states of the containers.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, EphemeralContainer, PodSpec, PodStatus,
};

use super::{Known, Statuses};
use crate::container::{Exit, ExitReason, Observed, State};
use crate::hook::StopSignal;
use crate::moment::Moment;
use crate::names::status_id;
use crate::plan::{ContainerPlan, Fate, Role};

/// The exit code of what was never started.
const START_FAILED: i32 = 128;
/// Why ephemeral containers do not run.
pub const EPHEMERAL: &str = "ephemeral containers are not supported on this node: use kubectl exec";
/// The longest message of a container that ended, in bytes.
const MESSAGE_MAX: usize = 4096;

/// Computes the status of each container.
pub(super) fn statuses(known: &Known<'_>, spec: &PodSpec, before: &PodStatus) -> Statuses {
    let specs: Vec<&Container> = spec.init_containers.iter().flatten().chain(&spec.containers).collect();
    let old = before.init_container_statuses.iter().flatten();
    let old: Vec<_> = old.chain(before.container_statuses.iter().flatten()).collect();
    let has_init = known.plan.containers.iter().any(|plan| plan.role != Role::Main);
    let blank = Observed::default();
    let made = known.plan.containers.iter().map(|plan| {
        let observed = known.observed.get(&plan.name).unwrap_or(&blank);
        let old = old.iter().find(|status| status.name == plan.name).copied();
        let container = specs.iter().find(|container| container.name == plan.name).copied();
        let pending = if has_init { "PodInitializing" } else { "ContainerCreating" };
        (plan.name.clone(), one(known, plan, container, observed, old, pending))
    });
    made.collect()
}

fn one(
    known: &Known<'_>,
    plan: &ContainerPlan,
    container: Option<&Container>,
    observed: &Observed,
    old: Option<&ContainerStatus>,
    pending: &str,
) -> ContainerStatus {
    let (state, last) = state_of(known, plan, observed, old, pending);
    let instance = observed.instance.as_ref();
    let image = instance.map(|run| run.image.clone()).unwrap_or_default();
    let started = observed.is_started(plan) && !known.over;
    let finished = observed.exit().is_some_and(Exit::succeeded);
    let ready = match plan.role {
        Role::Init => finished,
        Role::Sidecar | Role::Main => observed.is_ready(plan) && !known.over,
    };
    ContainerStatus {
        name: plan.name.clone(),
        state: Some(state),
        last_state: Some(last.unwrap_or_default()),
        ready,
        started: Some(started),
        restart_count: i32::try_from(observed.restarts()).unwrap_or(i32::MAX),
        image: if image.name.is_empty() { plan.image.clone() } else { image.name },
        image_id: image.id,
        container_id: instance.map(|run| status_id(&run.id)),
        resources: container.and_then(|container| container.resources.clone()),
        stop_signal: container.and_then(named_signal),
        ..ContainerStatus::default()
    }
}

fn named_signal(container: &Container) -> Option<String> {
    container.lifecycle.as_ref()?.stop_signal.as_ref()?;
    StopSignal::of(container).ok().map(|signal| signal.name)
}

/// Returns the state, and the one before.
fn state_of(
    known: &Known<'_>,
    plan: &ContainerPlan,
    observed: &Observed,
    old: Option<&ContainerStatus>,
    pending: &str,
) -> (ContainerState, Option<ContainerState>) {
    let previous = observed.previous.as_ref().map(|exit| ended(terminated(exit)));
    let Some(instance) = &observed.instance else {
        return (without_run(known, observed, old, pending), previous);
    };
    match &instance.state {
        State::Created => (waiting(pending, ""), previous),
        State::Running { since } | State::Stopping { since } => {
            let running = ContainerStateRunning { started_at: Some(since.to_time()) };
            (ContainerState { running: Some(running), ..ContainerState::default() }, previous)
        }
        State::Exited(exit) => match &observed.waiting {
            Some(why) if !known.over && known.plan.fate_of(plan, exit) != Fate::Stay => {
                (waiting(why.reason.as_str(), &why.message), Some(ended(terminated(exit))))
            }
            Some(_) | None => (ended(terminated(exit)), previous),
        },
    }
}

/// The state of a container that has no run. One that was seen running in a Pod that is over got lost.
fn without_run(
    known: &Known<'_>,
    observed: &Observed,
    old: Option<&ContainerStatus>,
    pending: &str,
) -> ContainerState {
    let state = old.and_then(|status| status.state.as_ref());
    if known.over
        && let Some(state) = state
    {
        if state.terminated.is_some() {
            return state.clone();
        }
        if state.running.is_some() {
            let lost = ContainerStateTerminated {
                exit_code: 137,
                reason: Some(ExitReason::Unknown.as_str().to_owned()),
                message: Some("The container could not be located when the pod was terminated".to_owned()),
                ..ContainerStateTerminated::default()
            };
            return ended(lost);
        }
    }
    match &observed.waiting {
        Some(why) => waiting(why.reason.as_str(), &why.message),
        None => waiting(pending, ""),
    }
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    let message = (!message.is_empty()).then(|| message.to_owned());
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn ended(terminated: ContainerStateTerminated) -> ContainerState {
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn terminated(exit: &Exit) -> ContainerStateTerminated {
    let message = &exit.message[..exit.message.floor_char_boundary(MESSAGE_MAX)];
    ContainerStateTerminated {
        container_id: Some(status_id(&exit.id)),
        exit_code: exit.code,
        signal: exit.signal,
        reason: Some(exit.reason.as_str().to_owned()),
        message: (!message.is_empty()).then(|| message.to_owned()),
        started_at: exit.started.map(Moment::to_time),
        finished_at: Some(exit.finished.to_time()),
    }
}

/// Returns the statuses of ephemeral containers: each has ended without having been started, so that nobody waits.
pub(super) fn refused(spec: &PodSpec) -> Option<Vec<ContainerStatus>> {
    let all = spec.ephemeral_containers.as_ref()?;
    let of = |container: &EphemeralContainer| {
        let terminated = ContainerStateTerminated {
            exit_code: START_FAILED,
            reason: Some(ExitReason::StartError.as_str().to_owned()),
            message: Some(EPHEMERAL.to_owned()),
            ..ContainerStateTerminated::default()
        };
        ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            state: Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() }),
            ..ContainerStatus::default()
        }
    };
    Some(all.iter().map(of).collect())
}
