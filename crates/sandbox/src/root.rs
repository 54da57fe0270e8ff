//! The root file system of a container, put together inside its mount namespace and gone with it.
//!
//! ```text
//! /            overlay: the machine's root below, the container's writable layer on disk above
//!   hidden     an empty directory in the writable layer: /tmp, /run, /root, /home, the state directory…
//!   <mounted>  one more overlay per disk that the machine has mounted inside its root
//!   /proc      of the pid namespace; /sys read-only; /dev a few devices of its own
//!   /etc/…     hosts, resolv.conf and hostname written into the layer
//!   volumes    clones of the machine's directories, outer mount points first
//! ```
//! The namespace receives nothing from the machine and gives nothing back, but through volumes that say so: their
//! trees are cloned before everything else is made private.

mod dev;
mod inside;
mod layer;
mod overlay;
mod system;
mod volumes;

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::{chdir, pivot_root};

pub(crate) use overlay::probe;

use crate::config::ContainerConfig;
use crate::error::{Doing, SystemError};
use crate::mountinfo::{self, MountPoint};
use crate::state::{Dir, Launch};

/// Puts the root together and makes it the root of the process that calls, which has a mount namespace of its own.
pub(crate) fn enter(dir: &Dir, launch: &Launch) -> Result<(), SystemError> {
    let Launch { config, settings, missing: _ } = launch;
    let mounts = host_mounts()?;
    let volumes = volumes::clone_sources(dir, config, &mounts)?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .doing(|| "make the mounts private".to_owned())?;

    let root_path = dir.join("root");
    let flags = if config.security.privileged { MountFlags::empty() } else { MountFlags::NODEV };
    let layered = overlay::mount_all(dir, &mounts, &settings.hidden, flags)?;
    let root = open_root(&root_path)?;
    system::mount(&root_path, launch)?;
    dev::mount(&root_path, config)?;
    write_etc(&root, config)?;
    volumes::attach(&root, volumes)?;
    if config.security.read_only_root {
        overlay::make_read_only(&layered, flags)?;
    }
    pivot(&root_path)
}

/// Reads what the machine has mounted.
pub(crate) fn host_mounts() -> Result<Vec<MountPoint>, SystemError> {
    let text = fs::read_to_string("/proc/self/mountinfo").doing(|| "read /proc/self/mountinfo".to_owned())?;
    Ok(mountinfo::parse(&text).collect())
}

fn open_root(root: &Path) -> Result<OwnedFd, SystemError> {
    rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .doing(|| format!("open {}", root.display()))
}

fn write_etc(root: &OwnedFd, config: &ContainerConfig) -> Result<(), SystemError> {
    let hostname = config.hostname.as_ref().map(|name| format!("{name}\n"));
    for (path, content) in [
        ("/etc/hosts", config.etc.hosts.as_ref()),
        ("/etc/resolv.conf", config.etc.resolv_conf.as_ref()),
        ("/etc/hostname", hostname.as_ref()),
    ] {
        if let Some(content) = content {
            inside::write(root, Path::new(path), content)?;
        }
    }
    Ok(())
}

/// Makes `root` the root directory and lets go of the machine's.
fn pivot(root: &Path) -> Result<(), SystemError> {
    let doing = || format!("make {} the root directory", root.display());
    chdir(root).doing(doing)?;
    // Puts the old root over the new one, from where it is taken off.
    pivot_root(".", ".").doing(doing)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).doing(|| "let go of the machine's root".to_owned())?;
    chdir("/").doing(doing)
}

/// Mounts a file system of its own kind at `target`, which is made if missing.
fn mount_new(fs_type: &str, target: &Path, flags: MountFlags, options: &str) -> Result<(), SystemError> {
    fs::create_dir_all(target).doing(|| format!("make {}", target.display()))?;
    let options =
        std::ffi::CString::new(options).doing(|| format!("understand mount options {options:?}"))?;
    rustix::mount::mount(fs_type, target, fs_type, flags, Some(options.as_c_str()))
        .doing(|| format!("mount {fs_type} on {}", target.display()))
}
