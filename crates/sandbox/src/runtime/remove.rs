//! Taking containers away: processes, cgroups, files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Runtime, RuntimeError, blocking, process_end};
use crate::cgroup::{Group, Hierarchies};
use crate::config::ContainerId;
use crate::error::{Doing, SystemError};
use crate::state::{Dir, Launch};

/// How long killed processes may take to go.
const PATIENCE: Duration = Duration::from_secs(30);

impl Runtime {
    /// Removes a container, killing it if it runs. Its log stays; one that is not there is not an error.
    pub async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        match self.remove_existing(id).await {
            Err(RuntimeError::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    async fn remove_existing(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.kill(id).await?;
        match tokio::time::timeout(PATIENCE, self.wait(id)).await {
            Ok(Ok(_) | Err(RuntimeError::NotStarted { .. })) => {}
            Ok(Err(error)) => return Err(error),
            Err(_elapsed) => return Err(RuntimeError::Stuck { id: id.clone() }),
        }
        // It has told the end, and may be about to go.
        if let Some(record) = self.record(id)? {
            let gone = tokio::time::timeout(PATIENCE, process_end(record.shim)).await;
            let gone = gone.map_err(|_elapsed| RuntimeError::Stuck { id: id.clone() })?;
            gone.doing(|| "wait for the shim".to_owned())
                .map_err(|source| RuntimeError::System { id: id.clone(), source })?;
        }
        let dir = self.existing(id)?;
        let removed = self.shared.options.state.join("removed");
        let work = move || {
            Dir::new(removed.clone()).make()?;
            let removed = removed.join(dir.path().file_name().unwrap_or_default());
            let launch = dir.launch()?;
            // Out of the list in one step: half a directory would be half a container.
            let doing = || format!("remove {}", dir.path().display());
            clear(&removed).doing(doing)?;
            fs::rename(dir.path(), &removed).doing(doing)?;
            launch.map_or(Ok(()), |launch| remove_groups(&launch))?;
            clear(&removed).doing(doing)
        };
        blocking(work).await.map_err(|source| RuntimeError::System { id: id.clone(), source })
    }

    /// Removes every container, every cgroup and the state directory's content: the machine is as it was before.
    pub async fn remove_all(&self) -> Result<(), RuntimeError> {
        for id in self.ids()? {
            self.remove(&id).await?;
        }
        self.clear_removed().await?;
        let parent = self.shared.settings.cgroup_parent.clone();
        let state = self.shared.options.state.clone();
        let cgroups = self.abilities().has_cgroups();
        let work = move || {
            if cgroups {
                remove_parent(&parent)?;
            }
            for name in ["containers", "removed"] {
                clear(&state.join(name)).doing(|| format!("remove {name}"))?;
            }
            Ok(())
        };
        blocking(work).await.map_err(RuntimeError::List)
    }

    /// Deletes what was taken off the list and not deleted yet.
    pub(super) async fn clear_removed(&self) -> Result<(), RuntimeError> {
        let removed = self.shared.options.state.join("removed");
        let work = move || {
            let entries = || -> io::Result<Vec<PathBuf>> {
                match fs::read_dir(&removed) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                    entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect(),
                }
            };
            let doing = || format!("clear {}", removed.display());
            entries().doing(doing)?.iter().try_for_each(|path| clear(path)).doing(doing)
        };
        blocking(work).await.map_err(RuntimeError::List)
    }
}

fn remove_groups(launch: &Launch) -> Result<(), SystemError> {
    if !launch.settings.abilities.has_cgroups() {
        return Ok(());
    }
    let (hierarchies, parent) = (Hierarchies::discover()?, &launch.settings.cgroup_parent);
    let pod = Group::pod(hierarchies.clone(), parent, &launch.config.pod.uid);
    pod.container(&launch.config.id).end()?;
    pod.remove_if_empty();
    Group::shims(hierarchies, parent).remove_if_empty();
    Ok(())
}

/// Removes the cgroups of Pods and shims.
fn remove_parent(parent: &str) -> Result<(), SystemError> {
    let group = Group::new(Hierarchies::discover()?, parent);
    group.end()?;
    group.remove_if_empty();
    Ok(())
}

fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
