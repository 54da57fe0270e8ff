//! What a simulated node does with its Pods: no processes, but times and exit codes as their annotations say.
//!
//! A [`Script`] tells how far a run of a container is at a moment. The simulated node shows that to the same decisions
//! as a real one, so restarts, back-off, order and statuses are the real ones.
//!
//! | annotation, after `simulation.stanchion.dev/` | value                     | otherwise                              |
//! |---|---|---|
//! | `start-after`     | time from made to running                             | 0                                      |
//! | `ready-after`     | time from running to ready, or `never`                | 0                                      |
//! | `complete-after`  | time from running to the end, or `never`              | at once, or `never` if the Pod restarts |
//! | `exit-code`       | the code of the main containers, 0 to 255             | 0                                      |
//! | `terminate-after` | time from the stop signal to the end, or `never`      | 0                                      |

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use stanchion_machinery::time::parse_duration;
use thiserror::Error;

use crate::moment::Moment;
use crate::plan::{RestartPolicy, Role};

/// What all annotations of a script begin with.
pub const PREFIX: &str = "simulation.stanchion.dev/";

/// An annotation that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// There is no such annotation.
    #[error("annotation {PREFIX}{0} is unknown")]
    Unknown(String),
    /// Its value is not of its kind.
    #[error("annotation {PREFIX}{key}: {value:?} is not {expected}")]
    Value {
        /// Which one.
        key: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// What happens to the containers of a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    start_after: Duration,
    /// Never if none.
    ready_after: Option<Duration>,
    /// Never if none.
    complete_after: Option<Duration>,
    exit_code: i32,
    /// Never by itself if none.
    terminate_after: Option<Duration>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is made.
    Created,
    /// It runs.
    Running {
        /// Since when.
        since: Moment,
        /// Whether it is able to serve.
        ready: bool,
    },
    /// It has ended.
    Ended {
        /// With which code.
        code: i32,
        /// When it began to run.
        started: Moment,
        /// When it ended.
        at: Moment,
    },
}

/// Where a run stands, and when that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub stage: Stage,
    /// When it goes on by itself, if it does.
    pub next: Option<Moment>,
}

impl Script {
    /// Reads the script of a Pod.
    pub fn of(pod: &Pod, policy: RestartPolicy) -> Result<Self, ScriptError> {
        let annotations = pod.metadata.annotations.iter().flatten();
        let ours = annotations.filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value.as_str())));
        let ours: BTreeMap<&str, &str> = ours.collect();
        let completes = (policy != RestartPolicy::Always).then_some(Duration::ZERO);
        let mut script = Self {
            start_after: Duration::ZERO,
            ready_after: Some(Duration::ZERO),
            complete_after: completes,
            exit_code: 0,
            terminate_after: Some(Duration::ZERO),
        };
        for (key, value) in ours {
            match key {
                "start-after" => script.start_after = time(key, value)?,
                "ready-after" => script.ready_after = time_or_never(key, value)?,
                "complete-after" => script.complete_after = time_or_never(key, value)?,
                "exit-code" => script.exit_code = code(key, value)?,
                "terminate-after" => script.terminate_after = time_or_never(key, value)?,
                _ => return Err(ScriptError::Unknown(key.to_owned())),
            }
        }
        Ok(script)
    }

    /// Returns where a run stands that was made at a moment. Init containers end well at once, sidecars never end.
    pub fn progress(&self, role: Role, made: Moment, now: Moment) -> Progress {
        let since = made + self.start_after;
        if now < since {
            return Progress { stage: Stage::Created, next: Some(since) };
        }
        let (end, code) = match role {
            Role::Init => (Some(since), 0),
            Role::Sidecar => (None, 0),
            Role::Main => (self.complete_after.map(|after| since + after), self.exit_code),
        };
        if let Some(at) = end.filter(|end| now >= *end) {
            return Progress { stage: Stage::Ended { code, started: since, at }, next: None };
        }
        let ready_at = self.ready_after.map(|after| since + after);
        let ready = ready_at.is_some_and(|at| now >= at);
        let next = [ready_at.filter(|at| now < *at), end].into_iter().flatten().min();
        Progress { stage: Stage::Running { since, ready }, next }
    }

    /// Returns when a run ends that was told so at a moment; only when it is killed if none.
    pub fn terminates(&self, signalled: Moment) -> Option<Moment> {
        self.terminate_after.map(|after| signalled + after)
    }
}

fn wrong(key: &str, value: &str, expected: &'static str) -> ScriptError {
    ScriptError::Value { key: key.to_owned(), value: value.to_owned(), expected }
}

fn time(key: &str, value: &str) -> Result<Duration, ScriptError> {
    let nanos = parse_duration(value).ok().and_then(|nanos| u64::try_from(nanos).ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| wrong(key, value, "a time such as 1m30s"))
}

fn time_or_never(key: &str, value: &str) -> Result<Option<Duration>, ScriptError> {
    if value == "never" { Ok(None) } else { time(key, value).map(Some) }
}

fn code(key: &str, value: &str) -> Result<i32, ScriptError> {
    let code = value.parse::<u8>().map_err(|_| wrong(key, value, "an exit code from 0 to 255"))?;
    Ok(code.into())
}

#[cfg(test)]
mod tests;
