//! The node's handle: starts containers, finds them again, waits for them, ends them.

mod check;
mod error;
mod remove;
mod start;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use tokio::io::Interest;

pub use error::{OpenError, RuntimeError, StartError};
pub use start::Started;

use crate::abilities::Abilities;
use crate::cgroup::{Group, Hierarchies, Stats};
use crate::config::{ContainerConfig, ContainerId};
use crate::error::{Doing, SystemError};
use crate::exec::{self, Exec, ExecConfig, ExecError, Request};
use crate::exit::{CODE_KILLED, Exit, ExitCause};
use crate::init::Execution;
use crate::pid::{ProcessId, first_process_ignores};
use crate::state::{Dir, Launch, Record, Settings};
use crate::watched::watch;
use crate::{cgroup, probe};

/// A process that is being started has a copy of the lock's descriptor for a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// The kind of terminal that a command has, as its environment says it.
const TERMINAL: (&str, &str) = ("TERM", "xterm");

/// Where and how containers are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory of the containers; made if missing. One runtime at a time.
    pub state: PathBuf,
    /// The program that calls [`helper_main`](crate::helper_main); this one.
    pub program: PathBuf,
    /// The cgroup of all Pods, a path in every hierarchy. Different for each state directory.
    pub cgroup_parent: String,
    /// Directories of which containers see an empty one. The state directory, `/root`, `/home`, `/run`, `/tmp` and
    /// `/var/tmp` are always among them.
    pub hidden: Vec<PathBuf>,
    /// No namespaces: containers are processes among the others, with limits if possible.
    pub plain: bool,
    /// How long a command may take to be executed.
    pub start_timeout: Duration,
}

impl Options {
    /// Returns the usual choices for containers in `state`, whose Pods are in the cgroup `cgroup_parent`.
    pub fn new(state: impl Into<PathBuf>, cgroup_parent: impl Into<String>) -> Self {
        Self {
            state: state.into(),
            program: PathBuf::from("/proc/self/exe"),
            cgroup_parent: cgroup_parent.into(),
            hidden: Vec::new(),
            plain: false,
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// How far a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// It was to be started, and its command was not yet, or never will be: start it again, or remove it.
    Created,
    /// Its command runs.
    Running {
        /// The first process.
        pid: i32,
        /// When the command was executed.
        started_at: SystemTime,
    },
    /// It has ended.
    Exited(Exit),
}

/// A container that was found in the state directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it was started with.
    pub config: ContainerConfig,
    /// How far it is.
    pub state: ContainerState,
}

/// The containers of one state directory. Clones are the same runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    settings: Settings,
    /// Containers that are being started by this process.
    starting: Mutex<BTreeSet<ContainerId>>,
    /// Held for as long as the runtime is there.
    _lock: File,
}

impl Runtime {
    /// Opens the state directory, finds out what the machine allows, and clears away what was being removed.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let failed = |source| OpenError::State { state: options.state.clone(), source };
        let (state, lock) = take_state_soon(&options).await?;
        let abilities =
            probe::ask(&options.program, &state.join("probe"), options.plain).await.map_err(failed)?;
        let parent = options.cgroup_parent.clone();
        let abilities = blocking(move || probe_cgroups(&parent, abilities)).await.map_err(failed)?;
        for missing in abilities.missing() {
            tracing::info!(feature = %missing.feature, reason = missing.reason, "containers go without");
        }
        let mut hidden = vec![state.clone()];
        // One that is not there has nothing to hide.
        hidden.extend(options.hidden.iter().filter_map(|path| fs::canonicalize(path).ok()));
        let settings = Settings { cgroup_parent: options.cgroup_parent.clone(), hidden, abilities };
        let options = Options { state, ..options };
        let shared = Shared { options, settings, starting: Mutex::default(), _lock: lock };
        let runtime = Self { shared: Arc::new(shared) };
        runtime.clear_removed().await?;
        Ok(runtime)
    }

    /// Returns what containers have on this machine, and why not the rest.
    pub fn abilities(&self) -> &Abilities {
        &self.shared.settings.abilities
    }

    /// Returns every container of the state directory, by id.
    pub async fn containers(&self) -> Result<Vec<Found>, RuntimeError> {
        let mut found = Vec::new();
        for id in self.ids()? {
            let launch =
                self.dir(&id).launch().map_err(|source| RuntimeError::System { id: id.clone(), source })?;
            // Without a configuration nothing was started.
            if let Some(launch) = launch {
                found.push(Found { config: launch.config, state: self.state(&id).await? });
            }
        }
        Ok(found)
    }

    fn ids(&self) -> Result<Vec<ContainerId>, RuntimeError> {
        let path = self.shared.options.state.join("containers");
        let names = || -> io::Result<Vec<ContainerId>> {
            let mut ids = Vec::new();
            let entries = match fs::read_dir(&path) {
                // Everything was removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
                entries => entries?,
            };
            for entry in entries {
                ids.extend(entry?.file_name().to_str().and_then(|name| ContainerId::new(name).ok()));
            }
            ids.sort();
            Ok(ids)
        };
        names().doing(|| format!("list {}", path.display())).map_err(RuntimeError::List)
    }

    /// Returns how far a container is. One whose shim was lost is ended by this.
    pub async fn state(&self, id: &ContainerId) -> Result<ContainerState, RuntimeError> {
        let (dir, settings) = (self.existing(id)?, self.shared.settings.clone());
        blocking(move || look(&dir, &settings))
            .await
            .map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Waits for the end of a container, whoever has started it.
    pub async fn wait(&self, id: &ContainerId) -> Result<Exit, RuntimeError> {
        let failed = |source| RuntimeError::System { id: id.clone(), source };
        loop {
            match self.state(id).await? {
                ContainerState::Exited(exit) => return Ok(exit),
                ContainerState::Created if !self.existing(id)?.is_locked().map_err(failed)? => {
                    // The shim may have ended between the two looks.
                    match self.state(id).await? {
                        ContainerState::Exited(exit) => return Ok(exit),
                        ContainerState::Created | ContainerState::Running { .. } => {
                            return Err(RuntimeError::NotStarted { id: id.clone() });
                        }
                    }
                }
                ContainerState::Created | ContainerState::Running { .. } => {}
            }
            if let Some(shim) = self.record(id)?.map(|record| record.shim) {
                process_end(shim).await.doing(|| "wait for the shim".to_owned()).map_err(failed)?;
            } else {
                // A shim that has the lock and has said nothing is just starting.
                tokio::time::sleep(start::LOOK_AGAIN).await;
            }
        }
    }

    /// Sends a signal to the first process, as a Pod's end does. One that has ended is not an error.
    pub async fn signal(&self, id: &ContainerId, signal: i32) -> Result<(), RuntimeError> {
        let known = Signal::from_named_raw(signal).ok_or(RuntimeError::Signal { signal })?;
        let Some(first) = self.first(id).await? else { return Ok(()) };
        first
            .signal(known)
            .doing(|| format!("send signal {signal}"))
            .map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Kills every process of a container. The end is told by [`Runtime::wait`].
    pub async fn kill(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let Some(record) = self.record(id)? else { return Ok(()) };
        if matches!(self.state(id).await?, ContainerState::Exited(_)) {
            return Ok(());
        }
        let group = self.group(id)?;
        let work = move || {
            // The shim does the rest where there is neither a cgroup nor a pid namespace.
            record.shim.signal(Signal::TERM).doing(|| "tell the shim".to_owned())?;
            if let Some(first) = record.first {
                first.signal(Signal::KILL).doing(|| "kill the first process".to_owned())?;
            }
            group.map_or(Ok(()), |group| group.kill().map(drop))
        };
        blocking(work).await.map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Returns where on this machine a container's changes to its root are kept.
    pub fn writable_layer(&self, id: &ContainerId) -> PathBuf {
        self.dir(id).join("upper")
    }

    /// Returns what a running container uses.
    pub async fn stats(&self, id: &ContainerId) -> Result<Stats, RuntimeError> {
        let group = self.group(id)?;
        let stats = blocking(move || Ok(group.map(|group| group.stats()).unwrap_or_default())).await;
        stats.map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Returns whether the first process does nothing on `signal`: it ignores it, or has no handler and is the first
    /// of its pid namespace, for which the kernel then drops signals.
    pub async fn pid1_ignores(&self, id: &ContainerId, signal: i32) -> Result<bool, RuntimeError> {
        let Some(first) = self.first(id).await? else {
            return Err(RuntimeError::NotRunning { id: id.clone() });
        };
        first_process_ignores(first.pid, signal)
            .doing(|| "read the signal masks".to_owned())
            .map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Executes a command in a running container.
    pub async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<Exec, ExecError> {
        let ContainerState::Running { .. } = self.state(id).await? else {
            return Err(RuntimeError::NotRunning { id: id.clone() }.into());
        };
        let dir = self.existing(id)?;
        let launch = self.launch(id)?;
        let ExecConfig { command, env, working_dir, user, stdin, tty, deadline } = config;
        let mut own = Execution::of(&launch);
        if tty.is_some() && !own.env.iter().any(|(name, _)| name == TERMINAL.0) {
            own.env.push((TERMINAL.0.to_owned(), TERMINAL.1.to_owned()));
        }
        let execution = Execution {
            command,
            env: env.unwrap_or(own.env),
            working_dir: working_dir.or(own.working_dir),
            user: user.unwrap_or(own.user),
            ..own
        };
        let request = Request { dir: dir.path().to_owned(), execution, tty, deadline };
        let Options { program, start_timeout, .. } = &self.shared.options;
        exec::start(id, program, request, stdin, *start_timeout).await
    }

    /// Returns the running first process; nothing if the container has ended.
    async fn first(&self, id: &ContainerId) -> Result<Option<ProcessId>, RuntimeError> {
        match self.state(id).await? {
            ContainerState::Running { .. } => Ok(self.record(id)?.and_then(|record| record.first)),
            ContainerState::Exited(_) => Ok(None),
            ContainerState::Created => Err(RuntimeError::NotStarted { id: id.clone() }),
        }
    }

    fn dir(&self, id: &ContainerId) -> Dir {
        Dir::new(self.shared.options.state.join("containers").join(id.as_str()))
    }

    fn existing(&self, id: &ContainerId) -> Result<Dir, RuntimeError> {
        let dir = self.dir(id);
        if dir.path().is_dir() { Ok(dir) } else { Err(RuntimeError::NotFound { id: id.clone() }) }
    }

    fn record(&self, id: &ContainerId) -> Result<Option<Record>, RuntimeError> {
        self.existing(id)?.record().map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    fn launch(&self, id: &ContainerId) -> Result<Launch, RuntimeError> {
        let launch = self.existing(id)?.launch();
        let launch = launch.map_err(|source| RuntimeError::System { id: id.clone(), source })?;
        launch.ok_or_else(|| RuntimeError::NotStarted { id: id.clone() })
    }

    fn group(&self, id: &ContainerId) -> Result<Option<Group>, RuntimeError> {
        group(&self.launch(id)?).map_err(|source| RuntimeError::System { id: id.clone(), source })
    }
}

/// Takes the state directory, also if somebody is just letting go of it.
async fn take_state_soon(options: &Options) -> Result<(PathBuf, File), OpenError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match take_state(options) {
            Err(OpenError::InUse { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(start::LOOK_AGAIN).await;
            }
            taken => return taken,
        }
    }
}

/// Makes the state directory and takes it for this process.
fn take_state(options: &Options) -> Result<(PathBuf, File), OpenError> {
    let failed = |source| OpenError::State { state: options.state.clone(), source };
    let made = Dir::new(options.state.join("containers")).make();
    made.and_then(|()| Dir::new(options.state.join("removed")).make()).map_err(failed)?;
    let doing = || format!("open {}", options.state.display());
    let state = fs::canonicalize(&options.state).doing(doing).map_err(failed)?;
    let lock = File::create(state.join("lock")).doing(doing).map_err(failed)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok((state, lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { state }),
        Err(errno) => Err(errno).doing(doing).map_err(failed),
    }
}

fn probe_cgroups(parent: &str, mut abilities: Abilities) -> Result<Abilities, SystemError> {
    cgroup::probe(&Hierarchies::discover()?, parent, &mut abilities);
    Ok(abilities)
}

/// Returns the cgroup of a container.
fn group(launch: &Launch) -> Result<Option<Group>, SystemError> {
    let Launch { config, settings, missing: _ } = launch;
    if !settings.abilities.has_cgroups() {
        return Ok(None);
    }
    let pod = Group::pod(Hierarchies::discover()?, &settings.cgroup_parent, &config.pod.uid);
    Ok(Some(pod.container(&config.id)))
}

/// Reads how far the container in `dir` is.
fn look(dir: &Dir, settings: &Settings) -> Result<ContainerState, SystemError> {
    if let Some(exit) = dir.exit()? {
        return Ok(ContainerState::Exited(exit));
    }
    let locked = dir.is_locked()?;
    let Some(record) = dir.record()? else { return Ok(ContainerState::Created) };
    if locked {
        return Ok(match record {
            Record { shim: _, first: Some(first), started_at: Some(started_at) } => {
                ContainerState::Running { pid: first.pid, started_at }
            }
            Record { .. } => ContainerState::Created,
        });
    }
    // Written before the lock was let go.
    match dir.exit()? {
        Some(exit) => Ok(ContainerState::Exited(exit)),
        None => end_lost(dir, &record, settings).map(ContainerState::Exited),
    }
}

/// Ends what a lost shim has left, and writes down that it was lost.
fn end_lost(dir: &Dir, record: &Record, settings: &Settings) -> Result<Exit, SystemError> {
    tracing::warn!(dir = %dir.path().display(), "a container has lost its shim");
    if let Some(first) = record.first {
        first.signal(Signal::KILL).doing(|| "kill the first process".to_owned())?;
    }
    let launch = dir.launch()?.filter(|_| settings.abilities.has_cgroups());
    if let Some(group) = launch.map(|launch| group(&launch)).transpose()?.flatten() {
        group.end()?;
    }
    let exit = Exit {
        code: CODE_KILLED,
        signal: None,
        oom_killed: false,
        cause: ExitCause::Lost,
        message: None,
        started_at: record.started_at,
        finished_at: SystemTime::now(),
    };
    dir.write_exit(&exit)?;
    Ok(exit)
}

/// Waits until a process has ended.
async fn process_end(process: ProcessId) -> io::Result<()> {
    let Some(fd) = process.open()? else { return Ok(()) };
    watch(fd, Interest::READABLE)?.readable().await.map(drop)
}

/// Does `work` where it may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SystemError> + Send + 'static,
) -> Result<T, SystemError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(SystemError { doing: "finish".to_owned(), source: io::Error::other(error) }),
    }
}
