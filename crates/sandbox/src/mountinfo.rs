//! `/proc/self/mountinfo`, understood.

use std::path::{Path, PathBuf};

/// A mount as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountPoint {
    /// Where it is.
    pub(crate) point: PathBuf,
    /// `ext4`, `tmpfs`, `cgroup2` and so on.
    pub(crate) fs_type: String,
    /// Options of the file system, separated by commas.
    pub(crate) super_options: String,
    /// Whether mounts below it show in its peers.
    pub(crate) shared: bool,
    /// Whether mounts below its peers show in it.
    pub(crate) receives: bool,
}

/// Returns the mounts that `text` names, in its order, which is that of mounting. Lines that are not understood
/// are left out.
pub(crate) fn parse(text: &str) -> impl Iterator<Item = MountPoint> + '_ {
    text.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ');
        let point = PathBuf::from(unescape(place.nth(4)?));
        let tags: Vec<&str> = place.skip(1).collect();
        let mut kind = kind.split(' ');
        Some(MountPoint {
            point,
            fs_type: kind.next()?.to_owned(),
            super_options: kind.nth(1).unwrap_or_default().to_owned(),
            shared: tags.iter().any(|tag| tag.starts_with("shared:")),
            receives: tags.iter().any(|tag| tag.starts_with("shared:") || tag.starts_with("master:")),
        })
    })
}

/// Returns the mount that `path` is on: of those around it the innermost, of several there the last.
pub(crate) fn around<'a>(mounts: &'a [MountPoint], path: &Path) -> Option<&'a MountPoint> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        if let Some(byte) = octal {
            bytes.push(byte);
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 24 0:5 / /mnt/a\\040b\\134c rw master:3 - tmpfs tmpfs rw,size=4k
26 24 0:6 / /mnt rw - xfs /dev/vdb rw
broken
";

    #[test]
    fn fields_are_found_around_the_tags() {
        let mounts: Vec<_> = parse(TEXT).collect();
        assert_eq!(mounts.len(), 3);
        assert!(mounts[0].shared && mounts[0].receives);
        assert_eq!(mounts[1].point, Path::new("/mnt/a b\\c"));
        assert_eq!((mounts[1].fs_type.as_str(), mounts[1].super_options.as_str()), ("tmpfs", "rw,size=4k"));
        assert!(!mounts[1].shared && mounts[1].receives);
        assert!(!mounts[2].receives);
    }

    #[test]
    fn the_innermost_mount_is_the_one_around() {
        let mounts: Vec<_> = parse(TEXT).collect();
        let around = |path: &str| around(&mounts, Path::new(path)).map(|mount| mount.fs_type.as_str());
        assert_eq!(around("/mnt/x"), Some("xfs"));
        assert_eq!(around("/mntx"), Some("ext4"));
        assert_eq!(around("/mnt/a b\\c/d"), Some("tmpfs"));
    }
}
