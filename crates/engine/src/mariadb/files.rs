//! Which data directory counts, after whatever crash.
//!
//! A data directory becomes the instance's by one rename, after all in it is on the disk. Replacing one takes two renames;
//! the one that is replaced goes only when both are durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::layout::Layout;

/// What is on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// No data directory: the instance is to be initialized, or made from a copy.
    Absent,
    /// A whole data directory.
    Present,
}

/// Files that could not be handled.
#[derive(Debug, Error)]
#[error("cannot {what} {}", path.display())]
pub struct FilesError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FilesError {
    pub(crate) fn new(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { what, path, source }
    }
}

/// Finishes or undoes what a crash interrupted, and says what there is. Blocks for as long as it takes to remove files.
///
/// No server may run on the volume.
pub fn settle(layout: &Layout) -> Result<Files, FilesError> {
    let (data, ready, old) = (layout.data(), layout.ready(), layout.old());
    remove(layout.making().root())?;
    if data.exists() {
        // A copy that was ready was not yet in place, so what it was to replace still counts.
        remove(&ready)?;
        remove(&old)?;
        return Ok(Files::Present);
    }
    for candidate in [&ready, &old] {
        if candidate.exists() {
            put(candidate, &data)?;
            remove(&old)?;
            return Ok(Files::Present);
        }
    }
    Ok(Files::Absent)
}

/// Makes an empty place to make a data directory in.
pub(crate) fn clear_making(layout: &Layout) -> Result<Layout, FilesError> {
    let making = layout.making();
    remove(making.root())?;
    create(making.root())?;
    create(&making.temporary())?;
    Ok(making)
}

/// Makes the data directory that was made the instance's, which must have none.
pub(crate) fn adopt(layout: &Layout) -> Result<(), FilesError> {
    let made = layout.making().data();
    sync_all(&made)?;
    put(&made, &layout.data())?;
    remove(layout.making().root())
}

/// Makes the data directory that was made the instance's, instead of the one it has.
pub(crate) fn replace(layout: &Layout) -> Result<(), FilesError> {
    let (data, ready, old) = (layout.data(), layout.ready(), layout.old());
    let made = layout.making().data();
    sync_all(&made)?;
    remove(&ready)?;
    put(&made, &ready)?;
    if data.exists() {
        remove(&old)?;
        put(&data, &old)?;
    }
    put(&ready, &data)?;
    remove(&old)?;
    remove(layout.making().root())
}

/// Creates a directory that only its owner may read, if it is not there.
pub(crate) fn create(path: &Path) -> Result<(), FilesError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FilesError::new("create", path))
}

/// Removes a directory and all in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FilesError::new("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file so that after a crash there is the old one or the new one. Only its owner may read it.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), FilesError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let new = path.with_extension("new");
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(FilesError::new("write", path))?;
    sync_parent(path)
}

/// Renames, durably.
pub(crate) fn put(from: &Path, to: &Path) -> Result<(), FilesError> {
    fs::rename(from, to).map_err(FilesError::new("put in place", from))?;
    sync_parent(to)?;
    sync_parent(from)
}

/// Writes everything of the file system below a directory to the disk: files of a copy are too many for one call each.
fn sync_all(path: &Path) -> Result<(), FilesError> {
    let sync = || {
        let directory = File::open(path)?;
        rustix::fs::syncfs(&directory)?;
        directory.sync_all()
    };
    sync().map_err(FilesError::new("write to disk", path))
}

fn sync_parent(path: &Path) -> Result<(), FilesError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(FilesError::new("write to disk", parent))
}

#[cfg(test)]
mod tests;
