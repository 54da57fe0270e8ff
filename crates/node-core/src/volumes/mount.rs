//! Where the volumes of a Pod stand in its containers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use thiserror::Error;

use super::{PathError, SafePath, Volume};
use crate::environment::{Variables, expand_known};

/// Which mounts made later on one side show on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// None.
    None,
    /// Those of the host show in the container.
    HostToContainer,
    /// Those of either side show on the other.
    Bidirectional,
}

/// Whether mounts below a read-only mount are read-only too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecursiveReadOnly {
    /// They need not be.
    Disabled,
    /// They are if the machine can do it.
    IfPossible,
    /// They are, or the container does not start.
    Enabled,
}

/// A mount of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume.
    pub volume: String,
    /// Where it stands in the container; absolute, without `..`.
    pub target: String,
    /// What of the volume stands there; all of it if none. What is missing is made as a directory.
    pub sub_path: Option<SafePath>,
    /// Whether the container may only read it.
    pub read_only: bool,
    /// Whether that holds for what is mounted below it.
    pub recursive_read_only: RecursiveReadOnly,
    /// Which later mounts show.
    pub propagation: Propagation,
}

/// A mount that cannot be made; the container waits with `CreateContainerConfigError`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MountError {
    /// The Pod has no such volume.
    #[error("container {container:?} mounts volume {volume:?}, which the Pod does not have")]
    Volume {
        /// The container.
        container: String,
        /// The volume.
        volume: String,
    },
    /// Its place is no absolute path, or steps back, or is the root.
    #[error("container {container:?} cannot mount anything at {target:?}")]
    Target {
        /// The container.
        container: String,
        /// The place.
        target: String,
    },
    /// Its sub-path leads out of the volume.
    #[error("failed to prepare subPath for volumeMount {volume:?} of container {container:?}")]
    SubPath {
        /// The container.
        container: String,
        /// The volume.
        volume: String,
        /// What is wrong.
        #[source]
        source: PathError,
    },
    /// Its sub-path refers to a variable that is not there.
    #[error(
        "failed to expand subPathExpr of volumeMount {volume:?} of container {container:?}: missing value for {name:?}"
    )]
    Variable {
        /// The container.
        container: String,
        /// The volume.
        volume: String,
        /// The variable.
        name: String,
    },
    /// An option of it is unknown, or needs a privileged container, or devices are asked for.
    #[error("container {container:?}: {what}")]
    Wrong {
        /// The container.
        container: String,
        /// What is wrong.
        what: String,
    },
}

/// Plans the mounts of a container; what stands above something else comes first.
pub fn mounts(
    container: &Container,
    volumes: &BTreeMap<String, Volume>,
    environment: &Variables,
) -> Result<Vec<Mount>, MountError> {
    if container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty()) {
        let what = "volumeDevices are not supported".to_owned();
        return Err(MountError::Wrong { container: container.name.clone(), what });
    }
    let all = container.volume_mounts.iter().flatten();
    let mut mounts: Vec<Mount> =
        all.map(|mount| one(mount, container, volumes, environment)).collect::<Result<_, _>>()?;
    mounts.sort_by_cached_key(|mount| mount.target.split('/').map(str::to_owned).collect::<Vec<_>>());
    Ok(mounts)
}

fn one(
    mount: &VolumeMount,
    container: &Container,
    volumes: &BTreeMap<String, Volume>,
    environment: &Variables,
) -> Result<Mount, MountError> {
    let name = || container.name.clone();
    let wrong = |what: String| MountError::Wrong { container: name(), what };
    let missing = || MountError::Volume { container: name(), volume: mount.name.clone() };
    let volume = volumes.get(&mount.name).ok_or_else(missing)?;
    // As runtimes do, a relative place is taken from the root.
    let target = SafePath::parse(mount.mount_path.trim_start_matches('/'))
        .map_err(|_| MountError::Target { container: name(), target: mount.mount_path.clone() })?;
    let propagation = match mount.mount_propagation.as_deref() {
        None | Some("" | "None") => Propagation::None,
        Some("HostToContainer") => Propagation::HostToContainer,
        Some("Bidirectional") if is_privileged(container) => Propagation::Bidirectional,
        Some("Bidirectional") => {
            return Err(wrong("Bidirectional mount propagation needs a privileged container".to_owned()));
        }
        Some(other) => return Err(wrong(format!("mount propagation {other:?} is unknown"))),
    };
    let recursive_read_only = match mount.recursive_read_only.as_deref() {
        None | Some("" | "Disabled") => RecursiveReadOnly::Disabled,
        Some("IfPossible") => RecursiveReadOnly::IfPossible,
        Some("Enabled") => RecursiveReadOnly::Enabled,
        Some(other) => return Err(wrong(format!("recursiveReadOnly {other:?} is unknown"))),
    };
    Ok(Mount {
        volume: mount.name.clone(),
        target: format!("/{target}"),
        sub_path: sub_path(mount, container, environment)?,
        read_only: mount.read_only == Some(true) || volume.is_read_only(),
        recursive_read_only,
        propagation,
    })
}

fn sub_path(
    mount: &VolumeMount,
    container: &Container,
    environment: &Variables,
) -> Result<Option<SafePath>, MountError> {
    let (container, volume) = (container.name.clone(), mount.name.clone());
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let path = match (given(&mount.sub_path_expr), given(&mount.sub_path)) {
        (Some(expression), _) => match expand_known(&expression, environment) {
            Ok(path) => path,
            Err(name) => return Err(MountError::Variable { container, volume, name }),
        },
        (None, Some(path)) => path,
        (None, None) => return Ok(None),
    };
    match SafePath::parse(&path) {
        Ok(path) => Ok(Some(path)),
        Err(source) => Err(MountError::SubPath { container, volume, source }),
    }
}

fn is_privileged(container: &Container) -> bool {
    container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true))
}

/// Returns the permissions of an entry of a volume that belongs to the group of its Pod (`fsGroup`).
pub fn grouped_mode(mode: u32, is_directory: bool, read_only: bool) -> u32 {
    let access = if read_only { 0o440 } else { 0o660 };
    mode | access | if is_directory { 0o2110 } else { 0 }
}
