//! Copies of a running instance.
//!
//! ```text
//!   source: mariadb-backup --stream --> Backup (AsyncRead) --> agent, network, agent --> Restore::receive
//!           \-- its end ------------> BackupCompletion ---> the agent's last record ------> Restore::install
//! ```
//!
//! That a stream ends says nothing: it is whole if [`BackupCompletion`] says so, and whoever carries the bytes must carry
//! that, too. One backup of an instance at a time.

mod restore;

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};

use rustix::fs::FlockOperation;
use stanchion_ha_core::PositionError;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::{JoinError, JoinHandle};

use super::files::{self, FilesError};
use super::initialize::path_option;
use super::instance::SqlError;
use super::layout::Layout;
use super::process::{ReadyError, StartError};
use super::program::{KEPT_ERRORS, Program, ProgramError, end_of};

pub use restore::Restore;

/// The last words of a backup that is whole.
const COMPLETED: &str = "completed OK!";

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

/// A backup that is under way: its bytes. Dropping it ends the backup.
#[derive(Debug)]
pub struct Backup(ChildStdout);

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
        let completion = tokio::spawn(async move {
            let said = last_words(stderr).await.map_err(|source| ProgramError::Pipe { name, source })?;
            let status = child.wait().await.map_err(|source| ProgramError::Pipe { name, source })?;
            files::remove(&directory)?;
            drop(lock);
            if status.success() && said.trim_end().ends_with(COMPLETED) {
                Ok(())
            } else {
                Err(CopyError::Incomplete { status, said })
            }
        });
        Ok((Backup(stdout), BackupCompletion(completion)))
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
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Future for BackupCompletion {
    type Output = Result<(), CopyError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| ended?)
    }
}
