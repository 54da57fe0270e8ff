//! `/dev`: a few devices, terminals and shared memory of the container's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, mount_bind_recursive};

use super::mount_new;
use crate::config::ContainerConfig;
use crate::error::{Doing, SystemError};

/// Name, major and minor number.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Terminals belong to this group on every distribution.
const TERMINALS: &str = "newinstance,ptmxmode=0666,mode=0620,gid=5";

/// Mounts `/dev` below `root`. A privileged container sees all devices of the machine.
pub(super) fn mount(root: &Path, config: &ContainerConfig) -> Result<(), SystemError> {
    let dev = root.join("dev");
    fs::create_dir_all(&dev).doing(|| format!("make {}", dev.display()))?;
    let no_programs = MountFlags::NOSUID | MountFlags::NOEXEC;
    if config.security.privileged {
        mount_bind_recursive("/dev", &dev).doing(|| "show /dev".to_owned())?;
    } else {
        mount_new("tmpfs", &dev, no_programs, "mode=755,size=64k")?;
        nodes(&dev)?;
    }
    mount_new("devpts", &dev.join("pts"), no_programs, TERMINALS)?;
    let own = no_programs | MountFlags::NODEV;
    for (name, fs_type, options) in [("shm", "tmpfs", "mode=1777,size=64m"), ("mqueue", "mqueue", "")] {
        let place = dev.join(name);
        let theirs = Path::new("/dev").join(name);
        if !config.host_ipc {
            mount_new(fs_type, &place, own, options)?;
        } else if theirs.is_dir() && !config.security.privileged {
            fs::create_dir_all(&place).doing(|| format!("make {}", place.display()))?;
            mount_bind_recursive(&theirs, &place).doing(|| format!("show {}", theirs.display()))?;
        }
    }
    Ok(())
}

fn nodes(dev: &Path) -> Result<(), SystemError> {
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        mknodat(
            CWD,
            &path,
            FileType::CharacterDevice,
            Mode::from_bits_truncate(0o666),
            makedev(major, minor),
        )
        .doing(|| format!("make {}", path.display()))?;
    }
    for (name, target) in LINKS {
        let path = dev.join(name);
        symlink(target, &path).doing(|| format!("make {}", path.display()))?;
    }
    Ok(())
}
