//! The writable layer before it is mounted: directories that hide those of the machine.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rustix::fs::XattrFlags;

use crate::error::{Doing, SystemError};

/// What a hidden directory looks like instead.
struct Replacement {
    path: &'static str,
    mode: u32,
}

/// Hidden in every container: what is private to a machine's users and to its running programs.
const ALWAYS: [Replacement; 5] = [
    Replacement { path: "/tmp", mode: 0o1777 },
    Replacement { path: "/var/tmp", mode: 0o1777 },
    Replacement { path: "/run", mode: 0o755 },
    Replacement { path: "/root", mode: 0o700 },
    Replacement { path: "/home", mode: 0o755 },
];

/// Returns whether a container sees nothing of the machine's `path`.
pub(super) fn is_hidden(path: &Path, hidden: &[impl AsRef<Path>]) -> bool {
    ALWAYS.iter().any(|known| path.starts_with(known.path))
        || hidden.iter().any(|hidden| path.starts_with(hidden.as_ref()))
}

/// Makes an empty directory in `upper`, the layer over the machine's `lower`, for everything hidden in it.
pub(super) fn hide(upper: &Path, lower: &Path, hidden: &[impl AsRef<Path>]) -> Result<(), SystemError> {
    let mut paths: Vec<(&Path, u32)> =
        ALWAYS.iter().map(|known| (Path::new(known.path), known.mode)).collect();
    let mut outer_first: Vec<&Path> = hidden.iter().map(AsRef::as_ref).collect();
    outer_first.sort_by_key(|path| path.components().count());
    for path in outer_first {
        // What is inside another one is hidden with it.
        if !paths.iter().any(|(outer, _)| path.starts_with(outer)) {
            paths.push((path, 0o700));
        }
    }
    for (path, mode) in paths {
        let Ok(inside) = path.strip_prefix(lower) else { continue };
        // A link stays one: what it leads to is another path.
        let there = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if there && !inside.as_os_str().is_empty() {
            hide_one(upper, lower, inside, mode).doing(|| format!("hide {}", path.display()))?;
        }
    }
    let locks = upper.join("run/lock");
    if lower == Path::new("/") && upper.join("run").is_dir() {
        make(&locks, 0o1777).doing(|| format!("make {}", locks.display()))?;
    }
    Ok(())
}

fn hide_one(upper: &Path, lower: &Path, inside: &Path, mode: u32) -> io::Result<()> {
    // A directory of the upper layer gives a merged one its owner and mode.
    let ancestors: Vec<&Path> =
        inside.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
    for ancestor in ancestors.into_iter().rev() {
        let (ours, theirs) = (upper.join(ancestor), fs::metadata(lower.join(ancestor))?);
        if !ours.exists() {
            make(&ours, theirs.mode() & 0o7777)?;
            chown(&ours, Some(theirs.uid()), Some(theirs.gid()))?;
        }
    }
    let path = upper.join(inside);
    make(&path, mode)?;
    // Opaque: nothing of the layer below shows through.
    rustix::fs::setxattr(&path, "trusted.overlay.opaque", b"y", XattrFlags::empty())?;
    Ok(())
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_is_everything_below_and_nothing_beside() {
        let hidden = ["/var/lib/stanchion"];
        for path in ["/tmp", "/tmp/x", "/run/a", "/var/lib/stanchion", "/var/lib/stanchion/pods", "/home/a"] {
            assert!(is_hidden(Path::new(path), &hidden), "{path}");
        }
        for path in ["/", "/var", "/var/lib", "/var/lib/stanchion2", "/tmpx", "/usr"] {
            assert!(!is_hidden(Path::new(path), &hidden), "{path}");
        }
    }
}
