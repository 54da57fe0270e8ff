//! The first process of a container, before it is the command: it confines itself and executes.
//!
//! Runs as a program of its own (`sandbox-init`), because between a fork and an exec of a running program nearly
//! nothing may be done. Its standard input is the shim's end of the status channel: what goes wrong is written
//! there as a [`StartFailure`], and an exec closes it. The exec helper's second half takes the same last steps
//! ([`execute`]).

mod credentials;
mod environment;
mod program;

use std::convert::Infallible;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::sched::CloneFlags;
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

pub(crate) use credentials::{check_capability_names, lacks_credentials};

use crate::abilities::Feature;
use crate::cgroup::{Group, Hierarchies};
use crate::config::{Rlimit, RlimitResource, Security, User};
use crate::error::{Doing, SystemError, chain, refusal};
use crate::exit::CODE_START_FAILED;
use crate::root;
use crate::state::{Dir, Launch};

/// Why a command was not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartFailure {
    /// 127: not found, 126: not executable, 128: anything else.
    pub(crate) code: i32,
    /// For the user.
    pub(crate) message: String,
}

impl From<SystemError> for StartFailure {
    fn from(error: SystemError) -> Self {
        Self {
            code: CODE_START_FAILED,
            message: format!("unable to start container process: {}", chain(&error)),
        }
    }
}

/// What is executed, and as whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Execution {
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) working_dir: Option<PathBuf>,
    pub(crate) hostname: Option<String>,
    pub(crate) user: User,
    pub(crate) security: Security,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) rlimits: Vec<Rlimit>,
    /// Whether users, groups and capabilities can be set here.
    pub(crate) set_credentials: bool,
    /// Whether a lower `oom_score_adj` can be set here.
    pub(crate) set_oom_score: bool,
}

impl Execution {
    /// Returns how the command of a container is executed.
    pub(crate) fn of(launch: &Launch) -> Self {
        let Launch { config, settings, missing: _ } = launch;
        Self {
            command: config.command.clone(),
            env: config.env.clone(),
            working_dir: config.working_dir.clone(),
            hostname: config.hostname.clone(),
            user: config.user.clone(),
            security: config.security.clone(),
            oom_score_adj: config.oom_score_adj,
            rlimits: config.rlimits.clone(),
            set_credentials: settings.abilities.has(Feature::User),
            set_oom_score: settings.abilities.has(Feature::OomScore),
        }
    }
}

/// Is the first process of the container in `dir`.
pub(crate) fn main(dir: &Path) -> ExitCode {
    let failure = match take_status() {
        Ok(status) => match run(dir, &status) {
            Ok(never) => match never {},
            Err(failure) => report(status, &failure),
        },
        Err(error) => Err(error),
    };
    match failure {
        Ok(()) => ExitCode::FAILURE,
        Err(error) => crate::complain(&error),
    }
}

/// Takes the status channel from the standard input, which is empty from then on.
pub(crate) fn take_status() -> Result<OwnedFd, SystemError> {
    let doing = || "take the status channel".to_owned();
    let status = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).doing(doing)?;
    let empty = fs::File::open("/dev/null").doing(doing)?;
    rustix::stdio::dup2_stdin(&empty).doing(doing)?;
    Ok(status)
}

/// Writes `failure` to the status channel.
pub(crate) fn report(status: OwnedFd, failure: &StartFailure) -> Result<(), SystemError> {
    let doing = || format!("report that {}", failure.message);
    let text = serde_json::to_vec(failure).doing(doing)?;
    fs::File::from(status).write_all(&text).doing(doing)
}

fn run(dir: &Path, status: &OwnedFd) -> Result<Infallible, StartFailure> {
    let dir = Dir::new(dir.to_owned());
    let launch = dir.launch()?.ok_or_else(|| refusal("start a container", "its config.json is missing"))?;
    let Launch { config, settings, missing: _ } = &launch;
    let abilities = &settings.abilities;
    let pod = Group::pod(Hierarchies::discover()?, &settings.cgroup_parent, &config.pod.uid);
    if abilities.has_cgroups() {
        pod.container(&config.id).join()?;
    }
    unshare(&launch)?;
    if let Some(name) = config.hostname.as_ref().filter(|_| abilities.has(Feature::Hostname)) {
        rustix::system::sethostname(name.as_bytes()).doing(|| format!("set host name {name}"))?;
    }
    // Limits and scores are files of the machine's /proc.
    let execution = Execution::of(&launch);
    limit(&execution)?;
    if abilities.has(Feature::Root) {
        root::enter(&dir, &launch)?;
    }
    execute(&execution, status)
}

fn unshare(launch: &Launch) -> Result<(), SystemError> {
    let abilities = &launch.settings.abilities;
    let mut flags = CloneFlags::empty();
    for (feature, flag, wanted) in [
        (Feature::Root, CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP, true),
        (Feature::Hostname, CloneFlags::CLONE_NEWUTS, true),
        (Feature::IpcNamespace, CloneFlags::CLONE_NEWIPC, !launch.config.host_ipc),
    ] {
        if wanted && abilities.has(feature) {
            flags |= flag;
        }
    }
    nix::sched::unshare(flags).doing(|| "leave the machine's namespaces".to_owned())
}

/// Sets what needs the machine's `/proc` or privileges that are dropped later.
pub(crate) fn limit(execution: &Execution) -> Result<(), SystemError> {
    if let Some(score) = execution.oom_score_adj {
        let written = fs::write("/proc/self/oom_score_adj", score.to_string());
        // Where a lower score is not allowed that was said beforehand.
        if execution.set_oom_score {
            written.doing(|| format!("set oom_score_adj to {score}"))?;
        }
    }
    for limit in &execution.rlimits {
        let resource = match limit.resource {
            RlimitResource::Core => rustix::process::Resource::Core,
            RlimitResource::Memlock => rustix::process::Resource::Memlock,
            RlimitResource::Nofile => rustix::process::Resource::Nofile,
            RlimitResource::Nproc => rustix::process::Resource::Nproc,
            RlimitResource::Stack => rustix::process::Resource::Stack,
        };
        let new = rustix::process::Rlimit { current: limit.soft, maximum: limit.hard };
        rustix::process::setrlimit(resource, new)
            .doing(|| format!("limit {:?} to {:?}, at most {:?}", limit.resource, limit.soft, limit.hard))?;
    }
    Ok(())
}

/// Becomes the user and executes the command. Returns only if that is not possible.
pub(crate) fn execute(execution: &Execution, status: &OwnedFd) -> Result<Infallible, StartFailure> {
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    let dir = execution.working_dir.as_deref().unwrap_or(Path::new("/"));
    if !dir.exists() {
        fs::create_dir_all(dir).doing(|| format!("make working directory {}", dir.display()))?;
    }
    let env = environment::complete(execution);
    if execution.set_credentials {
        credentials::become_user(&execution.user, &execution.security)?;
    } else if execution.security.no_new_privileges {
        rustix::thread::set_no_new_privs(true).doing(|| "give up new privileges".to_owned())?;
    }
    rustix::process::chdir(dir)
        .doing(|| format!("chdir to cwd ({:?}) set in config.json failed", dir.display().to_string()))?;
    let program = program::find(&execution.command, &env)?;
    die_with_parent(status)?;
    let (name, arguments) =
        execution.command.split_first().map_or(("", &[][..]), |(name, rest)| (name, rest));
    // What the shim blocks to read it is blocked in its children too, until they say otherwise.
    SigSet::empty().thread_set_mask().doing(|| "unblock signals".to_owned())?;
    // Also gives the command the default handling of signals, which Rust's start changed.
    let error = Command::new(&program).arg0(name).args(arguments).env_clear().envs(env).exec();
    Err(program::not_executed(name, &error))
}

/// Asks for SIGKILL when the process that waits for this one ends: without it there is no log and no exit code.
fn die_with_parent(status: &OwnedFd) -> Result<(), SystemError> {
    let doing = || "ask to end with the shim".to_owned();
    set_parent_process_death_signal(Some(Signal::KILL)).doing(doing)?;
    // It may have ended before: then nobody reads the status any more.
    let mut fds = [PollFd::new(status, PollFlags::empty())];
    poll(&mut fds, Some(&rustix::event::Timespec::default())).doing(doing)?;
    if fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
        return Err(refusal("start a container", "its shim is gone"));
    }
    Ok(())
}
