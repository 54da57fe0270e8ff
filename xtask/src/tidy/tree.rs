//! What the checks look at: the files of the repository and the packages of its workspace, read once.
//!
//! Files are those git tracks and those it would (not ignored); in an unpacked archive, which has no `.git`,
//! every file outside `target` folders. Paths are relative to the root and use `/`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::metadata::{self, Package};

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, File>,
    pub(super) packages: Vec<Package>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// `None` where the content is not UTF-8.
    pub(super) text: Option<String>,
    pub(super) executable: bool,
}

impl Tree {
    /// Reads the workspace that `dir` belongs to.
    pub(super) fn load(dir: &Path) -> Result<Self> {
        let workspace = metadata::load(dir)?;
        let mut files = BTreeMap::new();
        for path in paths(&workspace.root)? {
            if let Some(file) = read(&workspace.root.join(&path))? {
                files.insert(path, file);
            }
        }
        Ok(Self { files, packages: workspace.packages })
    }

    /// Iterates over the text files, by path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, file)| Some((path.as_str(), file.text.as_deref()?)))
    }

    /// Iterates over the text files whose name ends in `.rs`, by path.
    pub(super) fn rust_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| has_extension(path, "rs"))
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Says whether `path` is a file or a folder with a file in it. The root is a folder.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(found, _)| found.starts_with(&folder))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of plain, not executable text files.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, text)| (path.to_owned(), File { text: Some(text.to_owned()), executable: false }));
        Self { files: files.collect(), packages: Vec::new() }
    }

    pub(super) fn with_package(mut self, package: Package) -> Self {
        self.packages.push(package);
        self
    }
}

pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Says whether a Rust source holds tests only: `tests.rs`, or anything in a folder named `tests`.
pub(super) fn is_test_source(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn paths(root: &Path) -> Result<Vec<String>> {
    if root.join(".git").exists() {
        return tracked(root);
    }
    let mut found = Vec::new();
    walk(root, Path::new(""), &mut found)?;
    Ok(found)
}

fn tracked(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        // A checkout mounted into a container belongs to another user, which git would refuse to read.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot start git to list the repository's files")?;
    if !output.status.success() {
        bail!("git ls-files: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let listing = String::from_utf8(output.stdout).context("a tracked file's name is not UTF-8")?;
    Ok(listing.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) -> Result<()> {
    let here = root.join(folder);
    for entry in fs::read_dir(&here).with_context(|| format!("cannot list {}", here.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", here.display()))?;
        let path: PathBuf = folder.join(entry.file_name());
        let kind = entry.file_type().with_context(|| format!("cannot look at {}", path.display()))?;
        if kind.is_dir() {
            if entry.file_name() != "target" {
                walk(root, &path, found)?;
            }
        } else if let Some(path) = path.to_str() {
            found.push(path.to_owned());
        } else {
            bail!("the name of {} is not UTF-8", path.display());
        }
    }
    Ok(())
}

/// Reads one file; `None` where it is gone (deleted but still in git's index) or not a regular file.
fn read(path: &Path) -> Result<Option<File>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let executable = metadata.permissions().mode() & 0o111 != 0;
    Ok(Some(File { text: String::from_utf8(bytes).ok(), executable }))
}

#[cfg(test)]
mod tests;
