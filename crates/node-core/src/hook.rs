//! Hooks of a container's life: what runs after its start and before its end, and which signal ends it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use thiserror::Error;

use crate::moment::seconds;
use crate::probe::{Check, CheckError};

/// What a hook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Runs a command or sends a request.
    Check(Check),
    /// Waits.
    Sleep(Duration),
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Right after the start, beside the container's own command.
    PostStart,
    /// Before the signal to end.
    PreStop,
}

/// A hook that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HookError {
    /// It does nothing, or more than one thing, or opens a connection, which was never supported.
    #[error("{0:?} hook of container {1:?} must have exactly one of exec, httpGet and sleep")]
    Handlers(HookKind, String),
    /// What it does is wrong.
    #[error("{kind:?} hook of container {container:?}")]
    Check {
        /// When it runs.
        kind: HookKind,
        /// Whose it is.
        container: String,
        /// What is wrong.
        #[source]
        source: CheckError,
    },
    /// The signal is unknown.
    #[error("stop signal {signal:?} of container {container:?} is unknown")]
    Signal {
        /// Whose it is.
        container: String,
        /// What it says.
        signal: String,
    },
}

impl Hook {
    /// Reads a hook of a container, if there is one.
    pub fn of(container: &Container, kind: HookKind) -> Result<Option<Self>, HookError> {
        let lifecycle = container.lifecycle.as_ref();
        let handler = lifecycle.and_then(|lifecycle| match kind {
            HookKind::PostStart => lifecycle.post_start.as_ref(),
            HookKind::PreStop => lifecycle.pre_stop.as_ref(),
        });
        handler.map(|handler| Self::parse(handler, container, kind)).transpose()
    }

    fn parse(handler: &LifecycleHandler, container: &Container, kind: HookKind) -> Result<Self, HookError> {
        let name = || container.name.clone();
        let check = match (&handler.exec, &handler.http_get, &handler.sleep, &handler.tcp_socket) {
            (Some(exec), None, None, None) => Check::exec(exec),
            (None, Some(http), None, None) => Check::http(http, container),
            (None, None, Some(sleep), None) => return Ok(Self::Sleep(seconds(sleep.seconds))),
            _ => return Err(HookError::Handlers(kind, name())),
        };
        let check = check.map_err(|source| HookError::Check { kind, container: name(), source })?;
        Ok(Self::Check(check))
    }
}

/// The signal that tells a container to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopSignal {
    /// Its name, such as `SIGTERM`.
    pub name: String,
    /// Its number on Linux.
    pub number: i32,
}

const SIGNALS: [(&str, i32); 31] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];
const REAL_TIME_MIN: i32 = 34;
const REAL_TIME_MAX: i32 = 64;

impl StopSignal {
    /// Reads the signal of a container; `SIGTERM` where it names none.
    pub fn of(container: &Container) -> Result<Self, HookError> {
        let name = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.as_deref());
        let name = name.unwrap_or("SIGTERM");
        let unknown = || HookError::Signal { container: container.name.clone(), signal: name.to_owned() };
        let number = signal_number(name).ok_or_else(unknown)?;
        Ok(Self { name: name.to_owned(), number })
    }
}

fn signal_number(name: &str) -> Option<i32> {
    if let Some((_, number)) = SIGNALS.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let number = match name {
        "SIGPOLL" => return Some(29),
        "SIGIOT" => return Some(6),
        "SIGRTMIN" => REAL_TIME_MIN,
        "SIGRTMAX" => REAL_TIME_MAX,
        _ => {
            let up = name.strip_prefix("SIGRTMIN+").and_then(|n| n.parse::<u8>().ok());
            let down = name.strip_prefix("SIGRTMAX-").and_then(|n| n.parse::<u8>().ok());
            match (up, down) {
                (Some(up), _) => REAL_TIME_MIN + i32::from(up),
                (None, Some(down)) => REAL_TIME_MAX - i32::from(down),
                (None, None) => return None,
            }
        }
    };
    (REAL_TIME_MIN..=REAL_TIME_MAX).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn container(lifecycle: &Value) -> Container {
        serde_json::from_value(json!({"name": "c", "lifecycle": lifecycle})).expect("a container")
    }

    #[test]
    fn hooks_are_read() {
        let read = |lifecycle: Value| Hook::of(&container(&lifecycle), HookKind::PreStop);
        assert_eq!(read(json!({"preStop": {"sleep": {"seconds": 3}}})), Ok(Some(Hook::Sleep(seconds(3)))));
        let exec = Hook::Check(Check::Exec { command: vec!["sync".to_owned()] });
        assert_eq!(read(json!({"preStop": {"exec": {"command": ["sync"]}}})), Ok(Some(exec)));
        assert_eq!(read(json!({"postStart": {"exec": {"command": ["sync"]}}})), Ok(None));
        let error = Hook::of(&container(&json!({"preStop": {"tcpSocket": {"port": 1}}})), HookKind::PreStop);
        let error = error.expect_err("refused").to_string();
        assert_eq!(error, "PreStop hook of container \"c\" must have exactly one of exec, httpGet and sleep");
    }

    #[test]
    fn signals_have_their_numbers() {
        let number = |name: &str| StopSignal::of(&container(&json!({"stopSignal": name}))).map(|s| s.number);
        assert_eq!(StopSignal::of(&Container::default()).map(|s| s.number), Ok(15));
        let table =
            [("SIGINT", 2), ("SIGPWR", 30), ("SIGRTMIN", 34), ("SIGRTMIN+3", 37), ("SIGRTMAX-14", 50)];
        for (name, expected) in table {
            assert_eq!(number(name), Ok(expected), "{name}");
        }
        for name in ["TERM", "SIGNOPE", "SIGRTMIN+31", "SIGRTMAX-31", "SIGRTMIN+x", ""] {
            assert!(number(name).is_err(), "{name}");
        }
    }
}
