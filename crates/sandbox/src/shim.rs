//! The shim: the process beside each container. It starts the container, writes its log, and says how it ended.
//!
//! ```text
//! runtime --spawn--> shim --spawn--> init --exec--> command          (the container's first process)
//!    ^  one Reply  |    ^  StartFailure |              |
//!    +-------------+    +---------------+              |
//!                  shim <--- stdout, stderr -----------+
//! ```
//! It is a session of its own and outlives the runtime; one thread, no allocator's threads, no async. If it is
//! killed, the container is killed with it: a container without a log and an exit code would be worse. On SIGTERM it
//! kills the container and reports as ever.
//!
//! What is left when the first process has ended is killed: by the kernel where there is a pid namespace, else by
//! the cgroup, else by walking down from the shim, to which orphans fall.

mod lines;
mod log;
mod output;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime};

use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, WaitOptions, WaitStatus, waitpid};
use serde::{Deserialize, Serialize};

use self::output::Output;
use crate::abilities::Feature;
use crate::cgroup::{Group, Hierarchies};
use crate::config::Resources;
use crate::error::{Doing, SystemError, refusal};
use crate::exit::{CODE_START_FAILED, Exit, ExitCause};
use crate::init::StartFailure;
use crate::pid::{ProcessId, descendants, own_session};
use crate::state::{Dir, Launch, Record};

/// Above every container, below what the kernel never kills.
const SHIM_OOM_SCORE: &str = "-998";
/// A runtime that looks whether the lock is taken holds it for less.
const LOCK_DEADLINE: Duration = Duration::from_secs(2);
/// How often the group of the shims is made and joined until it stays.
const JOIN_TRIES: usize = 10;
/// How long output is read after the end: a process that escaped may hold it open for ever.
const DRAIN: Duration = Duration::from_secs(1);
/// How long processes may take to go once they are killed.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// As kubelet has it.
const MAX_MESSAGE: u64 = 4096;

/// What the runtime is told, once, on the shim's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The command runs.
    Started { pid: i32, started_at: SystemTime },
    /// It does not, and `exit.json` says so too.
    Failed(StartFailure),
    /// Another shim has or had this container.
    Taken,
}

/// A started container.
struct Container {
    first: ProcessId,
    started_at: SystemTime,
    output: Output,
    signals: SignalFd,
    group: Option<Group>,
}

/// Is the shim of the container in `dir`.
pub(crate) fn main(dir: &Path) -> ExitCode {
    match run(&Dir::new(dir.to_owned())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::complain(&error),
    }
}

fn run(dir: &Dir) -> Result<(), SystemError> {
    own_session()?;
    rustix::process::chdir("/").doing(|| "leave the current directory".to_owned())?;
    let Some(_lock) = take_lock(dir)? else { return reply(&Reply::Taken) };
    if dir.record()?.is_some() {
        return reply(&Reply::Taken);
    }
    let launch = dir.launch()?.ok_or_else(|| refusal("start a container", "its config.json is missing"))?;
    let shim = ProcessId::own().doing(|| "find this process in /proc".to_owned())?;
    dir.write_record(&Record { shim, first: None, started_at: None })?;
    step_aside(&launch);

    match start(dir, &launch) {
        Ok(container) => {
            let Container { first, started_at, .. } = &container;
            dir.write_record(&Record { shim, first: Some(*first), started_at: Some(*started_at) })?;
            reply(&Reply::Started { pid: first.pid, started_at: *started_at })?;
            supervise(dir, &launch, container)
        }
        Err(failure) => {
            // An init that has failed is ending by itself.
            let ended = end_failed(&launch);
            let cause = ExitCause::StartFailed(failure.message.clone());
            let finished_at = SystemTime::now();
            dir.write_exit(&Exit {
                code: failure.code,
                signal: None,
                oom_killed: false,
                cause,
                message: None,
                started_at: None,
                finished_at,
            })?;
            reply(&Reply::Failed(failure))?;
            ended
        }
    }
}

fn take_lock(dir: &Dir) -> Result<Option<File>, SystemError> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        let lock = dir.take_lock()?;
        if lock.is_some() || Instant::now() > deadline {
            return Ok(lock);
        }
        pause();
    }
}

/// Tells the runtime, if it is still there, and lets go of it.
fn reply(reply: &Reply) -> Result<(), SystemError> {
    let mut out = io::stdout();
    if let Ok(mut line) = serde_json::to_vec(reply) {
        line.push(b'\n');
        // A runtime that is gone finds out from the directory.
        drop(out.write_all(&line).and_then(|()| out.flush()));
    }
    let doing = || "let go of the runtime".to_owned();
    let null = File::options().write(true).open("/dev/null").doing(doing)?;
    rustix::stdio::dup2_stdout(&null).doing(doing)
}

/// Leaves the runtime's cgroup, so that whoever ends that one ends no container; and is among the last to be killed
/// for memory. Both as far as this machine allows.
fn step_aside(launch: &Launch) {
    drop(fs::write("/proc/self/oom_score_adj", SHIM_OOM_SCORE));
    if let Ok(hierarchies) = Hierarchies::discover() {
        let group = Group::shims(hierarchies, &launch.settings.cgroup_parent);
        // The end of the last container before this one may take the group away in between.
        for _ in 0..JOIN_TRIES {
            if group.make(&Resources::default()).and_then(|()| group.join()).is_ok() {
                break;
            }
        }
    }
}

fn group(launch: &Launch) -> Result<Option<Group>, SystemError> {
    if !launch.settings.abilities.has_cgroups() {
        return Ok(None);
    }
    let Launch { config, settings, missing: _ } = launch;
    let pod = Group::pod(Hierarchies::discover()?, &settings.cgroup_parent, &config.pod.uid);
    Ok(Some(pod.container(&config.id)))
}

fn start(dir: &Dir, launch: &Launch) -> Result<Container, StartFailure> {
    let Launch { config, settings, missing: _ } = launch;
    let group = group(launch)?;
    if let Some(group) = &group {
        let pod = Group::pod(Hierarchies::discover()?, &settings.cgroup_parent, &config.pod.uid);
        pod.make(&config.pod.resources)?;
        group.make(&config.resources)?;
    }
    let message = dir.join("termination");
    if config.termination_message.is_some() {
        File::create(&message)
            .and_then(|file| file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)))
            .doing(|| format!("make {}", message.display()))?;
    }
    let signals = block_signals()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .doing(|| "take in orphans".to_owned())?;
    if !config.host_pid && settings.abilities.has(Feature::PidNamespace) {
        nix::sched::unshare(CloneFlags::CLONE_NEWPID).doing(|| "make a pid namespace".to_owned())?;
    }
    let pipe = || pipe_with(PipeFlags::CLOEXEC).doing(|| "make a pipe".to_owned());
    let (status, status_in) = pipe()?;
    let (stdout, stdout_in) = pipe()?;
    let (stderr, stderr_in) = pipe()?;
    let first = spawn_init(dir, status_in, stdout_in, stderr_in)?;
    await_exec(status)?;
    let output = Output::new(&config.log, stdout, stderr);
    Ok(Container { first, started_at: SystemTime::now(), output, signals, group })
}

/// From here on a signal is something to read. The children inherit it; init empties the mask.
fn block_signals() -> Result<SignalFd, SystemError> {
    let mut mask = SigSet::empty();
    for signal in [NixSignal::SIGCHLD, NixSignal::SIGTERM, NixSignal::SIGINT, NixSignal::SIGHUP] {
        mask.add(signal);
    }
    let doing = || "take signals".to_owned();
    mask.thread_block().doing(doing)?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).doing(doing)
}

fn spawn_init(
    dir: &Dir,
    status: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
) -> Result<ProcessId, SystemError> {
    let doing = || "start the container's first process".to_owned();
    let child = Command::new("/proc/self/exe")
        .arg("sandbox-init")
        .arg(dir.path())
        .env_clear()
        .stdin(Stdio::from(status))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .doing(doing)?;
    // One that has ended already is there until it is waited for.
    let first = i32::try_from(child.id()).ok().and_then(ProcessId::of);
    first.ok_or_else(|| refusal(doing(), "/proc does not show it"))
}

/// Waits until init has executed the command.
fn await_exec(status: OwnedFd) -> Result<(), StartFailure> {
    let mut text = Vec::new();
    File::from(status).read_to_end(&mut text).doing(|| "read the status of the first process".to_owned())?;
    if text.is_empty() {
        return Ok(());
    }
    let said =
        || StartFailure { code: CODE_START_FAILED, message: String::from_utf8_lossy(&text).into_owned() };
    Err(serde_json::from_slice(&text).unwrap_or_else(|_| said()))
}

fn supervise(dir: &Dir, launch: &Launch, mut container: Container) -> Result<(), SystemError> {
    let status = loop {
        container.output.wait(&container.signals)?;
        if asked_to_end(&container.signals)? {
            container.first.signal(Signal::KILL).doing(|| "kill the first process".to_owned())?;
        }
        if let Some(status) = reap(container.first.pid)? {
            break status;
        }
    };
    let finished_at = SystemTime::now();
    let ended = end_rest(&container, launch);
    container.output.drain(Instant::now() + DRAIN);
    let oom_killed = container.group.as_ref().is_some_and(|group| group.oom_kills() > 0);
    // Before the end is told: whoever hears of it finds nothing left.
    let ended = ended.and_then(|()| container.group.as_ref().map_or(Ok(()), Group::end));
    let signal = status.terminating_signal();
    let code = status.exit_status().unwrap_or_else(|| 128 + signal.unwrap_or_default());
    let message =
        launch.config.termination_message.as_ref().and_then(|_| read_message(&dir.join("termination")));
    let exit = Exit {
        code,
        signal,
        oom_killed,
        cause: ExitCause::Ended,
        message,
        started_at: Some(container.started_at),
        finished_at,
    };
    dir.write_exit(&exit)?;
    ended
}

/// Takes away what a start that failed has made.
fn end_failed(launch: &Launch) -> Result<(), SystemError> {
    end_descendants()?;
    group(launch)?.map_or(Ok(()), |group| group.end())
}

/// Reads the signals that have come; returns whether one of them asks for the end.
fn asked_to_end(signals: &SignalFd) -> Result<bool, SystemError> {
    let mut asked = false;
    while let Some(info) = signals.read_signal().doing(|| "read a signal".to_owned())? {
        asked |= info.ssi_signo != NixSignal::SIGCHLD as u32;
    }
    Ok(asked)
}

/// Waits for children that have ended; returns how `first` did if it is among them.
fn reap(first: i32) -> Result<Option<WaitStatus>, SystemError> {
    loop {
        match waitpid(None, WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == first => return Ok(Some(status)),
            Ok(Some(_)) => {}
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(None),
            Err(errno) => return Err(errno).doing(|| "wait for a child".to_owned()),
        }
    }
}

/// Kills what is left of the container.
fn end_rest(container: &Container, launch: &Launch) -> Result<(), SystemError> {
    if let Some(group) = &container.group {
        group.kill()?;
    }
    let in_namespace = !launch.config.host_pid && launch.settings.abilities.has(Feature::PidNamespace);
    if in_namespace { Ok(()) } else { end_descendants() }
}

/// Kills everything below this process, until there is nothing.
fn end_descendants() -> Result<(), SystemError> {
    let doing = || "kill what the container left".to_owned();
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        let left = descendants(own).doing(doing)?;
        if left.is_empty() {
            return reap(0).map(drop);
        }
        if Instant::now() > deadline {
            return Err(refusal(doing(), format!("{} processes are still there", left.len())));
        }
        for process in left {
            process.signal(Signal::KILL).doing(doing)?;
        }
        reap(0)?;
        pause();
    }
}

fn read_message(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_MESSAGE).read_to_end(&mut bytes).ok()?;
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits until one of `fds` has something, or `timeout` is over.
fn ready(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<(), SystemError> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno).doing(|| "wait for output".to_owned()),
    }
}

fn has_something(fd: &PollFd<'_>) -> bool {
    fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
}

#[expect(clippy::disallowed_methods, reason = "the shim is one thread with nothing else to do")]
fn pause() {
    std::thread::sleep(PAUSE);
}
