//! Which process runs a cluster, so that another one can end it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;

/// The file in the data directory: process id and the moment it began, in ticks since the machine's start.
const FILE: &str = "up.pid";

/// Why a cluster cannot be ended.
#[derive(Debug, Error)]
pub(crate) enum RunningError {
    /// The file cannot be read, written or removed.
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The process cannot be told to end.
    #[error("cannot end process {pid}, which runs the cluster")]
    Signal {
        pid: i32,
        #[source]
        source: io::Error,
    },
    /// Another process runs with this directory.
    #[error("process {pid} runs with this directory already")]
    InUse { pid: i32 },
    /// The process does not end.
    #[error("process {pid}, which runs the cluster, has not ended within {seconds} s")]
    Deadline { pid: i32, seconds: u64 },
}

/// What a process that runs a cluster takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Containers go on.
    Alone,
    /// Pods are ended before it ends.
    WithPods,
}

/// The record of this process; it is removed with this value.
#[derive(Debug)]
pub(crate) struct Running {
    path: PathBuf,
}

impl Running {
    /// Records that this process runs the cluster, or the node that has this directory for itself.
    pub(crate) fn record(data_dir: &Path) -> Result<Self, RunningError> {
        let path = data_dir.join(FILE);
        let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        if let Some((pid, since)) = recorded(&path)?
            && pid.as_raw_nonzero().get() != own
            && began(pid.as_raw_nonzero().get()) == Some(since)
        {
            return Err(RunningError::InUse { pid: pid.as_raw_nonzero().get() });
        }
        let began = began(own).unwrap_or_default();
        let written = std::fs::write(&path, format!("{own} {began}\n"));
        written.map_err(|source| RunningError::File { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// Tells the process that runs a cluster to end, and waits for that. Returns whether there was one.
    pub(crate) async fn end(data_dir: &Path, how: End, patience: Duration) -> Result<bool, RunningError> {
        let Some((pid, since)) = recorded(&data_dir.join(FILE))? else { return Ok(false) };
        let number = pid.as_raw_nonzero().get();
        let failed = |error: rustix::io::Errno| RunningError::Signal { pid: number, source: error.into() };
        // The descriptor first, then the look whose it is: what is signalled cannot be another process.
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            opened => opened.map_err(failed)?,
        };
        if began(number) != Some(since) {
            return Ok(false);
        }
        let signal = match how {
            End::Alone => Signal::TERM,
            End::WithPods => Signal::USR1,
        };
        pidfd_send_signal(&process, signal).map_err(failed)?;
        let seconds = patience.as_secs();
        let ended = tokio::task::spawn_blocking(move || {
            let limit = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX), tv_nsec: 0 };
            poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))
        });
        match ended.await {
            Ok(Ok(0)) | Err(_) => Err(RunningError::Deadline { pid: number, seconds }),
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) => Err(failed(error)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a file");
        }
    }
}

/// Reads which process is recorded, and when it began; nothing if none is.
fn recorded(path: &Path) -> Result<Option<(Pid, String)>, RunningError> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| RunningError::File { path: path.to_owned(), source })?,
    };
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok()).and_then(Pid::from_raw);
    Ok(pid.zip(words.next().map(str::to_owned)))
}

/// Returns when a process began, in ticks since the machine's start.
fn began(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets can hold anything; the 20th field after it is the time.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_number_and_beginning() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new("sleep").arg("100").spawn().expect("sleep runs");
        let pid = i32::try_from(child.id()).expect("a process id");
        let write = |began: &str| {
            std::fs::write(folder.path().join(FILE), format!("{pid} {began}\n")).expect("a file");
        };
        write("1");
        let another =
            Running::end(folder.path(), End::Alone, Duration::from_secs(10)).await.expect("nothing is done");
        assert!(
            !another && child.try_wait().expect("a child").is_none(),
            "it is not the process that was meant"
        );
        write(&began(pid).expect("it runs"));
        let taken = Running::record(folder.path()).expect_err("it runs");
        assert!(matches!(taken, RunningError::InUse { pid: other } if other == pid), "{taken}");
        assert!(Running::end(folder.path(), End::Alone, Duration::from_secs(10)).await.expect("it is ended"));
        child.wait().expect("it has ended");
        assert!(
            !Running::end(folder.path(), End::Alone, Duration::from_secs(10)).await.expect("nobody is there")
        );
    }
}
