//! `sandbox-exec-init`: the command of an exec, before it is the command. It enters the container and executes.

use std::convert::Infallible;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use nix::sched::CloneFlags;
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use serde::{Deserialize, Serialize};

use super::{Request, TerminalSize};
use crate::abilities::Feature;
use crate::cgroup::{Group, Hierarchies};
use crate::config::User;
use crate::error::{Doing, SystemError, refusal};
use crate::init::{self, StartFailure};
use crate::pid::own_session;
use crate::state::{Dir, Launch};
use crate::wire;

/// Terminals belong to this group on every distribution.
const TERMINALS: u32 = 5;

/// What this half is told. Descriptors: this file, the container's first process, then the standard streams.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Joining {
    pub(super) request: Request,
    /// Names the cgroup of this exec.
    pub(super) exec_group: String,
}

/// Executes a command in the container whose directory is `dir`.
pub(crate) fn main(dir: &Path) -> ExitCode {
    let status = match init::take_status() {
        Ok(status) => status,
        Err(error) => return crate::complain(&error),
    };
    match run(dir, &status) {
        Ok(never) => match never {},
        Err(failure) => {
            match wire::send(&status, &Some(failure), &[]).doing(|| "report a failure".to_owned()) {
                Ok(()) => ExitCode::FAILURE,
                Err(error) => crate::complain(&error),
            }
        }
    }
}

fn run(dir: &Path, status: &OwnedFd) -> Result<Infallible, StartFailure> {
    let doing = || "receive the command".to_owned();
    let Some(((), fds)) = wire::receive::<()>(status).doing(doing)? else {
        return Err(refusal(doing(), "the helper is gone").into());
    };
    let mut fds = fds.into_iter();
    let (Some(file), Some(container)) = (fds.next(), fds.next()) else {
        return Err(refusal(doing(), "descriptors are missing").into());
    };
    let Joining { request, exec_group } = wire::from_memory(file).doing(doing)?;
    let dir = Dir::new(dir.to_owned());
    let launch = dir.launch()?.ok_or_else(|| refusal(doing(), "the container's config.json is missing"))?;
    if launch.settings.abilities.has_cgroups() {
        let Launch { config, settings, missing: _ } = &launch;
        let pod = Group::pod(Hierarchies::discover()?, &settings.cgroup_parent, &config.pod.uid);
        let group = pod.container(&config.id);
        group.join()?;
        group.child(&format!("exec-{exec_group}")).join_for_kill()?;
    }
    init::limit(&request.execution)?;
    enter(&launch, &container)?;
    drop(container);
    // A session of its own: what is typed reaches this command and no other.
    own_session()?;
    if let Some(size) = request.tty {
        terminal(size, &request.execution.user, status)?;
    } else {
        let streams: Vec<OwnedFd> = fds.collect();
        let [stdin, stdout, stderr] = &streams[..] else {
            return Err(refusal(doing(), "a stream is missing").into());
        };
        rustix::stdio::dup2_stdin(stdin).doing(doing)?;
        rustix::stdio::dup2_stdout(stdout).doing(doing)?;
        rustix::stdio::dup2_stderr(stderr).doing(doing)?;
    }
    init::execute(&request.execution, status)
}

/// Enters the namespaces that the container's first process has.
fn enter(launch: &Launch, container: &OwnedFd) -> Result<(), SystemError> {
    let abilities = &launch.settings.abilities;
    let mut flags = CloneFlags::empty();
    for (feature, flag) in [
        (Feature::Root, CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP),
        (Feature::Hostname, CloneFlags::CLONE_NEWUTS),
        (Feature::IpcNamespace, CloneFlags::CLONE_NEWIPC),
    ] {
        if abilities.has(feature) {
            flags |= flag;
        }
    }
    if flags.is_empty() {
        return Ok(());
    }
    // Until the exec this is a program of the machine: the container's processes must not reach it by /proc.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing(|| "hide from the container".to_owned())?;
    nix::sched::setns(container, flags).doing(|| "enter the container (needs Linux 5.8)".to_owned())
}

/// Makes a terminal of the container's own, takes it as standard streams, and sends its other side back.
fn terminal(size: TerminalSize, user: &User, status: &OwnedFd) -> Result<(), SystemError> {
    let doing = || "make a terminal".to_owned();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).doing(doing)?;
    unlockpt(&ours).doing(doing)?;
    rustix::termios::tcsetwinsize(&ours, size.into()).doing(doing)?;
    let name = ptsname(&ours, Vec::new()).doing(doing)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = File::from(rustix::fs::open(name, flags, Mode::empty()).doing(doing)?);
    match rustix::fs::fchown(&theirs, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(TERMINALS))) {
        // Without privileges it belongs to the right user already.
        Ok(()) | Err(rustix::io::Errno::PERM) => {}
        Err(errno) => return Err(errno).doing(doing),
    }
    rustix::process::ioctl_tiocsctty(&theirs).doing(doing)?;
    wire::send(status, &None::<StartFailure>, &[ours.as_fd()]).doing(doing)?;
    rustix::stdio::dup2_stdin(&theirs).doing(doing)?;
    rustix::stdio::dup2_stdout(&theirs).doing(doing)?;
    rustix::stdio::dup2_stderr(&theirs).doing(doing)
}
