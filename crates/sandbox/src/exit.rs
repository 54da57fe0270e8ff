//! How a container ended.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The exit code of a command that cannot be started for another reason than the two below.
pub const CODE_START_FAILED: i32 = 128;
/// The exit code of a command that is not there.
pub const CODE_NOT_FOUND: i32 = 127;
/// The exit code of a command that is there and cannot be executed.
pub const CODE_NOT_EXECUTABLE: i32 = 126;
/// The exit code of a process that SIGKILL ended; also of a container that was lost.
pub const CODE_KILLED: i32 = 137;

/// How a container ended. Written once, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// What the process returned, or 128 and the number of the signal.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the kernel killed a process of the container for its memory limit. That is not always the first one.
    pub oom_killed: bool,
    /// What ended it.
    pub cause: ExitCause,
    /// What the container left in its termination message file: at most 4096 bytes, none if empty.
    pub message: Option<String>,
    /// When the command was started; nothing if it never was.
    pub started_at: Option<SystemTime>,
    /// When it ended, or when that was noticed.
    pub finished_at: SystemTime,
}

/// What ended a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// The command ended.
    Ended,
    /// The command was never started. The text is for the user.
    StartFailed(String),
    /// The shim was killed or the machine was restarted: the container was ended without its exit code.
    Lost,
}
