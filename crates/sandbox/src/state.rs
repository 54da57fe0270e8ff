//! A container's directory: what is in it, who writes it, and what it says.
//!
//! ```text
//! config.json   Launch   written by the runtime, once
//! lock                   held by the shim for as long as it lives
//! state.json    Record   written by the shim; there from the moment it has taken charge
//! exit.json     Exit     written last, by the shim, or for a lost shim by the runtime
//! shim.err               what the shim said before it died of a defect
//! upper work root        the writable layer, overlayfs' scratch, the place where the root is put together
//! termination            the container's termination message
//! ```
//!
//! ```text
//!                 lock free                      lock held
//! no state.json   Created                        Created (starting)
//! state.json      Exited (Lost)                  Created, Running once `started_at` is there
//! exit.json       Exited                         Exited (the shim is about to go)
//! ```
//! A shim that finds a `state.json` refuses to start anything, so a command is started at most once per directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::abilities::{Abilities, Missing};
use crate::config::ContainerConfig;
use crate::error::{Doing, SystemError};
use crate::exit::Exit;
use crate::pid::ProcessId;

/// What a shim is told: the container and how this machine is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) config: ContainerConfig,
    pub(crate) settings: Settings,
    /// What the container does not have, found out before the shim was started.
    pub(crate) missing: Vec<Missing>,
}

/// How this machine is used for containers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Where the cgroups of Pods are, in each hierarchy.
    pub(crate) cgroup_parent: String,
    /// Directories of the machine of which a container sees an empty one.
    pub(crate) hidden: Vec<PathBuf>,
    pub(crate) abilities: Abilities,
}

/// What a shim has done so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) shim: ProcessId,
    /// The container's first process.
    pub(crate) first: Option<ProcessId>,
    /// When the command was executed.
    pub(crate) started_at: Option<SystemTime>,
}

/// A container's directory.
#[derive(Clone, Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of something inside.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the directory, for nobody else to look into.
    pub(crate) fn make(&self) -> Result<(), SystemError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .doing(|| format!("make {}", self.0.display()))
    }

    pub(crate) fn launch(&self) -> Result<Option<Launch>, SystemError> {
        read(&self.join("config.json"))
    }

    pub(crate) fn record(&self) -> Result<Option<Record>, SystemError> {
        read(&self.join("state.json"))
    }

    pub(crate) fn exit(&self) -> Result<Option<Exit>, SystemError> {
        read(&self.join("exit.json"))
    }

    pub(crate) fn write_launch(&self, launch: &Launch) -> Result<(), SystemError> {
        write(&self.join("config.json"), launch)
    }

    pub(crate) fn write_record(&self, record: &Record) -> Result<(), SystemError> {
        write(&self.join("state.json"), record)
    }

    pub(crate) fn write_exit(&self, exit: &Exit) -> Result<(), SystemError> {
        write(&self.join("exit.json"), exit)
    }

    /// Opens the file whose lock says that the shim lives.
    fn lock_file(&self) -> Result<File, SystemError> {
        let path = self.join("lock");
        File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .doing(|| format!("open {}", path.display()))
    }

    /// Takes the lock for the life of the returned file; nothing if a shim has it.
    pub(crate) fn take_lock(&self) -> Result<Option<File>, SystemError> {
        let file = self.lock_file()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno).doing(|| format!("lock {}", self.join("lock").display())),
        }
    }

    /// Returns whether a shim has the lock.
    ///
    /// Looking takes a shared lock for a moment; a shim that starts in this moment tries again.
    pub(crate) fn is_locked(&self) -> Result<bool, SystemError> {
        let file = self.lock_file()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(errno).doing(|| format!("lock {}", self.join("lock").display())),
        }
    }
}

/// Reads a JSON file; nothing if it is not there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SystemError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).doing(|| format!("read {}", path.display())),
    };
    serde_json::from_slice(&bytes).map(Some).doing(|| format!("understand {}", path.display()))
}

/// Writes a JSON file in one step, for nobody else to read: it holds the environment.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), SystemError> {
    let doing = || format!("write {}", path.display());
    let bytes = serde_json::to_vec(value).doing(doing)?;
    let new = path.with_extension("new");
    let mut file =
        File::options().create(true).truncate(true).write(true).mode(0o600).open(&new).doing(doing)?;
    file.write_all(&bytes).doing(doing)?;
    drop(file);
    fs::rename(&new, path).doing(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_and_ends_with_its_file() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let dir = Dir::new(scratch.path().join("c"));
        dir.make().expect("made");
        assert!(!dir.is_locked().expect("readable"));
        let held = dir.take_lock().expect("readable").expect("free");
        assert!(dir.is_locked().expect("readable"));
        assert!(dir.take_lock().expect("readable").is_none());
        drop(held);
        assert!(!dir.is_locked().expect("readable"));
    }

    #[test]
    fn what_is_not_json_is_an_error_with_its_place() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let dir = Dir::new(scratch.path().to_owned());
        assert!(dir.exit().expect("nothing there").is_none());
        fs::write(dir.join("exit.json"), "{").expect("written");
        let error = dir.exit().expect_err("cut off");
        assert!(error.to_string().contains("exit.json"), "{error}");
    }
}
