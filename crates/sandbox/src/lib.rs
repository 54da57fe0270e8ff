//! Containers as processes of this machine: each with its own root file system, process numbers, host name, limits
//! and log, as far as the machine allows; no images, no daemon, no network of its own.
//!
//! ```text
//! Runtime (async, in the node) --- spawns ---> sandbox-shim --- spawns ---> sandbox-init --- exec ---> command
//!    |   \-- sandbox-exec --> sandbox-exec-init --- exec ---> command in a container
//!    v
//! <state>/containers/<id>/   what each container was told, how far it is, how it ended   ([`state`](self))
//! ```
//! The programs between are the caller's own binary, started again: see [`helper_main`]. What has to happen between
//! a fork and an exec happens in them, so nothing here needs unsafe code.
//!
//! Invariants:
//! - A container is one directory and one id, and its command is started at most once ([`Runtime::start`]).
//! - The shim owns the container and outlives the runtime. What a runtime knows it reads from the directories, so
//!   one that is started again knows as much as the one before. A shim that is killed takes its container along; the
//!   next look reports it as [`ExitCause::Lost`].
//! - A process number is never believed without the age of the process.
//! - All mounts are inside the container's mount namespace: nothing is left on the machine when its last process
//!   has ended. Its writable layer, in the state directory, stays until [`Runtime::remove`].
//! - What a container asks for and cannot have is told ([`Started::missing`], with the reason), or refused where
//!   starting without it could do harm: a volume, another user.
//!
//! What is not here: user namespaces, seccomp, `SELinux` and `AppArmor` profiles, devices beyond the usual ones for
//! containers that are not privileged, input and terminals for the first process.

mod abilities;
mod cgroup;
mod config;
mod error;
mod exec;
mod exit;
mod init;
pub mod logs;
mod mountinfo;
mod pid;
mod probe;
mod root;
mod runtime;
mod shim;
mod state;
mod watched;
mod wire;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub use abilities::{Abilities, Feature, Missing};
pub use cgroup::Stats;
pub use config::{
    ContainerConfig, ContainerId, EtcFiles, InvalidId, LogConfig, Mount, PodGroup, Propagation, Resources,
    Rlimit, RlimitResource, Security, User,
};
pub use error::SystemError;
pub use exec::{Exec, ExecConfig, ExecError, ExecInput, ExecOutput, TerminalSize};
pub use exit::{CODE_KILLED, CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, CODE_START_FAILED, Exit, ExitCause};
pub use runtime::{ContainerState, Found, OpenError, Options, Runtime, RuntimeError, StartError, Started};

/// Is one of this crate's helper programs, if the arguments say so.
///
/// A binary that opens a [`Runtime`] calls this first in `main`, before it starts a thread or reads its command line:
/// a helper stays small, and a namespace can be left only by a process with one thread.
pub fn helper_main(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let name = arguments.next()?;
    let argument = arguments.next().unwrap_or_default();
    let path = Path::new(&argument);
    match name.to_str()? {
        "sandbox-shim" => Some(shim::main(path)),
        "sandbox-init" => Some(init::main(path)),
        "sandbox-exec" => Some(exec::helper::main()),
        "sandbox-exec-init" => Some(exec::join::main(path)),
        "sandbox-probe" => Some(probe::main(path)),
        _ => None,
    }
}

/// Says why a helper ends early, where its parent may look.
fn complain(error: &SystemError) -> ExitCode {
    // There is nobody else to tell.
    drop(writeln!(std::io::stderr(), "{}", error::chain(error)));
    ExitCode::FAILURE
}
