//! Why something was not done.

use std::path::PathBuf;

use crate::abilities::Missing;
use crate::config::ContainerId;
use crate::error::SystemError;
use crate::exit::Exit;

/// Why a state directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another runtime has it.
    #[error("{state} is in use by another process", state = state.display())]
    InUse {
        /// The directory.
        state: PathBuf,
    },
    /// It cannot be used.
    #[error("cannot run containers in {state}", state = state.display())]
    State {
        /// The directory.
        state: PathBuf,
        /// What was refused.
        #[source]
        source: SystemError,
    },
    /// What was being removed cannot be.
    #[error(transparent)]
    Clear(#[from] RuntimeError),
}

/// Why a container was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The command cannot be executed: 127 not found, 126 not executable, 128 anything else. The container has ended.
    #[error("{message}")]
    Command {
        /// The exit code a shell would give.
        code: i32,
        /// For the user, in the words of container runtimes.
        message: String,
    },
    /// The container was started before and has ended.
    #[error("container {id} has ended before, with code {code}", code = exit.code)]
    Ended {
        /// The container.
        id: ContainerId,
        /// How it ended.
        exit: Box<Exit>,
    },
    /// A container with this id is there and is another one.
    #[error("container {id} is there with another configuration")]
    Conflict {
        /// The container.
        id: ContainerId,
    },
    /// Another call is starting it.
    #[error("container {id} is being started already")]
    InProgress {
        /// The container.
        id: ContainerId,
    },
    /// It needs what this machine does not have, and could do harm without it.
    #[error("container {id} cannot be started here: {what}", what = words(missing))]
    Unsupported {
        /// The container.
        id: ContainerId,
        /// What it needs.
        missing: Vec<Missing>,
    },
    /// The configuration is not one.
    #[error("container {id}: {what}")]
    Invalid {
        /// The container.
        id: ContainerId,
        /// What is wrong with it.
        what: String,
    },
    /// The shim ended without an answer.
    #[error("container {id}: the shim ended before the command was started: {said}")]
    Shim {
        /// The container.
        id: ContainerId,
        /// Its last words.
        said: String,
    },
    /// The command was not executed in time; its shim was killed.
    #[error("container {id} was not started in time")]
    Timeout {
        /// The container.
        id: ContainerId,
    },
    /// The machine refused.
    #[error("cannot start container {id}")]
    System {
        /// The container.
        id: ContainerId,
        /// What was refused.
        #[source]
        source: SystemError,
    },
    /// What is known of the container cannot be read.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

fn words(missing: &[Missing]) -> String {
    let words: Vec<String> =
        missing.iter().map(|Missing { feature, reason }| format!("{feature}: {reason}")).collect();
    words.join("; ")
}

/// Why something was not done with a container.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is none with this id.
    #[error("container {id} is not there")]
    NotFound {
        /// The id.
        id: ContainerId,
    },
    /// It was never started.
    #[error("container {id} was not started")]
    NotStarted {
        /// The container.
        id: ContainerId,
    },
    /// It has ended, or has not begun.
    #[error("container {id} does not run")]
    NotRunning {
        /// The container.
        id: ContainerId,
    },
    /// There is no such signal; real-time signals are not supported.
    #[error("signal {signal} cannot be sent")]
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It was killed and does not go: a process in uninterruptible sleep.
    #[error("container {id} does not end")]
    Stuck {
        /// The container.
        id: ContainerId,
    },
    /// The containers cannot be listed, or cleared away.
    #[error("cannot read the state directory")]
    List(#[source] SystemError),
    /// The machine refused.
    #[error("container {id}")]
    System {
        /// The container.
        id: ContainerId,
        /// What was refused.
        #[source]
        source: SystemError,
    },
}
