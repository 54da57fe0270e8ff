//! Files that are replaced together: all of them, or none.
//!
//! First all new ones are written beside the old, then the old get a second name in a directory with the date, and only then
//! the new ones take their places. If one cannot, those before it are put back.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use stanchion_machinery::time::format_seconds;
use tempfile::NamedTempFile;
use thiserror::Error;

/// Files that could not be replaced.
#[derive(Debug, Error)]
pub enum SwapError {
    /// Nothing has been replaced.
    #[error("cannot {what} {path}; all files are as they were")]
    Before {
        /// What was being done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it could not be.
        #[source]
        source: io::Error,
    },
    /// One could not be replaced, and what had been was not put back wholly.
    #[error("cannot replace {path}, and these could not be put back: {}; the old ones are in {kept}", .left.join(", "))]
    Half {
        /// What could not be replaced.
        path: PathBuf,
        /// What is new though it should not be.
        left: Vec<String>,
        /// Where the old ones are.
        kept: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Files that are to be replaced.
#[derive(Debug)]
pub(super) struct Swap {
    /// The name of the directories for old files.
    kept: String,
    files: Vec<New>,
}

#[derive(Debug)]
struct New {
    path: PathBuf,
    part: NamedTempFile,
    text: Vec<u8>,
}

impl Swap {
    pub(super) fn new(now: i64) -> Self {
        Self { kept: format!("old-{}", format_seconds(now).replace([':', '-'], "")), files: Vec::new() }
    }

    /// Returns what a file will hold: two users may be in one kubeconfig.
    pub(super) fn text(&self, path: &Path) -> Result<String, SwapError> {
        let real = real(path)?;
        if let Some(new) = self.files.iter().find(|new| new.path == real) {
            return Ok(String::from_utf8_lossy(&new.text).into_owned());
        }
        fs::read_to_string(&real).map_err(failed("read", &real))
    }

    /// Writes what is to take the place of a file, with the same owner and rights.
    pub(super) fn add(&mut self, path: &Path, text: &[u8]) -> Result<(), SwapError> {
        let path = real(path)?;
        let failed = |source| SwapError::Before { what: "write beside", path: path.clone(), source };
        let parent = path.parent().unwrap_or(Path::new("/"));
        let old = fs::metadata(&path).map_err(failed)?;
        let mut part = NamedTempFile::new_in(parent).map_err(failed)?;
        let file = part.as_file_mut();
        fchown(&*file, Some(old.uid()), Some(old.gid())).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(old.mode() & 0o7777)).map_err(failed)?;
        file.write_all(text).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        self.files.retain(|new| new.path != path);
        self.files.push(New { path, part, text: text.to_vec() });
        Ok(())
    }

    /// Replaces all files, and returns where the old ones are kept.
    pub(super) fn commit(self) -> Result<Vec<PathBuf>, SwapError> {
        let mut kept: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut folders = Vec::new();
        for New { path, .. } in &self.files {
            if let Err(error) = keep(path, &self.kept, &mut kept, &mut folders) {
                forget(&kept, &folders);
                return Err(error);
            }
        }
        let mut replaced = 0;
        let mut files = self.files;
        while let Some(New { path, part, .. }) = files.pop() {
            if let Err(error) = part.persist(&path) {
                let done = &kept[kept.len() - replaced..];
                let left = put_back(done);
                if left.is_empty() {
                    forget(&kept, &folders);
                    return Err(SwapError::Before { what: "replace", path, source: error.error });
                }
                return Err(SwapError::Half { path, left, kept: self.kept, source: error.error });
            }
            replaced += 1;
        }
        for folder in &folders {
            let parent = folder.parent().unwrap_or(Path::new("/"));
            // The files are there; only a loss of power now could take them back.
            if let Err(error) = File::open(parent).and_then(|folder| folder.sync_all()) {
                tracing::warn!(path = %parent.display(), %error, "a directory could not be flushed");
            }
        }
        Ok(folders)
    }
}

/// Gives an old file a second name. The name ends with `.old`, so that nobody takes it for a certificate in use.
fn keep(
    path: &Path,
    kept: &str,
    done: &mut Vec<(PathBuf, PathBuf)>,
    folders: &mut Vec<PathBuf>,
) -> Result<(), SwapError> {
    let folder = path.parent().unwrap_or(Path::new("/")).join(kept);
    if !folders.contains(&folder) {
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed("make", &folder))?;
        folders.push(folder.clone());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".old");
    let old = folder.join(name);
    fs::hard_link(path, &old).map_err(failed("keep", path))?;
    done.push((path.to_owned(), old));
    Ok(())
}

/// Puts old files back in their places; returns those that could not be.
fn put_back(files: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let mut left = Vec::new();
    for (path, old) in files {
        let again = old.with_extension("again");
        if fs::hard_link(old, &again).and_then(|()| fs::rename(&again, path)).is_err() {
            left.push(path.display().to_string());
        }
    }
    left
}

/// Removes the second names, where nothing was replaced.
fn forget(kept: &[(PathBuf, PathBuf)], folders: &[PathBuf]) {
    let files = kept.iter().map(|(_, old)| fs::remove_file(old));
    let folders = folders.iter().map(fs::remove_dir);
    for error in files.chain(folders).filter_map(Result::err) {
        tracing::warn!(%error, "a second name of a file is left");
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> SwapError {
    let path = path.to_owned();
    move |source| SwapError::Before { what, path: path.clone(), source }
}

/// Returns the file behind links: the link stays.
fn real(path: &Path) -> Result<PathBuf, SwapError> {
    fs::canonicalize(path).map_err(failed("find", path))
}
