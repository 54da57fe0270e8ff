//! One life of a server.
//!
//! A task owns the child: it alone waits for it and signals it, so that no signal can reach a process that has taken over
//! the number. Dropping a [`Process`] leaves the server running: only who means to ends a database. Whoever runs this
//! must see to it that the server does not outlive them; in a container that is given.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::config::{Config, Recovery};
use super::files::{self, FilesError};
use super::instance::{Instance, SqlError};
use super::layout::Layout;
use super::offline;
use super::program::{self, Program, ProgramError};

/// How often it is tried whether a server that starts answers.
const KNOCK: Duration = Duration::from_millis(10);
/// So much of a line that a server logs is passed on, in bytes.
const LONGEST_LINE: usize = 16 * 1024;

/// A server that could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The program could not be started.
    #[error("cannot start the database")]
    Program(#[from] ProgramError),
    /// Files could not be handled.
    #[error("cannot prepare to start the database")]
    Files(#[from] FilesError),
}

/// A server that does not answer.
#[derive(Debug, Error)]
pub enum ReadyError {
    /// It ended.
    #[error("the database {ended}: {said}")]
    Ended {
        /// How.
        ended: Ended,
        /// The last line that it logged.
        said: String,
    },
    /// It has not answered in time.
    #[error("the database has not answered for {after:?}; its last words: {said}")]
    Deadline {
        /// How long it had.
        after: Duration,
        /// The last line that it logged.
        said: String,
        /// Why it was not reached.
        #[source]
        source: SqlError,
    },
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended(Option<ExitStatus>);

impl Ended {
    /// Returns whether it ended as it was asked to.
    pub fn is_orderly(self) -> bool {
        self.0.is_some_and(|status| status.success())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.0 else { return f.write_str("ended in a way that nobody saw") };
        match (status.code(), status.signal()) {
            (Some(0), _) => f.write_str("ended as asked"),
            (Some(code), _) => write!(f, "ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => write!(f, "ended with {status}"),
        }
    }
}

/// What is asked of a server's task. Later ones are harsher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Run,
    Stop,
    Kill,
}

/// A running server, or one that has ended.
#[derive(Clone, Debug)]
pub struct Process {
    id: u32,
    ask: Arc<watch::Sender<Ask>>,
    ended: watch::Receiver<Option<Ended>>,
    latest: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a server on the data directory, read-only and without replication.
    ///
    /// What it logs is sent to `log` line by line. If nobody takes the lines they are left out, and a line says how many: a
    /// database must not wait for who reads its log.
    pub async fn start(
        layout: &Layout,
        config: &Config,
        recovery: Recovery,
        log: mpsc::Sender<String>,
    ) -> Result<Self, StartError> {
        Self::start_as(layout, config, recovery, log, false).await
    }

    /// Starts a server that is reached by its Unix socket only.
    pub(crate) async fn start_alone(
        layout: &Layout,
        config: &Config,
        log: mpsc::Sender<String>,
    ) -> Result<Self, StartError> {
        Self::start_as(layout, config, Recovery::Keep, log, true).await
    }

    async fn start_as(
        layout: &Layout,
        config: &Config,
        recovery: Recovery,
        log: mpsc::Sender<String>,
        alone: bool,
    ) -> Result<Self, StartError> {
        let options = config.render(layout, recovery, &program::user()?, alone);
        let prepared = layout.clone();
        let prepare = move || {
            files::remove(&prepared.temporary())?;
            files::create(&prepared.temporary())?;
            files::write(&prepared.option_file(), &options)?;
            offline::note_boot(&prepared)
        };
        tokio::task::spawn_blocking(prepare)
            .await
            .map_err(io::Error::from)
            .map_err(FilesError::new("prepare", layout.root()))??;
        let mut command = Program::Server.command()?;
        command.kill_on_drop(false);
        let mut defaults = std::ffi::OsString::from("--defaults-file=");
        defaults.push(layout.option_file());
        command.arg(defaults).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = Program::Server.name();
        let mut child = command.spawn().map_err(|source| ProgramError::Start { name, source })?;
        let id = child.id().unwrap_or_default();
        let latest = Arc::new(Mutex::new(String::new()));
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, log.clone(), Arc::clone(&latest)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(stderr, log, Arc::clone(&latest)));
        }
        let (ask, asked) = watch::channel(Ask::Run);
        let (tell, ended) = watch::channel(None);
        tokio::spawn(attend(child, asked, tell));
        Ok(Self { id, ask: Arc::new(ask), ended, latest })
    }

    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the last line that the server logged; while it recovers it says there how far it is.
    pub fn latest(&self) -> String {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how the server ended, as soon as it has.
    pub fn ended(&self) -> watch::Receiver<Option<Ended>> {
        self.ended.clone()
    }

    /// Waits for the server to end.
    pub async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(Ended(None)),
            Err(_) => Ended(None),
        }
    }

    /// Kills the server, whatever it does. It is gone when [`Process::wait`] returns.
    pub fn kill(&self) {
        self.ask(Ask::Kill);
    }

    /// Kills the server and waits until it is gone.
    pub async fn kill_and_wait(&self) -> Ended {
        self.kill();
        self.wait().await
    }

    /// Asks the server to end, and kills it if it has not by the deadline.
    ///
    /// A server whose commits wait for acknowledgements lets them return when it ends in an orderly way; such a one must
    /// be killed.
    pub async fn stop(&self, deadline: Duration) -> Ended {
        self.ask(Ask::Stop);
        match timeout(deadline, self.wait()).await {
            Ok(ended) => ended,
            Err(_) => self.kill_and_wait().await,
        }
    }

    /// Waits until the server answers.
    pub async fn ready(&self, instance: &Instance, deadline: Duration) -> Result<(), ReadyError> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(ended) = *self.ended.borrow() {
                return Err(ReadyError::Ended { ended, said: self.latest() });
            }
            let error = match instance.knock().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() >= until {
                return Err(ReadyError::Deadline { after: deadline, said: self.latest(), source: error });
            }
            let pause = timeout_at(until, sleep(KNOCK));
            tokio::select! {
                _ = pause => {}
                _ = self.wait() => {}
            }
        }
    }

    fn ask(&self, ask: Ask) {
        self.ask.send_if_modified(|asked| {
            let harsher = ask > *asked;
            *asked = (*asked).max(ask);
            harsher
        });
    }
}

/// Signals a server as it is asked to, and tells how it ended.
async fn attend(mut child: Child, mut asked: watch::Receiver<Ask>, tell: watch::Sender<Option<Ended>>) {
    let mut heard = true;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            changed = asked.changed(), if heard => {
                // Without anybody who could ask, the server runs on.
                heard = changed.is_ok();
                let ask = *asked.borrow_and_update();
                signal(&child, ask);
            }
        }
    };
    tell.send_replace(Some(Ended(status)));
}

fn signal(child: &Child, ask: Ask) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = match ask {
        Ask::Run => return,
        Ask::Stop => Signal::TERM,
        Ask::Kill => Signal::KILL,
    };
    let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
    if let Err(error) = kill_process_group(id, signal) {
        tracing::warn!(%error, "cannot signal the database");
    }
}

/// Passes on what a server writes, line by line.
async fn forward(from: impl AsyncRead + Unpin, log: mpsc::Sender<String>, latest: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    let mut missed: u64 = 0;
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let end = line.len().min(LONGEST_LINE);
        let text = String::from_utf8_lossy(&line[..end]).trim_end().to_owned();
        if missed > 0 && log.try_send(format!("({missed} lines were left out)")).is_ok() {
            missed = 0;
        }
        if log.try_send(text.clone()).is_err() {
            missed += 1;
        }
        if !text.is_empty() {
            *latest.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }
}
