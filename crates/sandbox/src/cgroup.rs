//! Control groups, version 1 and 2: limits, usage, and the set of processes that belong to a container.
//!
//! ```text
//! <hierarchy>/<parent>/pod<uid>            limits of the Pod
//! <hierarchy>/<parent>/pod<uid>/<id>       limits of the container; its processes
//! <kill hierarchy>/…/<id>/exec-<n>         the processes of one exec, to kill them alone
//! <hierarchy>/<parent>/shims               the shims: out of the way of whoever ends our own group
//! ```
//! A machine may mix both versions: each controller is used where it is ([`Hierarchies`]). Groups are made by the
//! shim and by the exec helper, a process joins them itself, and the shim removes them. With the last container go the
//! groups around it, up to the hierarchy's root.

mod hierarchies;
mod kill;
mod limits;
mod usage;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use hierarchies::{Controller, Hierarchies};
pub(crate) use limits::probe;
pub use usage::Stats;

use crate::config::{ContainerId, Resources};
use crate::error::{Doing, SystemError};

/// How often a group that another start or end got in the way of is tried again.
const TRIES: usize = 50;

/// A group: the same path in every hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    hierarchies: Hierarchies,
    /// Relative to a hierarchy's root.
    path: PathBuf,
}

impl Group {
    /// Returns the group `path` below every hierarchy's root.
    pub(crate) fn new(hierarchies: Hierarchies, path: &str) -> Self {
        Self { hierarchies, path: PathBuf::from(path.trim_matches('/')) }
    }

    /// Returns the group of the shims below `parent`.
    pub(crate) fn shims(hierarchies: Hierarchies, parent: &str) -> Self {
        Self::new(hierarchies, &format!("{parent}/shims"))
    }

    /// Returns the group of a Pod.
    pub(crate) fn pod(hierarchies: Hierarchies, parent: &str, uid: &str) -> Self {
        Self::new(hierarchies, &format!("{parent}/pod{uid}"))
    }

    /// Returns the group of a container of this Pod.
    pub(crate) fn container(&self, id: &ContainerId) -> Self {
        self.child(id.as_str())
    }

    /// Returns the group `name` inside.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self { hierarchies: self.hierarchies.clone(), path: self.path.join(name) }
    }

    /// Makes the group in every hierarchy and sets its limits.
    ///
    /// A controller that this machine lacks is passed over: its abilities say so beforehand.
    pub(crate) fn make(&self, resources: &Resources) -> Result<(), SystemError> {
        for root in self.hierarchies.roots() {
            let dir = root.join(&self.path);
            make_dir(&dir)?;
            if Some(root) == self.hierarchies.unified() {
                limits::delegate(root, &self.path);
            }
        }
        limits::apply(self, resources)
    }

    /// Makes the group only where processes are killed through it.
    pub(crate) fn make_for_kill(&self) -> Result<(), SystemError> {
        match self.hierarchies.kill_root() {
            Some(root) => make_dir(&root.join(&self.path)),
            None => Ok(()),
        }
    }

    /// Moves the process that calls into the group, in every hierarchy.
    pub(crate) fn join(&self) -> Result<(), SystemError> {
        self.hierarchies.roots().into_iter().try_for_each(|root| join_dir(&root.join(&self.path)))
    }

    /// Moves the process that calls into the group where processes are killed through it.
    pub(crate) fn join_for_kill(&self) -> Result<(), SystemError> {
        self.hierarchies.kill_root().map_or(Ok(()), |root| join_dir(&root.join(&self.path)))
    }

    /// Kills every process in the group and below; returns whether there is a hierarchy to do that by.
    pub(crate) fn kill(&self) -> Result<bool, SystemError> {
        let Some(root) = self.hierarchies.kill_root() else { return Ok(false) };
        kill::kill(&root.join(&self.path), Some(root) == self.hierarchies.unified())?;
        Ok(true)
    }

    /// Returns what the group uses now.
    pub(crate) fn stats(&self) -> Stats {
        usage::stats(self)
    }

    /// Returns how many processes of the group the kernel killed for its memory limit.
    pub(crate) fn oom_kills(&self) -> u64 {
        usage::oom_kills(self)
    }

    /// Kills what is in the group and removes it, as soon as the last process is out of it.
    pub(crate) fn end(&self) -> Result<(), SystemError> {
        let deadline = Instant::now() + kill::DEADLINE;
        self.kill()?;
        loop {
            match self.remove() {
                Err(error)
                    if error.source.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline =>
                {
                    kill::pause();
                }
                done => return done,
            }
        }
    }

    /// Removes the group and all below it from every hierarchy. A group that is not there is no error, one
    /// with processes is.
    pub(crate) fn remove(&self) -> Result<(), SystemError> {
        self.hierarchies.roots().into_iter().try_for_each(|root| {
            let dir = root.join(&self.path);
            remove_tree(&dir).doing(|| format!("remove cgroup {}", dir.display()))
        })
    }

    /// Removes the group and those around it as far as nothing is in them.
    pub(crate) fn remove_if_empty(&self) {
        for root in self.hierarchies.roots() {
            for path in self.path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
                match fs::remove_dir(root.join(path)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => break,
                    _ => {}
                }
            }
        }
    }

    /// Returns the group's directory in the hierarchy that has `controller`.
    fn dir(&self, controller: Controller) -> Option<(PathBuf, bool)> {
        let (root, unified) = self.hierarchies.of(controller)?;
        Some((root.join(&self.path), unified))
    }
}

/// Makes a group and those around it. One that is removed meanwhile is made again.
fn make_dir(dir: &Path) -> Result<(), SystemError> {
    let mut tries = 0;
    loop {
        match fs::create_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
            done => return done.doing(|| format!("make cgroup {}", dir.display())),
        }
    }
}

fn join_dir(dir: &Path) -> Result<(), SystemError> {
    // To the kernel 0 is the process that writes.
    fs::write(dir.join("cgroup.procs"), "0").doing(|| format!("join cgroup {}", dir.display()))
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
