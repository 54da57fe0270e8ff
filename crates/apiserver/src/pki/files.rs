//! Files with certificates, keys and tokens: written whole or not at all, and noticed when they change.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Mode of files that others may read.
pub(crate) const PUBLIC: u32 = 0o644;
/// Mode of files that hold secrets.
pub(crate) const PRIVATE: u32 = 0o600;

/// Puts a file in place: after a crash it is the old one or the new one, both whole.
pub(crate) fn write(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes a directory, and those above it, that only its owner can look into.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What a file looks like from outside; differs when the file was written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(i64, i64, u64, u64)>);

impl Stamp {
    /// Looks at a file; one that is missing has a stamp, too.
    pub(crate) fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self(metadata.map(|m| (m.mtime(), m.mtime_nsec(), m.ino(), m.size())))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_replaced_whole_with_their_mode_and_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b/key");
        make_directory(path.parent().expect("a parent")).expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("a/b")), 0o700);
        let missing = Stamp::of(&path);
        fs::write(dir.path().join("a/b/key.new"), "left by a crash").expect("written");
        write(&path, b"one", PRIVATE).expect("written");
        let first = Stamp::of(&path);
        write(&path, b"two", PRIVATE).expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"two");
        assert_eq!(mode(&path), PRIVATE);
        assert!(missing != first && first != Stamp::of(&path), "changes are seen");
        assert_eq!(
            fs::read_dir(dir.path().join("a/b")).expect("readable").count(),
            1,
            "nothing is left over"
        );
    }
}
