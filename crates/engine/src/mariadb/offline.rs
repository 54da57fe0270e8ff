//! What the files say while no server runs on them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use stanchion_ha_core::Position;
use thiserror::Error;
use tokio::task::JoinError;

use super::files::{self, FilesError};
use super::layout::Layout;
use super::log::{self, Scanned};
use super::program::{Program, ProgramError, end_of};

/// What the files of an instance say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offline {
    /// The last whole transaction in the binary log.
    pub logged: Position,
    /// The last whole transaction that was received from a primary and is still there to be applied, if it is behind
    /// `logged`; else `logged`.
    pub received: Position,
    /// Whether the last server on these files ended in an orderly way.
    pub clean: bool,
    /// Whether the machine went down with the server, so that what was received may have been lost though it was
    /// acknowledged: received transactions are not forced to the disk one by one.
    pub uncertain: bool,
}

/// Files that could not be read, or not be saved.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// A log could not be read.
    #[error("cannot read {}", path.display())]
    Log {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Files could not be handled.
    #[error("cannot save transactions that are taken back")]
    Files(#[from] FilesError),
    /// A program failed.
    #[error("cannot save transactions that are taken back")]
    Program(#[from] ProgramError),
    /// The task that reads ended early.
    #[error("the task that reads the logs ended early")]
    Task(#[from] JoinError),
}

/// Reads what the files say. No server may run on them.
pub async fn offline(layout: &Layout) -> Result<Offline, OfflineError> {
    let layout = layout.clone();
    tokio::task::spawn_blocking(move || look(&layout)).await?
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// Where in it.
    pub(crate) offset: u64,
}

/// What was received and is behind a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unapplied {
    /// Where it begins.
    pub(crate) begin: Place,
    /// Its last whole transaction.
    pub(crate) last: Position,
}

fn look(layout: &Layout) -> Result<Offline, OfflineError> {
    let (logged, clean) = last_logged(layout)?;
    let received = unapplied(layout, logged)?.map_or(logged, |behind| behind.last);
    let same_boot =
        boot().is_some_and(|now| fs::read_to_string(layout.boot_file()).is_ok_and(|then| then == now));
    Ok(Offline { logged, received, clean, uncertain: !clean && !same_boot })
}

/// Returns the last transaction of the binary log, and whether it was closed.
fn last_logged(layout: &Layout) -> Result<(Position, bool), OfflineError> {
    let mut clean = None;
    for (file, scanned) in newest_first(&layout.data().join("binlog.index"))? {
        let Some(scanned) =
            scanned(Position::START).map_err(|source| OfflineError::Log { path: file, source })?
        else {
            continue;
        };
        let clean = *clean.get_or_insert(scanned.closed);
        if let Some(last) = scanned.last {
            return Ok((Position(Some(last.gtid)), clean));
        }
        if let Some(before) = scanned.before {
            return Ok((before, clean));
        }
    }
    Ok((Position::START, clean.unwrap_or(true)))
}

/// Returns what was received and is behind `after`, looking at relay logs alone.
pub(crate) fn unapplied(layout: &Layout, after: Position) -> Result<Option<Unapplied>, OfflineError> {
    let mut last = None;
    let mut begin = None;
    for (file, scanned) in newest_first(&layout.data().join("relay.index"))? {
        let Some(scanned) =
            scanned(after).map_err(|source| OfflineError::Log { path: file.clone(), source })?
        else {
            continue;
        };
        last = last.or(scanned.last);
        if let Some(first) = scanned.first_behind {
            begin = Some(Place { file, offset: first.offset });
        }
        if scanned.last.is_some_and(|last| last.gtid.sequence <= after.sequence()) {
            break;
        }
    }
    let last = last.map(|last| Position(Some(last.gtid)));
    Ok(begin.zip(last).map(|(begin, last)| Unapplied { begin, last }))
}

type Scan = Box<dyn FnOnce(Position) -> io::Result<Option<Scanned>>>;

/// Returns the files of an index, newest first, each to be looked through when it is asked for. A file that an index
/// names and that is not there was being made or removed.
fn newest_first(index: &Path) -> Result<Vec<(PathBuf, Scan)>, OfflineError> {
    let files =
        log::files_of(index).map_err(|source| OfflineError::Log { path: index.to_owned(), source })?;
    let with_scan = |file: PathBuf| -> (PathBuf, Scan) {
        let path = file.clone();
        let scan = move |after| match log::scan(&path, after) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            scanned => scanned.map(Some),
        };
        (file, Box::new(scan))
    };
    Ok(files.into_iter().rev().map(with_scan).collect())
}

/// Saves the transactions of the binary log behind `after` as SQL, and returns the file; none if there are no such.
///
/// The file says by its name when it was made and with which transaction it begins. It is never removed here.
pub async fn save_diverged(layout: &Layout, after: Position) -> Result<Option<PathBuf>, OfflineError> {
    let behind = {
        let layout = layout.clone();
        tokio::task::spawn_blocking(move || behind(&layout, after)).await??
    };
    let Some(Behind { first, begin, rest, end }) = behind else { return Ok(None) };
    files::create(&layout.diverged())?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let path = layout.diverged().join(format!("{seconds}-{first}.sql"));
    let partial = path.with_extension("partial");
    let output = fs::File::create(&partial).map_err(FilesError::new("create", &partial))?;
    let mut command = Program::Binlog.command()?;
    // Rows as statements in comments besides what can be replayed: for people to read.
    command.args(["--no-defaults", "--verbose"]);
    command.arg(format!("--start-position={}", begin.offset)).arg(format!("--stop-position={end}"));
    command.arg(&begin.file).args(&rest);
    command.stdout(Stdio::from(output)).stderr(Stdio::piped());
    let name = Program::Binlog.name();
    let child = command.spawn().map_err(|source| ProgramError::Start { name, source })?;
    let output = child.wait_with_output().await.map_err(|source| ProgramError::Pipe { name, source })?;
    if !output.status.success() {
        let said = end_of(&output.stderr);
        return Err(ProgramError::Failed { name, status: output.status, said }.into());
    }
    let written = path.clone();
    tokio::task::spawn_blocking(move || {
        fs::File::open(&partial)
            .and_then(|file| file.sync_all())
            .map_err(FilesError::new("write", &partial))?;
        files::put(&partial, &written)
    })
    .await??;
    Ok(Some(path))
}

/// Transactions of the binary log behind a position.
struct Behind {
    first: Position,
    begin: Place,
    rest: Vec<PathBuf>,
    /// Where the last whole one ends in the last file.
    end: u64,
}

fn behind(layout: &Layout, after: Position) -> Result<Option<Behind>, OfflineError> {
    let mut found: Option<Behind> = None;
    let mut rest = Vec::new();
    let mut end = None;
    for (file, scanned) in newest_first(&layout.data().join("binlog.index"))? {
        let Some(scanned) =
            scanned(after).map_err(|source| OfflineError::Log { path: file.clone(), source })?
        else {
            continue;
        };
        let end = *end.get_or_insert(scanned.end);
        if let Some(first) = scanned.first_behind {
            let begin = Place { file: file.clone(), offset: first.offset };
            found = Some(Behind { first: Position(Some(first.gtid)), begin, rest: rest.clone(), end });
        }
        if scanned.last.is_some_and(|last| last.gtid.sequence <= after.sequence()) {
            break;
        }
        rest.insert(0, file);
    }
    Ok(found)
}

/// Returns what tells one boot of the machine from another.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// Writes down on which boot of the machine a server runs.
pub(crate) fn note_boot(layout: &Layout) -> Result<(), FilesError> {
    files::write(&layout.boot_file(), &boot().unwrap_or_default())
}
