//! Copies of a running instance.
//!
//! ```text
//!   source: mariadb-backup --stream --> Backup (AsyncRead) --> agent, network, agent --> Restore::receive
//!           \-- its end ------------> BackupCompletion ---> the agent's last record ------> Restore::install
//! ```
//!
//! That a stream ends says nothing: it is whole if [`BackupCompletion`] says so, and whoever carries the bytes must carry
//! that, too. One backup of an instance at a time.
//!
//! Whoever reads a stream gives up when nothing comes for a minute. A backup is killed when nobody reads it any more, and
//! when commits that do not end hold it up: its session ends with it, and with that its locks. Its own option for waiting
//! is of no use, for it makes it wait for every query there is; asked to end, it waits on for its lock.

mod restore;

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::fs::FlockOperation;
use stanchion_ha_core::{Position, PositionError};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::files::{self, FilesError};
use super::initialize::path_option;
use super::instance::{Instance, SqlError};
use super::layout::Layout;
use super::process::{ReadyError, StartError};
use super::program::{KEPT_ERRORS, Program, ProgramError, end_of};

pub use restore::Restore;

/// The last words of a backup that is whole.
const COMPLETED: &str = "completed OK!";

/// The last step of a backup waits for the commits that are under way, and all that come later queue behind it. Commits
/// that are acknowledged take milliseconds; one that has held it up for so long waits for somebody who is not there.
const HELD_UP: Duration = Duration::from_secs(5);
/// How often it is looked whether a backup is held up.
const WATCH: Duration = Duration::from_secs(1);

/// A copy that failed.
#[derive(Debug, Error)]
pub enum CopyError {
    /// Another backup of the instance is under way.
    #[error("another backup of this instance is under way")]
    Busy,
    /// A program failed.
    #[error("cannot copy")]
    Program(#[from] ProgramError),
    /// The backup ended before it was whole.
    #[error("the backup is not whole, it ended with {status}: {said}")]
    Incomplete {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        said: String,
    },
    /// Nobody reads the backup any more.
    #[error("the backup was ended: nobody reads it any more")]
    Unread,
    /// Commits of the source do not end.
    #[error(
        "the backup was ended: commits have held it up for {HELD_UP:?}, as when nobody acknowledges them"
    )]
    HeldUp,
    /// Nothing comes.
    #[error("the copy was given up: nothing was received for {after:?}")]
    Silent {
        /// For how long it was waited.
        after: Duration,
    },
    /// The stream broke.
    #[error("cannot read the copy")]
    Stream(#[source] io::Error),
    /// Files could not be handled.
    #[error("cannot copy")]
    Files(#[from] FilesError),
    /// A task ended early.
    #[error("the task that copies ended early")]
    Task(#[from] JoinError),
    /// The copy does not say where in the stream of transactions it was taken.
    #[error("the copy does not say where it was taken: {0:?}")]
    NoPosition(String),
    /// It holds less than its source did.
    #[error("the copy was taken at {at}, and its source held {held} when it was asked for one")]
    Behind {
        /// Where it was taken.
        at: Position,
        /// What the source held.
        held: Position,
    },
    /// It was taken where no cluster's stream can be.
    #[error("the copy was taken at a place that is not of a cluster")]
    Position(#[from] PositionError),
    /// No server could be started on it.
    #[error("cannot start a database on the copy")]
    Start(#[from] StartError),
    /// The server that was started on it does not answer.
    #[error("the database on the copy does not answer")]
    Ready(#[from] Box<ReadyError>),
    /// It could not be told where to begin.
    #[error("cannot begin the copy's stream of transactions")]
    Begin(#[from] SqlError),
    /// The server that was started on it did not end in an orderly way.
    #[error("the database on the copy {0}")]
    Ended(super::process::Ended),
}

/// What backups of an instance are made with.
#[derive(Clone, Debug)]
pub struct Backups {
    layout: Layout,
}

/// A backup that is under way: its bytes. Dropping it before the last of them ends the backup.
#[derive(Debug)]
pub struct Backup {
    bytes: ChildStdout,
    /// Told when all have been read.
    read: Option<oneshot::Sender<()>>,
}

/// Says whether a backup was whole, when all its bytes have been read.
#[derive(Debug)]
pub struct BackupCompletion(JoinHandle<Result<(), CopyError>>);

impl Backups {
    /// Makes backups of the instance of a layout.
    pub fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone() }
    }

    /// Begins a backup of the running server.
    pub async fn start(&self) -> Result<(Backup, BackupCompletion), CopyError> {
        let directory = self.layout.backup();
        let (this, path) = (self.clone(), directory.clone());
        let lock = tokio::task::spawn_blocking(move || {
            let lock = this.lock()?;
            files::remove(&path)?;
            files::create(&path)?;
            Ok::<_, CopyError>(lock)
        })
        .await??;
        let mut command = Program::Backup.command()?;
        command.arg(path_option("--defaults-file", &self.layout.option_file()));
        command.args(["--backup", "--stream=mbstream", "--slave-info", "--user=root"]);
        command.arg(path_option("--socket", &self.layout.socket()));
        command.arg(path_option("--target-dir", &directory));
        command.arg(path_option("--tmpdir", &directory));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = Program::Backup.name();
        let mut child = command.spawn().map_err(|source| ProgramError::Start { name, source })?;
        let no_pipe = || ProgramError::Pipe { name, source: io::Error::other("it has no pipes") };
        let stdout = child.stdout.take().ok_or_else(no_pipe)?;
        let stderr = child.stderr.take().ok_or_else(no_pipe)?;
        let (read, is_read) = oneshot::channel();
        let instance = Instance::new(&self.layout);
        let completion = tokio::spawn(async move {
            let words = last_words(stderr);
            tokio::pin!(words);
            let (said, ended) = tokio::select! {
                said = &mut words => (said, None),
                why = reason_to_end(is_read, &instance) => {
                    child.start_kill().map_err(|source| ProgramError::Pipe { name, source })?;
                    (words.await, Some(why))
                }
            };
            let said = said.map_err(|source| ProgramError::Pipe { name, source })?;
            let status = child.wait().await.map_err(|source| ProgramError::Pipe { name, source })?;
            files::remove(&directory)?;
            drop(lock);
            match ended {
                Some(why) => Err(why),
                None if status.success() && said.trim_end().ends_with(COMPLETED) => Ok(()),
                None => Err(CopyError::Incomplete { status, said }),
            }
        });
        Ok((Backup { bytes: stdout, read: Some(read) }, BackupCompletion(completion)))
    }

    fn lock(&self) -> Result<File, CopyError> {
        let path = self.layout.backup_lock();
        let lock = File::create(&path).map_err(FilesError::new("create", &path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lock),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(CopyError::Busy),
            Err(error) => Err(FilesError::new("lock", &path)(error.into()).into()),
        }
    }
}

/// Waits until there is a reason to end a backup that has not ended by itself.
async fn reason_to_end(is_read: oneshot::Receiver<()>, instance: &Instance) -> CopyError {
    let unread = async {
        if is_read.await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let held_up = async {
        loop {
            tokio::time::sleep(WATCH).await;
            match instance.holds_up_backup(HELD_UP).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "cannot see how a backup goes"),
            }
        }
    };
    tokio::select! {
        () = unread => CopyError::Unread,
        () = held_up => CopyError::HeldUp,
    }
}

/// Reads to the end and returns the end.
async fn last_words(mut stderr: ChildStderr) -> io::Result<String> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stderr.read(&mut buffer).await?;
        if count == 0 {
            return Ok(end_of(&kept));
        }
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * KEPT_ERRORS {
            kept.drain(..kept.len() - KEPT_ERRORS);
        }
    }
}

impl AsyncRead for Backup {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let polled = Pin::new(&mut self.bytes).poll_read(context, buffer);
        let is_end = matches!(polled, Poll::Ready(Ok(()))) && room > 0 && buffer.filled().len() == before;
        if is_end
            && let Some(read) = self.read.take()
            && read.send(()).is_err()
        {
            tracing::debug!("the backup has ended already");
        }
        polled
    }
}

impl Future for BackupCompletion {
    type Output = Result<(), CopyError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| ended?)
    }
}
