//! Permissions of what Pods share.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use stanchion_node_core::volumes::grouped_mode;

/// Sets the permissions of a path, whatever the process leaves out of new files.
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Gives a volume, and all that is in it, to the group of its Pod. A volume whose root is right is left as it is.
pub(super) fn share(root: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    let known = fs::symlink_metadata(root)?;
    let right = grouped_mode(known.mode(), known.is_dir(), false);
    if known.gid() == group && known.mode() == right {
        return Ok(());
    }
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let known = fs::symlink_metadata(&path)?;
        lchown(&path, None, Some(group))?;
        if known.is_symlink() {
            continue;
        }
        set_mode(&path, grouped_mode(known.mode(), known.is_dir(), false) & 0o7777)?;
        if known.is_dir() {
            for entry in fs::read_dir(&path)? {
                todo.push(entry?.path());
            }
        }
    }
    Ok(())
}
