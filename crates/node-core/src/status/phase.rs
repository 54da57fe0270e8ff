//! The phase of a Pod.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::{Known, Statuses};
use crate::container::{Containers, Exit, Observed};
use crate::plan::{Fate, PodPlan, Role};

/// Where a Pod stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Some container has not started yet.
    Pending,
    /// All containers have started, and some run or will run again.
    Running,
    /// All containers ended well, for good.
    Succeeded,
    /// All containers ended for good, and some of them badly.
    Failed,
}

impl Phase {
    /// Returns it as it stands in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Reads it if it is a last one.
    pub(super) fn terminal(text: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed].into_iter().find(|phase| phase.as_str() == text)
    }

    /// Returns whether it is a last one.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Succeeded | Self::Failed => true,
        }
    }
}

#[derive(Default)]
struct Counts {
    running: usize,
    waiting: usize,
    stopped: usize,
    succeeded: usize,
    /// Among the stopped: those that are started again.
    restarting: usize,
}

/// Computes the phase. `over`: no container will be started again, whatever its policy says.
pub(super) fn phase_of(known: &Known<'_>, statuses: &Statuses, initialized: bool) -> Phase {
    let Known { plan, observed, over, .. } = *known;
    if plan.of_role(Role::Init).any(|init| failed_for_good(plan, init.name.as_str(), observed)) {
        return Phase::Failed;
    }
    let counts = count(plan, observed, statuses);
    if !initialized && is_initializing(plan, observed) && !over {
        return Phase::Pending;
    }
    if over && counts.running == 0 {
        let total = plan.of_role(Role::Main).count();
        return if counts.succeeded == total { Phase::Succeeded } else { Phase::Failed };
    }
    if counts.waiting > 0 {
        Phase::Pending
    } else if counts.running > 0 || counts.restarting > 0 {
        Phase::Running
    } else if counts.stopped == 0 {
        Phase::Pending
    } else if counts.stopped == counts.succeeded {
        Phase::Succeeded
    } else {
        Phase::Failed
    }
}

fn failed_for_good(plan: &PodPlan, name: &str, observed: &Containers) -> bool {
    let exit = observed.get(name).and_then(Observed::exit).filter(|exit| !exit.succeeded());
    let container = plan.container(name);
    exit.zip(container).is_some_and(|(exit, container)| plan.fate_of(container, exit) == Fate::Stay)
}

/// Returns whether an init container has not ended well, or a sidecar has not come up.
fn is_initializing(plan: &PodPlan, observed: &Containers) -> bool {
    plan.containers.iter().any(|container| {
        let observed = observed.get(&container.name);
        match container.role {
            Role::Init => !observed.and_then(Observed::exit).is_some_and(Exit::succeeded),
            Role::Sidecar => !observed.is_some_and(|observed| observed.is_started(container)),
            Role::Main => false,
        }
    })
}

fn count(plan: &PodPlan, observed: &Containers, statuses: &Statuses) -> Counts {
    let runs = |name: &str| observed.get(name).is_some_and(|observed| observed.running_since().is_some());
    // A Pod whose sidecars still run is not over.
    let sidecars = plan.of_role(Role::Sidecar).filter(|sidecar| runs(&sidecar.name)).count();
    let mut counts = Counts { running: sidecars, ..Counts::default() };
    for container in plan.of_role(Role::Main) {
        let observed = observed.get(&container.name);
        match observed.and_then(Observed::exit) {
            Some(exit) => {
                counts.stopped += 1;
                counts.succeeded += usize::from(exit.succeeded());
                counts.restarting += usize::from(plan.fate_of(container, exit) != Fate::Stay);
            }
            None if runs(&container.name) => counts.running += 1,
            // Made again after a run: as good as stopped, about to restart.
            None if observed.is_some_and(|observed| observed.previous.is_some()) => {
                counts.stopped += 1;
                counts.restarting += 1;
            }
            None => {
                let status = statuses.get(&container.name);
                match status.and_then(last_exit_code) {
                    Some(code) => {
                        counts.stopped += 1;
                        counts.succeeded += usize::from(code == 0);
                    }
                    None => counts.waiting += 1,
                }
            }
        }
    }
    counts
}

/// The code of a container that is remembered from the status before only.
fn last_exit_code(status: &ContainerStatus) -> Option<i32> {
    Some(status.state.as_ref()?.terminated.as_ref()?.exit_code)
}
