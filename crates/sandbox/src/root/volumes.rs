//! Volumes: trees of the machine, cloned before the namespace is private and attached where the container says.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, mount_remount,
    move_mount, open_tree,
};

use super::{host_mounts, inside};
use crate::config::{ContainerConfig, Mount, Propagation};
use crate::error::{Doing, SystemError, refusal};
use crate::mountinfo::{self, MountPoint};
use crate::state::Dir;

/// A tree that waits to be attached.
pub(super) struct Volume {
    tree: OwnedFd,
    is_dir: bool,
    target: PathBuf,
    read_only: bool,
    devices: bool,
    propagation: Propagation,
}

/// Clones what is to be mounted, in the order of mounting.
pub(super) fn clone_sources(
    dir: &Dir,
    config: &ContainerConfig,
    mounts: &[MountPoint],
) -> Result<Vec<Volume>, SystemError> {
    let mut volumes = Vec::new();
    for mount in &config.mounts {
        volumes.push(clone_source(mount, config.security.privileged, mounts)?);
    }
    if let Some(target) = &config.termination_message {
        let source = dir.join("termination");
        let message = Mount {
            source,
            sub_path: None,
            target: target.clone(),
            read_only: false,
            propagation: Propagation::None,
            optional: false,
        };
        volumes.push(clone_source(&message, false, mounts)?);
    }
    volumes.sort_by_key(|volume| volume.target.components().count());
    Ok(volumes)
}

fn clone_source(mount: &Mount, privileged: bool, mounts: &[MountPoint]) -> Result<Volume, SystemError> {
    let source = &mount.source;
    check_propagation(mount, privileged, mounts)?;
    let top = rustix::fs::openat(CWD, source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .doing(|| format!("open volume {}", source.display()))?;
    let top = match &mount.sub_path {
        Some(path) => match inside::open_beneath(&top, path)? {
            Some(found) => found,
            None => inside::make_dir_beneath(&top, path)?,
        },
        None => top,
    };
    let kind =
        FileType::from_raw_mode(fstat(&top).doing(|| format!("look at {}", source.display()))?.st_mode);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(&top, "", flags).doing(|| format!("clone volume {}", source.display()))?;
    Ok(Volume {
        tree,
        is_dir: kind == FileType::Directory,
        target: mount.target.clone(),
        read_only: mount.read_only,
        devices: privileged,
        propagation: mount.propagation,
    })
}

/// What cannot propagate is refused, in the words users know.
fn check_propagation(mount: &Mount, privileged: bool, mounts: &[MountPoint]) -> Result<(), SystemError> {
    let doing = format!("mount volume {}", mount.source.display());
    let around = mountinfo::around(mounts, &mount.source);
    let (shared, receives) = around.map_or((false, false), |around| (around.shared, around.receives));
    let point = around.map_or(Path::new("/"), |around| &around.point).display();
    match mount.propagation {
        Propagation::None => Ok(()),
        Propagation::HostToContainer if receives => Ok(()),
        Propagation::HostToContainer => {
            Err(refusal(doing, format!("path is mounted on {point} but it is not a shared or slave mount")))
        }
        Propagation::Bidirectional if !privileged => {
            Err(refusal(doing, "Bidirectional mount propagation is available only to privileged containers"))
        }
        Propagation::Bidirectional if shared => Ok(()),
        Propagation::Bidirectional => {
            Err(refusal(doing, format!("path is mounted on {point} but it is not a shared mount")))
        }
    }
}

/// Attaches `volumes` below `root`, in their order.
pub(super) fn attach(root: impl AsFd, volumes: Vec<Volume>) -> Result<(), SystemError> {
    volumes.into_iter().try_for_each(|volume| attach_one(root.as_fd(), &volume))
}

fn attach_one(root: rustix::fd::BorrowedFd<'_>, volume: &Volume) -> Result<(), SystemError> {
    let doing = || format!("mount a volume on {}", volume.target.display());
    let place = if volume.is_dir {
        inside::make_dir(root, &volume.target)?
    } else {
        inside::make_file(root, &volume.target)?
    };
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&volume.tree, "", &place, "", flags).doing(doing)?;

    let mounted = inside::open(root, &volume.target)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", mounted.as_raw_fd()));
    let propagation = match volume.propagation {
        Propagation::None => Some(MountPropagationFlags::PRIVATE),
        Propagation::HostToContainer => Some(MountPropagationFlags::DOWNSTREAM),
        Propagation::Bidirectional => None,
    };
    if let Some(propagation) = propagation {
        mount_change(&path, propagation | MountPropagationFlags::REC).doing(doing)?;
    }
    restrict(&path, &mounted, volume).doing(doing)?;
    if volume.read_only {
        restrict_below(&std::fs::read_link(&path).doing(doing)?, volume)?;
    }
    Ok(())
}

/// Takes writing and devices from a mount and leaves its other flags.
fn restrict(path: &Path, mounted: impl AsFd, volume: &Volume) -> rustix::io::Result<()> {
    let mut flags = MountFlags::BIND;
    let now = fstatvfs(mounted)?.f_flag;
    for (had, kept) in [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if now.contains(had) {
            flags |= kept;
        }
    }
    if volume.read_only {
        flags |= MountFlags::RDONLY;
    }
    if !volume.devices {
        flags |= MountFlags::NODEV;
    }
    mount_remount(path, flags, "")
}

/// Makes what is mounted below `top` read-only too.
fn restrict_below(top: &Path, volume: &Volume) -> Result<(), SystemError> {
    for mount in host_mounts()?.into_iter().filter(|mount| mount.point.starts_with(top) && mount.point != top)
    {
        let doing = || format!("make {} read-only", mount.point.display());
        let opened = rustix::fs::openat(CWD, &mount.point, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .doing(doing)?;
        restrict(&mount.point, &opened, volume).doing(doing)?;
    }
    Ok(())
}
