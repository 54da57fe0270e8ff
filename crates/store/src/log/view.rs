//! Which segments there are, for readers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};
use stanchion_store_core::{KeyValue, Location, Pairs, StoreError};

use super::manifest::Manifest;
use super::segment::Segment;
use crate::disk::Disk;

/// The segments at one moment; they stay readable as long as somebody holds the view.
#[derive(Clone, Debug, Default)]
pub struct View {
    ordered: Vec<Arc<Segment>>,
    by_id: HashMap<u32, Arc<Segment>>,
}

impl View {
    /// Makes a view of segments in the order of the log.
    pub fn of(ordered: Vec<Arc<Segment>>) -> Self {
        let by_id = ordered.iter().map(|segment| (segment.id(), Arc::clone(segment))).collect();
        Self { ordered, by_id }
    }

    /// Returns the segments in the order of the log.
    pub fn ordered(&self) -> &[Arc<Segment>] {
        &self.ordered
    }

    /// Adds segments that locations point to while they are not, or no longer, part of the log.
    #[must_use]
    pub fn also(mut self, others: &[Arc<Segment>]) -> Self {
        self.by_id.extend(others.iter().map(|segment| (segment.id(), Arc::clone(segment))));
        self
    }

    /// Adds the segments of another view, for locations that were read while that one was in force.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        self.by_id.extend(other.by_id.iter().map(|(id, segment)| (*id, Arc::clone(segment))));
        self
    }

    /// Returns the bytes that count, over all segments of the log.
    pub fn bytes(&self) -> u64 {
        self.ordered.iter().map(|segment| segment.end()).sum()
    }

    /// Reads the pair at `location`. See [`Pairs`].
    pub fn pair(&self, location: Location) -> Result<KeyValue, StoreError> {
        let segment = self.segment(location)?;
        segment.pair(segment.read(location)?, location)
    }

    /// Returns the segment that `location` names.
    pub fn segment(&self, location: Location) -> Result<&Arc<Segment>, StoreError> {
        self.by_id.get(&location.segment).ok_or_else(|| {
            StoreError::CorruptRecord(format!(
                "the index names segment {}, which is not open",
                location.segment
            ))
        })
    }
}

impl Pairs for View {
    fn read(&self, at: Location) -> Result<KeyValue, StoreError> {
        self.pair(at)
    }
}

/// The log that everybody shares.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    view: RwLock<Arc<View>>,
    /// Changed only by a rewrite, of which there is one at a time.
    manifest: Mutex<Manifest>,
    next_id: AtomicU32,
    next_generation: AtomicU32,
}

impl Log {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        manifest: Manifest,
        view: View,
        next_id: u32,
    ) -> Self {
        let next_generation = AtomicU32::new(manifest.generation + 1);
        Self {
            disk,
            dir,
            view: RwLock::new(Arc::new(view)),
            manifest: Mutex::new(manifest),
            next_id: AtomicU32::new(next_id),
            next_generation,
        }
    }

    /// Returns the segments as they are now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Returns the file layer.
    pub fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// Returns the directory of the log.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> Manifest {
        self.manifest.lock().clone()
    }

    /// Remembers the manifest that is in force.
    pub(super) fn set_manifest(&self, manifest: Manifest) {
        *self.manifest.lock() = manifest;
    }

    /// Returns a number for a rewrite that no rewrite had, whether it succeeded or not.
    pub(super) fn new_generation(&self) -> u32 {
        self.next_generation.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the bytes on disk that count, space that a rewrite would free included.
    pub fn on_disk(&self) -> u64 {
        self.view.read().bytes()
    }

    /// Returns an id that no segment has or had.
    pub(super) fn new_id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Replaces the view by what `change` makes of it.
    pub(super) fn change_view(&self, change: impl FnOnce(&View) -> View) {
        let mut view = self.view.write();
        *view = Arc::new(change(&view));
    }
}
