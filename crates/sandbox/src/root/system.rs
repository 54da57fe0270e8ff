//! `/proc` and `/sys`: what the kernel shows and what a container may turn.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, mount_bind, mount_bind_recursive, mount_remount};

use super::mount_new;
use crate::cgroup::Hierarchies;
use crate::error::{Doing, SystemError};
use crate::state::Launch;

/// Shows an empty file or directory: keys, memory, timers and hardware of the whole machine.
const MASKED: [&str; 10] = [
    "proc/acpi",
    "proc/asound",
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "sys/firmware",
];
/// Settings of the whole machine.
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];

const NO_PROGRAMS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts `/proc`, `/sys` and the container's cgroup below `root`.
pub(super) fn mount(root: &Path, launch: &Launch) -> Result<(), SystemError> {
    let privileged = launch.config.security.privileged;
    let (proc, sys) = (root.join("proc"), root.join("sys"));
    mount_new("proc", &proc, NO_PROGRAMS, "")?;
    fs::create_dir_all(&sys).doing(|| format!("make {}", sys.display()))?;
    if privileged {
        return mount_bind_recursive("/sys", &sys).doing(|| "show /sys".to_owned());
    }
    mount_new("sysfs", &sys, NO_PROGRAMS | MountFlags::RDONLY, "")?;
    cgroups(&sys.join("fs/cgroup"), launch)?;
    for path in MASKED {
        mask(root, path)?;
    }
    for path in READ_ONLY {
        let path = root.join(path);
        if path.exists() {
            let doing = || format!("make {} read-only", path.display());
            mount_bind(&path, &path).doing(doing)?;
            mount_remount(&path, MountFlags::BIND | MountFlags::RDONLY | NO_PROGRAMS, "").doing(doing)?;
        }
    }
    Ok(())
}

fn mask(root: &Path, path: &str) -> Result<(), SystemError> {
    let path = root.join(path);
    let Ok(found) = fs::metadata(&path) else { return Ok(()) };
    if found.is_dir() {
        return mount_new("tmpfs", &path, NO_PROGRAMS | MountFlags::RDONLY, "size=0");
    }
    mount_bind("/dev/null", &path).doing(|| format!("mask {}", path.display()))
}

/// Shows the container its own limits, read-only: runtimes such as Java's size themselves by them. Needs a cgroup
/// namespace, entered after the container's group was joined.
fn cgroups(place: &Path, launch: &Launch) -> Result<(), SystemError> {
    if !place.is_dir() || !launch.settings.abilities.has_cgroups() {
        return Ok(());
    }
    let hierarchies = Hierarchies::discover()?;
    let legacy: Vec<_> = hierarchies.legacy().collect();
    if legacy.is_empty() {
        return match hierarchies.unified() {
            Some(_) => mount_new("cgroup2", place, NO_PROGRAMS | MountFlags::RDONLY, ""),
            None => Ok(()),
        };
    }
    mount_new("tmpfs", place, NO_PROGRAMS, "size=64k,mode=755")?;
    for (controller, from) in legacy {
        // Co-mounted controllers are asked for by the name that the machine's mount point has.
        let options = from.file_name().and_then(|name| name.to_str()).unwrap_or(controller.name()).to_owned();
        let target = place.join(&options);
        if !target.exists() {
            fs::create_dir(&target).doing(|| format!("make {}", target.display()))?;
            let given = std::ffi::CString::new(options).doing(|| "name a controller".to_owned())?;
            rustix::mount::mount(
                "cgroup",
                &target,
                "cgroup",
                NO_PROGRAMS | MountFlags::RDONLY,
                Some(given.as_c_str()),
            )
            .doing(|| format!("mount cgroup on {}", target.display()))?;
        }
        let link = place.join(controller.name());
        if !link.exists() {
            std::os::unix::fs::symlink(target.file_name().unwrap_or_default(), &link)
                .doing(|| format!("make {}", link.display()))?;
        }
    }
    mount_remount(place, MountFlags::BIND | MountFlags::RDONLY | NO_PROGRAMS, "")
        .doing(|| format!("make {} read-only", place.display()))
}
