//! One file of the log.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use stanchion_store_core::batch::{SEGMENT_HEADER_LEN, SegmentHeader};
use stanchion_store_core::{KeyValue, Location, Record, Revision, StoreError};

use super::error::LogError;
use crate::disk::{Disk, DiskFile};

/// A mark in the list of revisions is set about every this many bytes.
const MARK_EVERY: u64 = 64 * 1024;

/// A batch that begins with a change at or after `revision`, and after all smaller ones.
#[derive(Clone, Copy, Debug)]
struct Mark {
    revision: Revision,
    offset: u64,
}

/// An open segment.
#[derive(Debug)]
pub struct Segment {
    id: u32,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    header: SegmentHeader,
    /// Bytes that are written and flushed.
    len: AtomicU64,
    /// Where to begin to read for a revision; sparse, ascending.
    marks: Mutex<Vec<Mark>>,
}

impl Segment {
    /// Creates an empty segment, durable but for its directory entry.
    pub fn create(disk: &dyn Disk, path: PathBuf, id: u32, header: SegmentHeader) -> Result<Self, LogError> {
        let file = disk.create(&path).map_err(LogError::io("create", &path))?;
        if let Err(error) = write_header(file.as_ref(), &path, header) {
            // What is left of it would be in the way of the next try.
            disk.remove(&path).map_err(LogError::io("remove", &path))?;
            return Err(error);
        }
        Ok(Self::over(file, path, id, header))
    }

    /// Opens a segment and reads its header; the rest is up to the reader.
    pub fn open(disk: &dyn Disk, path: PathBuf, id: u32) -> Result<Self, LogError> {
        if !path.exists() {
            return Err(LogError::MissingSegment { path });
        }
        let file = disk.open(&path).map_err(LogError::io("open", &path))?;
        let length = file.length().map_err(LogError::io("read", &path))?;
        let mut head = vec![0; SEGMENT_HEADER_LEN.min(usize::try_from(length).unwrap_or(SEGMENT_HEADER_LEN))];
        file.read_at(&mut head, 0).map_err(LogError::io("read", &path))?;
        match SegmentHeader::decode(&head) {
            Ok(header) => Ok(Self::over(file, path, id, header)),
            Err(source) => Err(LogError::Header { path, source }),
        }
    }

    fn over(file: Box<dyn DiskFile>, path: PathBuf, id: u32, header: SegmentHeader) -> Self {
        let len = AtomicU64::new(SEGMENT_HEADER_LEN as u64);
        Self { id, path, file, header, len, marks: Mutex::default() }
    }

    /// Returns the id that locations carry.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the head of the file.
    pub fn header(&self) -> SegmentHeader {
        self.header
    }

    /// Returns the file.
    pub fn file(&self) -> &dyn DiskFile {
        self.file.as_ref()
    }

    /// Returns how many bytes count.
    pub fn end(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Makes bytes count that are written and flushed. `first` is the first change in them.
    pub fn extend(&self, to: u64, first: Option<Revision>) {
        let offset = self.end();
        if let Some(revision) = first {
            let mut marks = self.marks.lock();
            if marks.last().is_none_or(|mark| offset >= mark.offset + MARK_EVERY) {
                marks.push(Mark { revision, offset });
            }
        }
        self.len.store(to, Ordering::Release);
    }

    /// Returns where to begin to read for changes at or after `revision`, if some mark is at or before it.
    pub fn offset_of(&self, revision: Revision) -> Option<u64> {
        let marks = self.marks.lock();
        let after = marks.partition_point(|mark| mark.revision <= revision);
        after.checked_sub(1).map(|at| marks[at].offset)
    }

    /// Reads the record at `location`.
    pub fn read(&self, location: Location) -> Result<Record, StoreError> {
        let mut bytes = vec![0; location.len as usize];
        self.file.read_at(&mut bytes, u64::from(location.offset)).map_err(|error| {
            StoreError::CorruptRecord(format!("{}: offset {}: {error}", self.path.display(), location.offset))
        })?;
        self.decode(&mut Bytes::from(bytes), location)
    }

    /// Decodes the record at the front of `bytes`, which stands at `location`.
    pub fn decode(&self, bytes: &mut Bytes, location: Location) -> Result<Record, StoreError> {
        Record::decode(bytes).map_err(|error| {
            StoreError::CorruptRecord(format!("{}: offset {}: {error}", self.path.display(), location.offset))
        })
    }

    /// Returns the pair that a record holds.
    pub fn pair(&self, record: Record, location: Location) -> Result<KeyValue, StoreError> {
        match record {
            Record::Put { kv, .. } => Ok(kv),
            _ => Err(StoreError::CorruptRecord(format!(
                "{}: offset {}: the record is no pair",
                self.path.display(),
                location.offset
            ))),
        }
    }
}

fn write_header(file: &dyn DiskFile, path: &Path, header: SegmentHeader) -> Result<(), LogError> {
    file.reserve(SEGMENT_HEADER_LEN as u64).map_err(LogError::io("take room for", path))?;
    file.write_at(&header.encode(), 0).map_err(LogError::io("write", path))?;
    file.sync_data().map_err(LogError::io("flush", path))
}
