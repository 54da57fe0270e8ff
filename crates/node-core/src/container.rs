//! What is known of the containers of a Pod: what the runtime shows and what the probes found.

use std::collections::BTreeMap;

use crate::moment::Moment;
use crate::plan::ContainerPlan;
use crate::probe::Outcome;

/// The containers of a Pod by name.
pub type Containers = BTreeMap<String, Observed>;

/// Why a container is shown as terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It ended with code 0.
    Completed,
    /// It ended with another code or by a signal.
    Error,
    /// It went over its memory limit.
    OomKilled,
    /// Its command could not be started.
    StartError,
    /// It was lost: nobody saw how it ended.
    Unknown,
}

impl ExitReason {
    /// Returns it as it stands in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Error => "Error",
            Self::OomKilled => "OOMKilled",
            Self::StartError => "StartError",
            Self::Unknown => "ContainerStatusUnknown",
        }
    }
}

/// Who ended a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// It ended by itself, or with its Pod.
    Itself,
    /// The node, because a probe failed.
    Probe,
    /// The node, because the Pod names another image now. It is started again whatever the policy.
    Change,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The id of the instance that ended.
    pub id: String,
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it is shown as terminated.
    pub reason: ExitReason,
    /// What it left in its termination message, or why it could not start.
    pub message: String,
    /// When it started, if it did.
    pub started: Option<Moment>,
    /// When it ended.
    pub finished: Moment,
    /// Who ended it.
    pub by: EndedBy,
}

impl Exit {
    /// Returns whether it counts as success: a code of 0 does not where the node ended the container.
    pub fn succeeded(&self) -> bool {
        self.code == 0 && self.by == EndedBy::Itself
    }
}

/// Where an instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is made but does not run yet.
    Created,
    /// It runs.
    Running {
        /// When it started.
        since: Moment,
    },
    /// It runs and has been told to end.
    Stopping {
        /// When it started.
        since: Moment,
    },
    /// It has ended.
    Exited(Exit),
}

/// The image of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its name, as the Pod writes it.
    pub name: String,
    /// Its id, as the status shows it.
    pub id: String,
}

/// One run of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id, new for each run.
    pub id: String,
    /// The image it was made from.
    pub image: Image,
    /// Where it stands.
    pub state: State,
}

/// Why a container does not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingReason {
    /// Its image or its program is not there.
    ErrImagePull,
    /// The same, and the next try waits.
    ImagePullBackOff,
    /// Its image is not there and must not be pulled.
    ErrImageNeverPull,
    /// The name of its image cannot be read.
    InvalidImageName,
    /// Its configuration names something that is missing or wrong.
    CreateContainerConfigError,
    /// It could not be made.
    CreateContainerError,
    /// It could not be started.
    RunContainerError,
    /// It ended again and again, and the next start waits.
    CrashLoopBackOff,
    /// What it was told to run after its start failed.
    PostStartHookError,
}

impl WaitingReason {
    /// Returns it as it stands in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrImagePull => "ErrImagePull",
            Self::ImagePullBackOff => "ImagePullBackOff",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
            Self::InvalidImageName => "InvalidImageName",
            Self::CreateContainerConfigError => "CreateContainerConfigError",
            Self::CreateContainerError => "CreateContainerError",
            Self::RunContainerError => "RunContainerError",
            Self::CrashLoopBackOff => "CrashLoopBackOff",
            Self::PostStartHookError => "PostStartHookError",
        }
    }
}

/// Why a container waits, with the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub reason: WaitingReason,
    /// The details.
    pub message: String,
}

/// What the probes of the current instance found. None: there is no such probe, or no result yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Whether it has come up.
    pub startup: Option<Outcome>,
    /// Whether it is able to serve.
    pub readiness: Option<Outcome>,
    /// Whether it is still alive.
    pub liveness: Option<Outcome>,
}

/// All that is known of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The newest run.
    pub instance: Option<Instance>,
    /// How many runs there have been, the newest one included.
    pub runs: u32,
    /// How the run before it ended.
    pub previous: Option<Exit>,
    /// Why the next run has not started. Cleared when one starts.
    pub waiting: Option<Waiting>,
    /// When the next run may be tried, where the last try did not get as far as a run.
    pub not_before: Option<Moment>,
    /// What the probes of the newest run found.
    pub probed: Probed,
}

impl Observed {
    /// Returns how often it was started again.
    pub fn restarts(&self) -> u32 {
        self.runs.saturating_sub(1)
    }

    /// Takes in a new run.
    pub fn begin(&mut self, id: String, image: Image) {
        self.forget();
        self.instance = Some(Instance { id, image, state: State::Created });
        self.runs = self.runs.saturating_add(1);
        self.waiting = None;
        self.not_before = None;
    }

    /// Forgets the newest run, as if the Pod were new, but keeps how it ended and the count of runs.
    pub fn forget(&mut self) {
        self.probed = Probed::default();
        if let Some(Instance { state: State::Exited(exit), .. }) = self.instance.take() {
            self.previous = Some(exit);
        }
    }

    /// Returns how the newest run ended, if it has.
    pub fn exit(&self) -> Option<&Exit> {
        match &self.instance.as_ref()?.state {
            State::Exited(exit) => Some(exit),
            State::Created | State::Running { .. } | State::Stopping { .. } => None,
        }
    }

    /// Returns since when it runs, if it does.
    pub fn running_since(&self) -> Option<Moment> {
        match &self.instance.as_ref()?.state {
            State::Running { since } | State::Stopping { since } => Some(*since),
            State::Created | State::Exited(_) => None,
        }
    }

    /// Returns whether processes of it may be there.
    pub fn is_alive(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| !matches!(instance.state, State::Exited(_)))
    }

    /// Returns whether it runs and has come up.
    pub fn is_started(&self, plan: &ContainerPlan) -> bool {
        let up = !plan.has_startup_probe || self.probed.startup == Some(Outcome::Success);
        self.running_since().is_some() && up
    }

    /// Returns whether it runs, has come up and is able to serve.
    pub fn is_ready(&self, plan: &ContainerPlan) -> bool {
        let able = !plan.has_readiness_probe || self.probed.readiness == Some(Outcome::Success);
        self.is_started(plan) && able
    }
}
