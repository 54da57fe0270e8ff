//! A disk that keeps a copy of the directory after every step, and refuses the steps that a test names.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stanchion_store::disk::{Disk, DiskFile, RealDisk};
use tempfile::TempDir;

use crate::scene::image;

/// A step that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Reserve,
    Write,
    Rename,
    Remove,
}

#[derive(Debug, Default)]
struct State {
    dir: PathBuf,
    copies: Option<Vec<TempDir>>,
    refused: Option<(Step, &'static str)>,
}

/// The real disk, step by step.
#[derive(Clone, Debug)]
pub(crate) struct StepDisk(Arc<Mutex<State>>);

impl StepDisk {
    pub(crate) fn new(dir: &Path) -> Self {
        Self(Arc::new(Mutex::new(State { dir: dir.to_owned(), ..State::default() })))
    }

    /// Keeps a copy after every step from now on.
    pub(crate) fn record(&self) {
        self.0.lock().copies = Some(Vec::new());
    }

    pub(crate) fn recorded(&self) -> Vec<TempDir> {
        self.0.lock().copies.take().expect("it was recorded")
    }

    /// Refuses a step on files whose names begin so: the disk is full.
    pub(crate) fn refuse(&self, refused: Option<(Step, &'static str)>) {
        self.0.lock().refused = refused;
    }

    fn take<T>(&self, step: Step, path: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if state.refused.is_some_and(|(refused, prefix)| refused == step && name.starts_with(prefix)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let done = act()?;
        let dir = state.dir.clone();
        if let Some(copies) = &mut state.copies {
            copies.push(image(&dir));
        }
        Ok(done)
    }

    fn wrap(&self, path: &Path, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(StepFile { path: path.to_owned(), inner, disk: self.clone() })
    }
}

impl Disk for StepDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.take(Step::Create, path, || RealDisk.create(path))?;
        Ok(self.wrap(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.open(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.take(Step::Rename, to, || RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.take(Step::Remove, path, || RealDisk.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

#[derive(Debug)]
struct StepFile {
    path: PathBuf,
    inner: Box<dyn DiskFile>,
    disk: StepDisk,
}

impl DiskFile for StepFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.take(Step::Write, &self.path, || self.inner.write_at(bytes, offset))
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.disk.take(Step::Reserve, &self.path, || self.inner.reserve(length))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }
}
