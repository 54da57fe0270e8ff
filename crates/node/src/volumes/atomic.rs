//! Files that are replaced all at once.
//!
//! ```text
//! <volume>/name   -> ..data/name        made once for each first part of a path
//! <volume>/..data -> ..<stamp>          replaced by a rename: readers see all of the old files or all of the new
//! <volume>/..<stamp>/name               the files
//! ```

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File as FsFile};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown, symlink};
use std::path::Path;

use stanchion_node_core::volumes::File;

use super::owner::set_mode;

/// The link to the files that hold.
const DATA: &str = "..data";
/// The link before it takes the place of the other.
const NEW_DATA: &str = "..data_tmp";

/// Puts files in place of those that are there; returns whether anything differed. `stamp` names the new directory.
pub(super) fn write(volume: &Path, files: &[File], group: Option<u32>, stamp: i64) -> io::Result<bool> {
    fs::create_dir_all(volume)?;
    set_mode(volume, 0o755)?;
    let old = match fs::read_link(volume.join(DATA)) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_same = old.is_some() && same(&volume.join(DATA), files, group)?;
    if !is_same {
        let name = unused(volume, stamp);
        let dir = volume.join(&name);
        fs::create_dir(&dir)?;
        set_mode(&dir, 0o755)?;
        for file in files {
            put(&dir, file, group)?;
        }
        replace_link(volume, &name)?;
        if let Some(old) = old.filter(|old| *old != Path::new(&name)) {
            fs::remove_dir_all(volume.join(old))?;
        }
    }
    link_names(volume, files)?;
    Ok(!is_same)
}

/// Returns a name that nothing has.
fn unused(volume: &Path, stamp: i64) -> String {
    let mut number = 0;
    loop {
        let name = format!("..{stamp}.{number}");
        if fs::symlink_metadata(volume.join(&name)).is_err() {
            return name;
        }
        number += 1;
    }
}

fn replace_link(volume: &Path, name: &str) -> io::Result<()> {
    let new = volume.join(NEW_DATA);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    symlink(name, &new)?;
    fs::rename(new, volume.join(DATA))
}

fn put(dir: &Path, file: &File, group: Option<u32>) -> io::Result<()> {
    let path = dir.join(file.path.as_str());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut out = FsFile::options().write(true).create_new(true).mode(0o600).open(&path)?;
    out.write_all(&file.bytes)?;
    let user = file.user.and_then(|user| u32::try_from(user).ok());
    if user.is_some() || group.is_some() {
        chown(&path, user, group)?;
    }
    set_mode(&path, shared(file, group))
}

/// Whoever shares the volume may read it.
fn shared(file: &File, group: Option<u32>) -> u32 {
    if group.is_some() { file.mode | 0o040 } else { file.mode }
}

/// Returns whether what is there is what is wanted.
fn same(data: &Path, files: &[File], group: Option<u32>) -> io::Result<bool> {
    let mut left = BTreeSet::new();
    list(data, Path::new(""), &mut left)?;
    for file in files {
        let path = data.join(file.path.as_str());
        if !left.remove(file.path.as_str()) || fs::read(&path)? != file.bytes {
            return Ok(false);
        }
        if fs::metadata(&path)?.mode() & 0o777 != shared(file, group) {
            return Ok(false);
        }
    }
    Ok(left.is_empty())
}

fn list(root: &Path, below: &Path, into: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(root, &path, into)?;
        } else {
            into.insert(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// Makes a link for each name that can be seen, and takes away those that lead nowhere.
fn link_names(volume: &Path, files: &[File]) -> io::Result<()> {
    let first = |file: &File| file.path.as_str().split('/').next().map(OsString::from);
    let wanted: BTreeSet<OsString> = files.iter().filter_map(first).collect();
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name();
        if !entry.file_type()?.is_symlink() || name == DATA || name == NEW_DATA {
            continue;
        }
        if wanted.contains(&name) {
            there.insert(name);
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    for name in wanted.difference(&there) {
        symlink(Path::new(DATA).join(name), volume.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stanchion_node_core::volumes::SafePath;

    use super::*;

    fn file(path: &str, text: &str, mode: u32) -> File {
        let path = SafePath::parse(path).expect("a path");
        File { path, bytes: text.as_bytes().to_vec(), mode, user: None }
    }

    fn names(volume: &Path) -> Vec<String> {
        let entries = fs::read_dir(volume).expect("readable").map(|entry| entry.expect("an entry"));
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_as_a_whole_and_only_when_they_differ() {
        let dir = tempfile::tempdir().expect("a directory");
        let volume = dir.path().join("config");
        let first = [file("a", "1", 0o644), file("b/c", "2", 0o400)];
        assert!(write(&volume, &first, None, 7).expect("written"));
        assert_eq!(names(&volume), ["..7.0", "..data", "a", "b"]);
        assert_eq!(fs::read_to_string(volume.join("b/c")).expect("readable"), "2");
        let mode = fs::metadata(volume.join("b/c")).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o400);
        assert!(!write(&volume, &first, None, 8).expect("nothing to do"));

        let open = FsFile::open(volume.join("a")).expect("open");
        let second = [file("a", "1", 0o600), file("d", "3", 0o644)];
        assert!(write(&volume, &second, None, 7).expect("written"), "another mode is another file");
        assert_eq!(names(&volume), ["..7.1", "..data", "a", "d"]);
        assert_eq!(io::read_to_string(open).expect("readable"), "1", "who has it open keeps it");
        assert!(write(&volume, &[], None, 9).expect("written"));
        assert_eq!(names(&volume), ["..9.0", "..data"]);
    }
}
