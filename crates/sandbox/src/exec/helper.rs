//! `sandbox-exec`: the parent of a command in a container, in the machine's pid namespace.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sched::CloneFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};

use super::join::Joining;
use super::{Reply, Request};
use crate::abilities::Feature;
use crate::cgroup::{Group, Hierarchies};
use crate::error::{Doing, SystemError, refusal};
use crate::init::{StartFailure, take_status};
use crate::pid::ProcessId;
use crate::state::Dir;
use crate::wire;

/// A command that runs.
struct Running {
    fd: OwnedFd,
    /// The container's first process: nothing goes on without it, where there is no namespace to end either.
    container: OwnedFd,
    pid: Pid,
    /// The command and what it has started; nothing where there is no cgroup.
    group: Option<Group>,
    terminal: Option<OwnedFd>,
    deadline: Option<Instant>,
}

/// Runs one command for the runtime at the other end of the standard input.
pub(crate) fn main() -> ExitCode {
    match take_status().and_then(|control| run(&control)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::complain(&error),
    }
}

fn run(control: &OwnedFd) -> Result<(), SystemError> {
    let doing = || "receive a request".to_owned();
    let Some(((), mut fds)) = wire::receive::<()>(control).doing(doing)? else { return Ok(()) };
    if fds.is_empty() {
        return Err(refusal(doing(), "no descriptor came along"));
    }
    let request: Request = wire::from_memory(fds.remove(0)).doing(doing)?;
    let reply =
        |reply: &Reply, fds: &[_]| wire::send(control, reply, fds).doing(|| "answer the runtime".to_owned());
    match start(request, fds) {
        Ok(running) => {
            let terminal: Vec<_> = running.terminal.iter().map(AsFd::as_fd).collect();
            reply(&Reply::Started, &terminal)?;
            drop(terminal);
            watch(control, running)
        }
        Err(failure) => reply(&Reply::Failed(failure), &[]),
    }
}

fn start(request: Request, stdio: Vec<OwnedFd>) -> Result<Running, StartFailure> {
    let dir = Dir::new(request.dir.clone());
    let doing = || "execute in a container".to_owned();
    let launch = dir.launch()?.ok_or_else(|| refusal(doing(), "its config.json is missing"))?;
    let record = dir.record()?.ok_or_else(|| refusal(doing(), "it was not started"))?;
    let container = record.first.map(ProcessId::open).transpose().doing(doing)?.flatten();
    let container = container.ok_or_else(|| refusal(doing(), "it does not run"))?;
    let abilities = &launch.settings.abilities;

    let own = ProcessId::own().doing(doing)?;
    let group = if abilities.has_cgroups() {
        let pod =
            Group::pod(Hierarchies::discover()?, &launch.settings.cgroup_parent, &launch.config.pod.uid);
        let group = pod.container(&launch.config.id).child(&format!("exec-{}", own.name()));
        group.make_for_kill()?;
        Some(group)
    } else {
        None
    };
    if abilities.has(Feature::PidNamespace) && !launch.config.host_pid {
        // Children only: this process stays where it is.
        nix::sched::setns(&container, CloneFlags::CLONE_NEWPID)
            .doing(|| "enter the container's pid namespace (needs Linux 5.8)".to_owned())?;
    }
    let deadline = request.deadline.map(|time| Instant::now() + time);
    let (status, theirs) = wire::pair().doing(doing)?;
    let joining = Joining { request, exec_group: own.name() };
    let file = wire::in_memory(&joining).doing(doing)?;
    let mut fds = vec![file.as_fd(), container.as_fd()];
    fds.extend(stdio.iter().map(AsFd::as_fd));
    wire::send(&status, &(), &fds).doing(doing)?;
    let child = spawn(&dir, theirs).doing(doing)?;
    drop(stdio);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| refusal(doing(), "its process has no number"))?;
    let fd = pidfd_open(pid, PidfdFlags::empty()).doing(doing)?;
    let terminal = match await_exec(&status) {
        Ok(terminal) => terminal,
        Err(failure) => {
            waitpid(Some(pid), WaitOptions::empty()).doing(doing)?;
            remove(group.as_ref());
            return Err(failure);
        }
    };
    Ok(Running { fd, container, pid, group, terminal, deadline })
}

fn spawn(dir: &Dir, status: OwnedFd) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg("sandbox-exec-init")
        .arg(dir.path())
        .env_clear()
        .stdin(Stdio::from(status))
        .stdout(Stdio::null())
        .stderr(File::options().write(true).open("/dev/null")?)
        .spawn()
}

/// Waits until the command is executed; returns the other side of its terminal if it has one.
fn await_exec(status: &OwnedFd) -> Result<Option<OwnedFd>, StartFailure> {
    let mut terminal = None;
    loop {
        let message =
            wire::receive::<Option<StartFailure>>(status).doing(|| "wait for the command".to_owned())?;
        match message {
            Some((Some(failure), _)) => return Err(failure),
            Some((None, mut fds)) => terminal = fds.pop(),
            None => return Ok(terminal),
        }
    }
}

/// Waits for the end of the command, of the container, of the runtime or of its time, whichever is first.
fn watch(control: &OwnedFd, running: Running) -> Result<(), SystemError> {
    let Running { fd, container, pid, group, terminal, deadline } = running;
    // The runtime has its own by now.
    drop(terminal);
    let mut answer = None;
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [&fd, control, &container].map(|fd| PollFd::new(fd, PollFlags::IN));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno).doing(|| "wait for the command".to_owned()),
        }
        if !fds[0].revents().is_empty() {
            break;
        }
        if fds[1..].iter().any(|fd| !fd.revents().is_empty()) || left == Some(Duration::ZERO) {
            answer = (left == Some(Duration::ZERO)).then_some(Reply::Deadline);
            end(&fd, group.as_ref())?;
            break;
        }
    }
    let status = waitpid(Some(pid), WaitOptions::empty()).doing(|| "wait for the command".to_owned())?;
    remove(group.as_ref());
    let code = status.and_then(|(_, status)| {
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
    });
    let answer = answer.unwrap_or(Reply::Ended { code: code.unwrap_or_default() });
    // A runtime that let go does not listen.
    drop(wire::send(control, &answer, &[]));
    Ok(())
}

/// Kills the command and all it has started.
fn end(command: &OwnedFd, group: Option<&Group>) -> Result<(), SystemError> {
    if let Some(group) = group {
        group.kill()?;
    }
    match pidfd_send_signal(command, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno).doing(|| "kill the command".to_owned()),
    }
}

/// Removes the group, unless something goes on in the background: then it goes with the container's.
fn remove(group: Option<&Group>) {
    if let Some(group) = group {
        drop(group.remove());
    }
}
