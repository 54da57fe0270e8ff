//! The containers of a Pod in the order in which they start, validated.

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, PodSpec};
use thiserror::Error;

use crate::container::{EndedBy, Exit};

/// When a container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whenever it ended.
    Always,
    /// When it ended with a code other than 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// What a container is to its Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs to its end before the next one starts.
    Init,
    /// It comes up before the next one starts, and runs as long as the Pod.
    Sidecar,
    /// It is what the Pod is for.
    Main,
}

/// What a restart rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Starts the container again.
    Restart,
    /// Starts all containers of the Pod again, the init containers first.
    RestartAll,
}

/// What to do after certain exit codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub action: RuleAction,
    /// Whether it is about the codes, or about all others.
    pub among: bool,
    /// The codes.
    pub codes: Vec<i32>,
}

/// A container of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// What it is to its Pod.
    pub role: Role,
    /// Its own restart policy.
    pub policy: Option<RestartPolicy>,
    /// Rules that come before the policies.
    pub rules: Vec<Rule>,
    /// Whether it says when it has come up.
    pub has_startup_probe: bool,
    /// Whether it says when it is able to serve.
    pub has_readiness_probe: bool,
    /// Whether it says when it is dead.
    pub has_liveness_probe: bool,
}

/// The containers of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPlan {
    /// The policy of the Pod.
    pub policy: RestartPolicy,
    /// The containers: init containers and sidecars in the order of their start, then the main ones.
    pub containers: Vec<ContainerPlan>,
}

/// A Pod whose containers cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A policy of the Pod or of a container is unknown.
    #[error("restart policy {policy:?} of {holder} is unknown")]
    Policy {
        /// Whose it is.
        holder: String,
        /// What it says.
        policy: String,
    },
    /// A rule of a container is unknown.
    #[error("restart rule of container {container:?} says {word:?}, which is unknown")]
    Rule {
        /// Whose it is.
        container: String,
        /// What it says.
        word: String,
    },
    /// Two containers have the same name.
    #[error("there are two containers {0:?}")]
    Duplicate(String),
}

/// What becomes of a container that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays ended.
    Stay,
    /// It is started again.
    Restart,
    /// All containers of the Pod are started again.
    RestartAll,
}

impl PodPlan {
    /// Reads the plan from the spec of a Pod.
    pub fn parse(spec: &PodSpec) -> Result<Self, PlanError> {
        let policy = policy("the Pod", spec.restart_policy.as_deref())?.unwrap_or(RestartPolicy::Always);
        let init = spec.init_containers.iter().flatten().map(|container| (container, true));
        let main = spec.containers.iter().map(|container| (container, false));
        let mut containers: Vec<ContainerPlan> = Vec::new();
        for (container, init) in init.chain(main) {
            if containers.iter().any(|other| other.name == container.name) {
                return Err(PlanError::Duplicate(container.name.clone()));
            }
            containers.push(ContainerPlan::parse(container, init)?);
        }
        Ok(Self { policy, containers })
    }

    /// Returns the containers of a role, in order.
    pub fn of_role(&self, role: Role) -> impl DoubleEndedIterator<Item = &ContainerPlan> {
        self.containers.iter().filter(move |container| container.role == role)
    }

    /// Returns the container of a name.
    pub fn container(&self, name: &str) -> Option<&ContainerPlan> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// Decides what becomes of a container that has ended.
    pub fn fate_of(&self, container: &ContainerPlan, exit: &Exit) -> Fate {
        match exit.by {
            EndedBy::Change => Fate::Restart,
            EndedBy::Itself | EndedBy::Probe => self.fate(container, exit.code, !exit.succeeded()),
        }
    }

    /// Decides what becomes of a container that has ended with a code, and failed or not.
    pub fn fate(&self, container: &ContainerPlan, code: i32, failed: bool) -> Fate {
        if let Some(rule) = container.rules.iter().find(|rule| rule.codes.contains(&code) == rule.among) {
            return match rule.action {
                RuleAction::Restart => Fate::Restart,
                RuleAction::RestartAll => Fate::RestartAll,
            };
        }
        let restarts = match (container.policy.unwrap_or(self.policy), container.role) {
            (RestartPolicy::Always, Role::Sidecar | Role::Main) => true,
            (RestartPolicy::Always, Role::Init) | (RestartPolicy::OnFailure, _) => failed,
            (RestartPolicy::Never, _) => false,
        };
        if restarts { Fate::Restart } else { Fate::Stay }
    }
}

impl ContainerPlan {
    fn parse(container: &Container, init: bool) -> Result<Self, PlanError> {
        let name = container.name.clone();
        let policy = policy(&format!("container {name:?}"), container.restart_policy.as_deref())?;
        let role = match (init, policy) {
            (true, Some(RestartPolicy::Always)) => Role::Sidecar,
            (true, _) => Role::Init,
            (false, _) => Role::Main,
        };
        let rules = container.restart_policy_rules.iter().flatten();
        let rules = rules.map(|rule| parse_rule(&name, rule)).collect::<Result<_, _>>()?;
        Ok(Self {
            name,
            image: container.image.clone().unwrap_or_default(),
            role,
            policy,
            rules,
            has_startup_probe: container.startup_probe.is_some(),
            has_readiness_probe: container.readiness_probe.is_some(),
            has_liveness_probe: container.liveness_probe.is_some(),
        })
    }
}

fn policy(holder: &str, text: Option<&str>) -> Result<Option<RestartPolicy>, PlanError> {
    match text {
        None | Some("") => Ok(None),
        Some("Always") => Ok(Some(RestartPolicy::Always)),
        Some("OnFailure") => Ok(Some(RestartPolicy::OnFailure)),
        Some("Never") => Ok(Some(RestartPolicy::Never)),
        Some(other) => Err(PlanError::Policy { holder: holder.to_owned(), policy: other.to_owned() }),
    }
}

fn parse_rule(container: &str, rule: &ContainerRestartRule) -> Result<Rule, PlanError> {
    let unknown = |word: &str| PlanError::Rule { container: container.to_owned(), word: word.to_owned() };
    let action = match rule.action.as_str() {
        "Restart" => RuleAction::Restart,
        "RestartAllContainers" => RuleAction::RestartAll,
        other => return Err(unknown(other)),
    };
    let codes = rule.exit_codes.as_ref().ok_or_else(|| unknown("exitCodes: null"))?;
    let among = match codes.operator.as_str() {
        "In" => true,
        "NotIn" => false,
        other => return Err(unknown(other)),
    };
    Ok(Rule { action, among, codes: codes.values.clone().unwrap_or_default() })
}

#[cfg(test)]
mod tests;
