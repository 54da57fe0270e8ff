//! The copy-on-write view of the machine's files.
//!
//! Some kernels refuse an overlay whose writable layer is inside its lower one, which it is when the state
//! directory is on the machine's root disk. There a read-only overlay of the root is made first, and the writable
//! one is put over that: to the kernel the layers then belong to different file systems.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount, mount_remount};

use super::{layer, mount_new};
use crate::error::{Doing, SystemError, refusal};
use crate::mountinfo::MountPoint;
use crate::state::Dir;

/// File systems of disks: a container sees what is mounted from one. Of everything else the machine has mounted
/// (kernel interfaces, memory, network shares) it sees the empty mount point.
const DISKS: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay", "bcachefs"];
/// Disks mounted inside the root that a container sees; each costs it a mount.
const MAX_DISKS: usize = 32;

/// Mounts the overlay of the root at `<dir>/root`, and one for each disk mounted inside it. Returns where.
pub(super) fn mount_all(
    dir: &Dir,
    mounts: &[MountPoint],
    hidden: &[PathBuf],
    flags: MountFlags,
) -> Result<Vec<PathBuf>, SystemError> {
    let root = dir.join("root");
    layered(dir.path(), Path::new("/"), &root, hidden, flags)?;
    let mut targets = Vec::new();
    for (number, lower) in disks(mounts, hidden).into_iter().enumerate() {
        let scratch = dir.join(&format!("disk-{number}"));
        let target = root.join(lower.strip_prefix("/").unwrap_or(lower));
        layered(&scratch, lower, &target, hidden, flags)?;
        targets.push(target);
    }
    targets.push(root);
    Ok(targets)
}

/// Makes what [`mount_all`] mounted read-only.
pub(super) fn make_read_only(targets: &[PathBuf], flags: MountFlags) -> Result<(), SystemError> {
    targets.iter().try_for_each(|target| {
        mount_remount(target, MountFlags::BIND | MountFlags::RDONLY | flags, "")
            .doing(|| format!("make {} read-only", target.display()))
    })
}

fn is_disk(mount: &MountPoint) -> bool {
    DISKS.contains(&mount.fs_type.as_str())
}

/// Returns the disks that are mounted on a directory inside the root, outer ones first.
fn disks<'a>(mounts: &'a [MountPoint], hidden: &[PathBuf]) -> Vec<&'a Path> {
    let mut found: Vec<&Path> = mounts
        .iter()
        .filter(|mount| is_disk(mount) && mount.point != Path::new("/"))
        .map(|mount| mount.point.as_path())
        .filter(|point| !layer::is_hidden(point, hidden) && point.is_dir())
        .filter(|point| !["/proc", "/sys", "/dev"].iter().any(|own| point.starts_with(own)))
        .collect();
    found.sort_by_key(|point| point.components().count());
    found.dedup();
    found.truncate(MAX_DISKS);
    found
}

/// Mounts `lower` at `target` with a writable layer in `scratch`.
fn layered(
    scratch: &Path,
    lower: &Path,
    target: &Path,
    hidden: &[PathBuf],
    flags: MountFlags,
) -> Result<(), SystemError> {
    let (upper, work) = (scratch.join("upper"), scratch.join("work"));
    for path in [upper.as_path(), work.as_path(), target] {
        fs::create_dir_all(path).doing(|| format!("make {}", path.display()))?;
    }
    copy_owner(lower, &upper)
        .doing(|| format!("give {} the owner of {}", upper.display(), lower.display()))?;
    layer::hide(&upper, lower, hidden)?;
    let doing = || format!("mount an overlay of {} on {}", lower.display(), target.display());
    match overlay(&[lower], Some((&upper, &work)), target, flags) {
        // The layers are inside each other.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            let base = read_only_base(scratch, lower)?;
            overlay(&[&base], Some((&upper, &work)), target, flags).doing(doing)
        }
        done => done.doing(doing),
    }
}

/// Mounts a read-only overlay of `lower` and returns where it is.
fn read_only_base(scratch: &Path, lower: &Path) -> Result<PathBuf, SystemError> {
    let place = scratch.join("base");
    mount_new("tmpfs", &place, MountFlags::NODEV | MountFlags::NOSUID, "size=64k,mode=700")?;
    let (empty, base) = (place.join("empty"), place.join("root"));
    for path in [&empty, &base] {
        fs::create_dir(path).doing(|| format!("make {}", path.display()))?;
    }
    overlay(&[lower, &empty], None, &base, MountFlags::RDONLY)
        .doing(|| format!("mount a read-only overlay of {}", lower.display()))?;
    Ok(base)
}

fn overlay(
    lowers: &[&Path],
    writable: Option<(&Path, &Path)>,
    target: &Path,
    flags: MountFlags,
) -> io::Result<()> {
    let lowers: Vec<String> = lowers.iter().map(|lower| escape(lower, true)).collect();
    let mut options = format!("lowerdir={}", lowers.join(":"));
    if let Some((upper, work)) = writable {
        let (upper, work) = (escape(upper, false), escape(work, false));
        options = format!("{options},upperdir={upper},workdir={work}");
    }
    let options = CString::new(options)?;
    Ok(mount("overlay", target, "overlay", flags, Some(options.as_c_str()))?)
}

/// Escapes a path for overlayfs' options: commas part options, and among lower directories colons part paths.
fn escape(path: &Path, lower: bool) -> String {
    let mut escaped = String::new();
    for character in path.to_string_lossy().chars() {
        if matches!(character, '\\' | ',') || character == ':' && lower {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn copy_owner(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let from = fs::metadata(from)?;
    chown(to, Some(from.uid()), Some(from.gid()))?;
    fs::set_permissions(to, from.permissions())
}

/// Tries out whether a root can be put together with its layer in `scratch`. Needs a mount namespace of its own.
pub(crate) fn probe(scratch: &Path) -> Result<(), SystemError> {
    use rustix::fs::{CWD, FileType, Mode};
    let root = scratch.join("root");
    layered(scratch, Path::new("/"), &root, &[], MountFlags::NODEV)?;
    mount_new("proc", &root.join("proc"), MountFlags::NOSUID, "")?;
    mount_new("tmpfs", &root.join("dev"), MountFlags::NOSUID, "mode=755")?;
    let null = root.join("dev/null");
    rustix::fs::mknodat(
        CWD,
        &null,
        FileType::CharacterDevice,
        Mode::from_bits_truncate(0o666),
        rustix::fs::makedev(1, 3),
    )
    .doing(|| "make a device".to_owned())?;
    let file = root.join("etc/stanchion-probe");
    fs::write(&file, "").doing(|| format!("write {}", file.display()))?;
    if Path::new("/etc/stanchion-probe").exists() {
        return Err(refusal(
            "separate the container's files",
            "a file written to the overlay shows on the machine",
        ));
    }
    fs::write(&null, "").doing(|| "write to a device".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::mount::{MountPropagationFlags, mount_change};

    /// What some kernels need. A thread has a mount namespace of its own as soon as it leaves the common one.
    #[test]
    fn the_way_around_nested_layers_keeps_them_apart() {
        // Removed after the thread and its mounts are gone.
        let directory = tempfile::tempdir().expect("a directory");
        let scratch = directory.path();
        let work = || -> Option<()> {
            if let Err(errno) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS) {
                println!("SKIPPED: no mount namespace: {errno}");
                return None;
            }
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("private");
            let [upper, work, root] = ["upper", "work", "root"].map(|name| scratch.join(name));
            for path in [&upper, &work, &root] {
                fs::create_dir(path).expect("made");
            }
            layer::hide(&upper, Path::new("/"), &[scratch]).expect("hidden");
            let base = read_only_base(scratch, Path::new("/")).expect("a base");
            overlay(&[&base], Some((&upper, &work)), &root, MountFlags::NODEV).expect("mounted");
            fs::write(root.join("etc/of-the-container"), "x").expect("written");
            assert!(
                upper.join("etc/of-the-container").exists() && !fs::exists("/etc/of-the-container").ok()?
            );
            let ours = root.join(scratch.strip_prefix("/").ok()?);
            let layers = fs::read_dir(ours).map_or(0, Iterator::count);
            assert_eq!(layers, 0, "the layers themselves are hidden");
            assert_eq!(fs::read_dir(root.join("root")).expect("there").count(), 0);
            Some(())
        };
        std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"));
    }

    #[test]
    fn separators_in_paths_are_escaped() {
        assert_eq!(escape(Path::new("/a:b,c\\d"), true), "/a\\:b\\,c\\\\d");
        assert_eq!(escape(Path::new("/a:b"), false), "/a:b");
    }
}
