//! A file layer that fails on demand, over the real one.
//!
//! It also remembers what was flushed, so that a test can see what a power loss would leave.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, RealDisk};

/// What goes wrong next. Each fault stays until it is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reserving room fails: the disk is full.
    pub full: bool,
    /// A write stops after this many bytes and fails.
    pub short_write: Option<usize>,
    /// Flushing fails.
    pub sync: bool,
    /// Reading fails.
    pub read: bool,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    /// What was written to each file since it was last flushed: offset and the bytes before.
    unflushed: HashMap<PathBuf, Vec<(u64, Vec<u8>)>>,
}

/// The real disk with faults.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    /// Sets what goes wrong from now on.
    pub fn set(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Undoes every write that was not flushed, newest first: what a power loss does at its worst.
    ///
    /// The store over this disk must be gone.
    pub fn lose_power(&self) -> io::Result<()> {
        let unflushed = std::mem::take(&mut self.0.lock().unflushed);
        for (path, writes) in unflushed {
            let file = RealDisk.open(&path)?;
            for (offset, before) in writes.into_iter().rev() {
                file.write_at(&before, offset)?;
            }
        }
        Ok(())
    }

    fn wrap(&self, path: &Path, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { path: path.to_owned(), inner, state: Arc::clone(&self.0) })
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.0.lock().faults.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.wrap(path, RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.open(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unflushed.remove(path);
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

#[derive(Debug)]
struct FaultyFile {
    path: PathBuf,
    inner: Box<dyn DiskFile>,
    state: Arc<Mutex<State>>,
}

impl FaultyFile {
    fn remember(&self, length: usize, offset: u64) -> io::Result<()> {
        let end = self.inner.length()?;
        let old = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(length);
        let mut before = vec![0; length];
        self.inner.read_at(&mut before[..old], offset)?;
        self.state.lock().unflushed.entry(self.path.clone()).or_default().push((offset, before));
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let short = self.state.lock().faults.short_write;
        let length = short.map_or(bytes.len(), |short| short.min(bytes.len()));
        self.remember(length, offset)?;
        self.inner.write_at(&bytes[..length], offset)?;
        if short.is_some() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if self.state.lock().faults.read {
            return Err(io::Error::other("injected read error"));
        }
        self.inner.read_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.faults.sync {
            return Err(io::Error::other("injected flush error"));
        }
        state.unflushed.remove(&self.path);
        drop(state);
        self.inner.sync_data()
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        if self.state.lock().faults.full && length > self.inner.length()? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.reserve(length)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }
}
