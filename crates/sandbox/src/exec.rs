//! A command inside a running container: the side of the node.
//!
//! ```text
//! runtime --Request, stdio--> sandbox-exec --> sandbox-exec-init --exec--> command
//!         <--Reply, terminal--  (machine's pids)   (container's namespaces)
//! ```
//! The helper is the command's parent: it knows its exit code, and kills it and all it has started when the runtime
//! lets go of the socket or the deadline passes. Once the command has ended by itself, what it left in the
//! background goes on, as with other runtimes.

pub(crate) mod helper;
pub(crate) mod join;
mod stream;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::Winsize;
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};

pub use stream::{ExecInput, ExecOutput};

use crate::config::{ContainerId, User};
use crate::error::{Doing, SystemError};
use crate::init::{Execution, StartFailure};
use crate::runtime::RuntimeError;
use crate::watched::watch;
use crate::wire;

/// What is executed in a container. What is not given is the container's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecConfig {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The whole environment.
    pub env: Option<Vec<(String, String)>>,
    /// Where the command starts.
    pub working_dir: Option<PathBuf>,
    /// Who the command runs as.
    pub user: Option<User>,
    /// Whether input is wanted; else it reads nothing.
    pub stdin: bool,
    /// A terminal with columns and rows, instead of separate streams.
    pub tty: Option<TerminalSize>,
    /// The command and all it has started are killed this long after the start.
    pub deadline: Option<Duration>,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl From<TerminalSize> for Winsize {
    fn from(size: TerminalSize) -> Self {
        Self { ws_col: size.columns, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// Why a command did not run in a container, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The container is not there or does not run.
    #[error(transparent)]
    Container(#[from] RuntimeError),
    /// The command cannot be executed: 127 not found, 126 not executable, 128 anything else.
    #[error("{message}")]
    Command {
        /// The exit code a shell would give.
        code: i32,
        /// For the user.
        message: String,
    },
    /// The command was killed because its time was over.
    #[error("the command was killed after its deadline of {0:?}")]
    Deadline(Duration),
    /// The helper was killed, and the command with it.
    #[error("the helper that watched the command is gone")]
    Lost,
    /// The machine refused.
    #[error("cannot execute in container {id}")]
    System {
        /// The container.
        id: ContainerId,
        /// What was refused.
        #[source]
        source: SystemError,
    },
}

/// What the helper is asked for. Descriptors: this request's file, then stdin, stdout and stderr without a terminal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The container's directory.
    pub(crate) dir: PathBuf,
    pub(crate) execution: Execution,
    pub(crate) tty: Option<TerminalSize>,
    pub(crate) deadline: Option<Duration>,
}

/// What the helper says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The command runs. With a terminal, its other side comes along.
    Started,
    /// It does not.
    Failed(StartFailure),
    /// It has ended; 128 and the signal's number if one ended it.
    Ended { code: i32 },
    /// It was killed because its time was over.
    Deadline,
}

/// A running command. Dropped before its end, it is killed with all it has started.
#[derive(Debug)]
pub struct Exec {
    /// What the command reads; for a terminal, what is typed.
    pub stdin: Option<ExecInput>,
    /// What it writes; for a terminal, everything that is shown.
    pub stdout: Option<ExecOutput>,
    /// What it writes as errors; nothing for a terminal.
    pub stderr: Option<ExecOutput>,
    terminal: Option<Arc<AsyncFd<OwnedFd>>>,
    control: AsyncFd<OwnedFd>,
    deadline: Option<Duration>,
    id: ContainerId,
    ended: Option<i32>,
}

impl Exec {
    /// Waits for the end and returns the exit code; 128 and the signal's number if a signal ended the command.
    ///
    /// Cancellation loses nothing. Output may still be in the streams.
    pub async fn wait(&mut self) -> Result<i32, ExecError> {
        if let Some(code) = self.ended {
            return Ok(code);
        }
        match receive(&self.control).await {
            Ok(Some((Reply::Ended { code }, _))) => {
                self.ended = Some(code);
                Ok(code)
            }
            Ok(Some((Reply::Deadline, _))) => Err(ExecError::Deadline(self.deadline.unwrap_or_default())),
            Ok(Some((Reply::Started | Reply::Failed(_), _)) | None) => Err(ExecError::Lost),
            Err(source) => Err(self.error("wait for the command", source)),
        }
    }

    /// Tells the terminal its size. Without a terminal nothing happens.
    pub fn resize(&self, size: TerminalSize) -> Result<(), ExecError> {
        let Some(terminal) = &self.terminal else { return Ok(()) };
        rustix::termios::tcsetwinsize(terminal.get_ref(), size.into())
            .map_err(|errno| self.error("set the size of the terminal", errno.into()))
    }

    fn error(&self, doing: &str, source: io::Error) -> ExecError {
        system(&self.id, SystemError { doing: doing.to_owned(), source })
    }
}

fn system(id: &ContainerId, source: SystemError) -> ExecError {
    ExecError::System { id: id.clone(), source }
}

async fn receive(socket: &AsyncFd<OwnedFd>) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
    loop {
        let mut ready = socket.readable().await?;
        match ready.try_io(|socket| wire::receive(socket.get_ref())) {
            Ok(done) => return done,
            Err(_would_block) => {}
        }
    }
}

/// The node's ends of the streams.
#[derive(Debug, Default)]
struct Ends {
    stdin: Option<ExecInput>,
    stdout: Option<ExecOutput>,
    stderr: Option<ExecOutput>,
}

/// Starts `request` through the helper program, and waits until the command runs.
pub(crate) async fn start(
    id: &ContainerId,
    program: &std::path::Path,
    request: Request,
    wants_stdin: bool,
    patience: Duration,
) -> Result<Exec, ExecError> {
    let (control, mut ends) = spawn(program, &request, wants_stdin).map_err(|source| system(id, source))?;
    let failed = |doing: &str, source| system(id, SystemError { doing: doing.to_owned(), source });
    let answer = tokio::time::timeout(patience, receive(&control)).await;
    let answer = answer.map_err(|_| failed("wait for the start", io::ErrorKind::TimedOut.into()))?;
    let mut terminal = None;
    match answer.map_err(|error| failed("wait for the start", error))? {
        Some((Reply::Started, mut fds)) => {
            if request.tty.is_some() {
                let fd = fds.pop().ok_or(ExecError::Lost)?;
                let shared = stream::shared(fd).map_err(|error| failed("use the terminal", error))?;
                ends.stdin = wants_stdin.then(|| ExecInput::terminal(Arc::clone(&shared)));
                ends.stdout = Some(ExecOutput::terminal(Arc::clone(&shared)));
                terminal = Some(shared);
            }
        }
        Some((Reply::Failed(StartFailure { code, message }), _)) => {
            return Err(ExecError::Command { code, message });
        }
        Some((Reply::Ended { .. } | Reply::Deadline, _)) | None => return Err(ExecError::Lost),
    }
    let Ends { stdin, stdout, stderr } = ends;
    Ok(Exec {
        stdin,
        stdout,
        stderr,
        terminal,
        control,
        deadline: request.deadline,
        id: id.clone(),
        ended: None,
    })
}

fn spawn(
    program: &std::path::Path,
    request: &Request,
    wants_stdin: bool,
) -> Result<(AsyncFd<OwnedFd>, Ends), SystemError> {
    let doing = || "prepare the streams".to_owned();
    let (ours, theirs) = wire::pair().doing(doing)?;
    let file = wire::in_memory(request).doing(doing)?;
    let mut ends = Ends::default();
    let mut given = vec![file];
    if request.tty.is_none() {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).doing(doing);
        if wants_stdin {
            let (read, write) = pipe()?;
            ends.stdin = Some(ExecInput::pipe(Sender::from_owned_fd(write).doing(doing)?));
            given.push(read);
        } else {
            given.push(std::fs::File::open("/dev/null").doing(doing)?.into());
        }
        for end in [&mut ends.stdout, &mut ends.stderr] {
            let (read, write) = pipe()?;
            *end = Some(ExecOutput::pipe(Receiver::from_owned_fd(read).doing(doing)?));
            given.push(write);
        }
    }
    let fds: Vec<_> = given.iter().map(AsFd::as_fd).collect();
    wire::send(&ours, &(), &fds).doing(|| "ask the exec helper".to_owned())?;
    let child = tokio::process::Command::new(program)
        .arg("sandbox-exec")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .doing(|| format!("start {}", program.display()))?;
    // The socket says how it ends; tokio waits for what is dropped.
    drop(child);
    rustix::io::ioctl_fionbio(&ours, true).doing(doing)?;
    Ok((watch(ours, Interest::READABLE).doing(doing)?, ends))
}
