//! Starting a container: at most once, whoever calls how often, and whoever dies in between.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use super::check::{Gaps, gaps, invalid};
use super::{ContainerState, Runtime, StartError};
use crate::abilities::Missing;
use crate::config::{ContainerConfig, ContainerId};
use crate::error::{Doing, SystemError};
use crate::init::StartFailure;
use crate::shim::Reply;
use crate::state::{Dir, Launch};

/// How often a shim that another runtime has started is looked at.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Keeps mimalloc, if the program uses it, from taking 4 MiB of huge pages for each shim. Nothing else reads it, and
/// no container gets to see it.
const LITTLE_MEMORY: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");
/// The most a shim's last words are read of.
const MAX_WORDS: usize = 4096;

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The first process, as the machine numbers it.
    pub pid: i32,
    /// When the command was executed.
    #[expect(clippy::struct_field_names, reason = "as in the other types that have this time")]
    pub started_at: SystemTime,
    /// It ran before this call.
    pub already: bool,
    /// What it asked for and does not have.
    pub missing: Vec<Missing>,
}

/// Takes an id off the list of those being started, also when the call is given up.
struct Starting<'a> {
    runtime: &'a Runtime,
    id: &'a ContainerId,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.runtime.shared.starting.lock().remove(self.id);
    }
}

impl Runtime {
    /// Starts a container and returns once its command is executed. One that runs already is left as it is.
    ///
    /// A call that is given up may leave a container that starts all the same: [`Runtime::state`] tells.
    pub async fn start(&self, config: &ContainerConfig) -> Result<Started, StartError> {
        let id = &config.id;
        if !self.shared.starting.lock().insert(id.clone()) {
            return Err(StartError::InProgress { id: id.clone() });
        }
        let _starting = Starting { runtime: self, id };
        let patience = self.shared.options.start_timeout;
        match tokio::time::timeout(patience, self.start_once(config)).await {
            Ok(done) => done,
            Err(_elapsed) => {
                self.give_up(id)?;
                Err(StartError::Timeout { id: id.clone() })
            }
        }
    }

    async fn start_once(&self, config: &ContainerConfig) -> Result<Started, StartError> {
        let id = &config.id;
        if let Some(what) = invalid(config) {
            return Err(StartError::Invalid { id: id.clone(), what });
        }
        let uid = rustix::process::geteuid().as_raw();
        let Gaps { bearable, unbearable } = gaps(config, self.abilities(), uid);
        if !unbearable.is_empty() {
            return Err(StartError::Unsupported { id: id.clone(), missing: unbearable });
        }
        let failed = |source| StartError::System { id: id.clone(), source };
        let dir = self.dir(id);
        dir.make().map_err(failed)?;
        match dir.launch().map_err(failed)? {
            Some(there) if there.config != *config => return Err(StartError::Conflict { id: id.clone() }),
            Some(_) => {}
            None => {
                let settings = self.shared.settings.clone();
                let launch = Launch { config: config.clone(), settings, missing: bearable };
                dir.write_launch(&launch).map_err(failed)?;
            }
        }
        let missing = self.launch(id)?.missing;
        // A shim that has the container says so itself; this spares its start.
        if !matches!(self.state(id).await?, ContainerState::Created) {
            return self.found(id, missing).await;
        }
        let (mut child, stdout) = spawn(&self.shared.options.program, &dir).map_err(failed)?;
        let answer = read_reply(stdout).await.map_err(failed)?;
        // Waits for the shim, so that it does not stay as a zombie for as long as this process lives.
        tokio::spawn(async move { child.wait().await });
        match answer {
            Some(Reply::Started { pid, started_at }) => {
                Ok(Started { pid, started_at, already: false, missing })
            }
            Some(Reply::Failed(StartFailure { code, message })) => Err(StartError::Command { code, message }),
            Some(Reply::Taken) => self.found(id, missing).await,
            None => Err(StartError::Shim { id: id.clone(), said: last_words(&dir) }),
        }
    }

    /// Returns a container that somebody else has started, as soon as it is.
    async fn found(&self, id: &ContainerId, missing: Vec<Missing>) -> Result<Started, StartError> {
        loop {
            match self.state(id).await? {
                ContainerState::Running { pid, started_at } => {
                    return Ok(Started { pid, started_at, already: true, missing });
                }
                ContainerState::Exited(exit) => {
                    return Err(StartError::Ended { id: id.clone(), exit: Box::new(exit) });
                }
                ContainerState::Created => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Kills the shim of a container that does not get to its command.
    fn give_up(&self, id: &ContainerId) -> Result<(), StartError> {
        let Some(record) = self.record(id)? else { return Ok(()) };
        record
            .shim
            .signal(rustix::process::Signal::KILL)
            .doing(|| "kill the shim".to_owned())
            .map_err(|source| StartError::System { id: id.clone(), source })
    }
}

fn spawn(program: &std::path::Path, dir: &Dir) -> Result<(Child, ChildStdout), SystemError> {
    let words = dir.join("shim.err");
    let words = File::create(&words).doing(|| format!("make {}", words.display()))?;
    let doing = || format!("start {}", program.display());
    let mut child = tokio::process::Command::new(program)
        .arg("sandbox-shim")
        .arg(dir.path())
        .env_clear()
        .env(LITTLE_MEMORY.0, LITTLE_MEMORY.1)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(words)
        .spawn()
        .doing(doing)?;
    let stdout = child.stdout.take().ok_or_else(|| std::io::Error::other("it has no output")).doing(doing)?;
    Ok((child, stdout))
}

/// Reads the shim's answer; nothing if it ended without one.
async fn read_reply(stdout: ChildStdout) -> Result<Option<Reply>, SystemError> {
    let mut text = Vec::new();
    let doing = || "read the shim's answer".to_owned();
    BufReader::new(stdout).read_to_end(&mut text).await.doing(doing)?;
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&text).map(Some).doing(doing)
}

fn last_words(dir: &Dir) -> String {
    let mut words = std::fs::read(dir.join("shim.err")).unwrap_or_default();
    words.truncate(MAX_WORDS);
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    if words.is_empty() { "it said nothing".to_owned() } else { words }
}
