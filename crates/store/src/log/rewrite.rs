//! Rewriting the log: what is still of use goes into new base segments, the rest is given back.
//!
//! The sealed part of the log, from its very beginning, is copied while writes go on behind it. Because
//! nothing older stays, a deletion that nobody can read any more can be dropped without the key coming
//! back. The new manifest makes the copy count at one moment; a crash before leaves the old files in
//! force, a crash after leaves old files that the next start removes.
//!
//! Compaction must not purge the index meanwhile: a key must not lose its deletion after its last write
//! was copied.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use stanchion_store_core::batch::{BATCH_HEADER_LEN, BatchHeader, SEGMENT_HEADER_LEN, SegmentHeader};
use stanchion_store_core::{Keyspace, Record};

use super::error::LogError;
use super::manifest::Manifest;
use super::read::{BatchError, BatchReader, Stored, records};
use super::segment::Segment;
use super::view::{Log, View};
use super::{BATCH_BYTES, RESERVE_STEP, SEGMENT_BYTES};
use crate::random;

/// Index entries that are moved under one lock.
const RELOCATE_STEP: usize = 128;

/// What a rewrite did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewriteOutcome {
    /// Bytes on disk before.
    pub before: u64,
    /// Bytes on disk after.
    pub after: u64,
}

/// A rewrite that failed.
#[derive(Debug)]
pub struct RewriteFailure {
    /// Why.
    pub error: LogError,
    /// The index points partly to the old segments and partly to the new ones. All can be read, but the store
    /// must not be rewritten again before it was opened anew.
    pub half_moved: bool,
}

impl From<LogError> for RewriteFailure {
    fn from(error: LogError) -> Self {
        Self { error, half_moved: false }
    }
}

/// Rewrites every segment before tail `first_tail`, which must all be sealed.
///
/// `head` is the state besides keys as it was when they were sealed.
pub fn rewrite(
    log: &Log,
    keyspace: &RwLock<Keyspace>,
    first_tail: u32,
    head: &[Record],
) -> Result<RewriteOutcome, RewriteFailure> {
    let before = log.on_disk();
    let view = log.view();
    let boundary = log.dir().join(Manifest::tail_name(first_tail));
    let sealed = view.ordered().iter().position(|segment| segment.path() == boundary);
    let sealed = &view.ordered()[..sealed.expect("the boundary is a segment of the log")];

    let generation = log.new_generation();
    let manifest = Manifest { generation, base: Vec::new(), first_tail, ..log.manifest() };
    let mut base = Base::new(log, manifest);
    let written = copy(sealed, keyspace, head, &mut base).and_then(|()| base.finish());
    let (manifest, segments) = match written {
        Ok(written) => written,
        Err((error, created)) => {
            remove(log, &created)?;
            return Err(error.into());
        }
    };
    // Should this fail, both the old and the new files stay: the next start finds out which are in force.
    Manifest::put_in_place(log.disk(), log.dir())?;
    log.set_manifest(manifest);
    log.change_view(|view| {
        let tails = view.ordered()[sealed.len()..].iter().cloned();
        View::of(segments.iter().cloned().chain(tails).collect()).also(sealed)
    });
    for segment in &segments {
        relocate(segment, keyspace).map_err(|error| RewriteFailure { error, half_moved: true })?;
    }
    log.change_view(|view| View::of(view.ordered().to_vec()));
    if let Err(error) = remove_old(log, sealed) {
        tracing::warn!(error = error.chain(), "cannot remove what was rewritten; the next start tries again");
    }
    Ok(RewriteOutcome { before, after: log.on_disk() })
}

/// An error, and the files that were made before it.
type Failed = (LogError, Vec<PathBuf>);

fn copy(
    sealed: &[Arc<Segment>],
    keyspace: &RwLock<Keyspace>,
    head: &[Record],
    base: &mut Base<'_>,
) -> Result<(), Failed> {
    for record in head {
        base.add(record).map_err(|error| (error, base.paths()))?;
    }
    for segment in sealed {
        copy_segment(segment, keyspace, base).map_err(|error| (error, base.paths()))?;
    }
    Ok(())
}

fn copy_segment(
    segment: &Arc<Segment>,
    keyspace: &RwLock<Keyspace>,
    base: &mut Base<'_>,
) -> Result<(), LogError> {
    for_each_batch(segment, |mut stored| {
        let keyspace = keyspace.read();
        stored.retain(|stored| is_of_use(stored, &keyspace));
        drop(keyspace);
        stored.iter().try_for_each(|stored| base.add(&stored.record))
    })
}

/// Whether the index points at the record. Other records are summed up in the head of the new log.
fn is_of_use(stored: &Stored, keyspace: &Keyspace) -> bool {
    stored.change().is_some_and(|(modified, key)| keyspace.index().points_at(key, modified, stored.location))
}

fn relocate(segment: &Arc<Segment>, keyspace: &RwLock<Keyspace>) -> Result<(), LogError> {
    for_each_batch(segment, |stored| {
        for chunk in stored.chunks(RELOCATE_STEP) {
            let mut keyspace = keyspace.write();
            for stored in chunk {
                if let Some((modified, key)) = stored.change() {
                    keyspace.relocate(key, modified, stored.location);
                }
            }
        }
        Ok(())
    })
}

fn for_each_batch(
    segment: &Arc<Segment>,
    mut each: impl FnMut(Vec<Stored>) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let mut reader = BatchReader::at(Arc::clone(segment), SEGMENT_HEADER_LEN as u64);
    loop {
        let batch = match reader.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => return Ok(()),
            Err(BatchError::Io(source)) => {
                return Err(LogError::Io { doing: "read", path: segment.path().to_owned(), source });
            }
            Err(BatchError::Damaged(problem)) => {
                let (path, offset) = (segment.path().to_owned(), reader.offset());
                return Err(LogError::Damaged { path, offset, problem: problem.to_owned() });
            }
        };
        let stored = records(segment.id(), batch).collect::<Result<Vec<_>, _>>().map_err(|bad| {
            LogError::Record { path: segment.path().to_owned(), offset: bad.offset, source: bad.error }
        })?;
        each(stored)?;
    }
}

/// Removes the segments that were rewritten, and those of rewrites that came to nothing.
fn remove_old(log: &Log, sealed: &[Arc<Segment>]) -> Result<(), LogError> {
    let manifest = log.manifest();
    let mut old: Vec<_> = sealed.iter().map(|segment| segment.path().to_owned()).collect();
    for path in log.disk().list(log.dir()).map_err(LogError::io("list", log.dir()))? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let in_force = (1..=manifest.base.len()).any(|n| manifest.base_name(n) == name);
        if name.starts_with("base-") && !in_force && !old.contains(&path) {
            old.push(path);
        }
    }
    remove(log, &old)
}

fn remove(log: &Log, paths: &[PathBuf]) -> Result<(), LogError> {
    for path in paths {
        log.disk().remove(path).map_err(LogError::io("remove", path))?;
    }
    log.disk().sync_dir(log.dir()).map_err(LogError::io("flush the directory", log.dir()))
}

/// The new base segments while they are written.
struct Base<'a> {
    log: &'a Log,
    manifest: Manifest,
    segments: Vec<Arc<Segment>>,
    sequence: u64,
    reserved: u64,
    batch: Vec<u8>,
    first: Option<stanchion_store_core::Revision>,
}

impl<'a> Base<'a> {
    fn new(log: &'a Log, manifest: Manifest) -> Self {
        let batch = vec![0; BATCH_HEADER_LEN];
        Self { log, manifest, segments: Vec::new(), sequence: 1, reserved: 0, batch, first: None }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.segments.iter().map(|segment| segment.path().to_owned()).collect()
    }

    fn add(&mut self, record: &Record) -> Result<(), LogError> {
        if self.first.is_none() {
            self.first = match record {
                Record::Put { kv, .. } => Some(kv.modified),
                Record::Delete { revision, .. } => Some(*revision),
                _ => None,
            };
        }
        record.encode(&mut self.batch);
        if self.batch.len() >= BATCH_BYTES { self.write_batch() } else { Ok(()) }
    }

    fn write_batch(&mut self) -> Result<(), LogError> {
        if self.batch.len() == BATCH_HEADER_LEN {
            return Ok(());
        }
        let segment = self.segment()?;
        let (path, offset) = (segment.path(), segment.end());
        let end = offset + self.batch.len() as u64;
        if end > self.reserved {
            self.reserved = end.next_multiple_of(RESERVE_STEP);
            segment.file().reserve(self.reserved).map_err(LogError::io("take room for", path))?;
        }
        let (head, payload) = self.batch.split_at_mut(BATCH_HEADER_LEN);
        head.copy_from_slice(&BatchHeader::of(payload, self.sequence, segment.header().salt).encode());
        segment.file().write_at(&self.batch, offset).map_err(LogError::io("write to", path))?;
        segment.extend(end, self.first.take());
        self.sequence += 1;
        self.batch.truncate(BATCH_HEADER_LEN);
        Ok(())
    }

    /// Returns the segment to write to, a new one when the last is full.
    fn segment(&mut self) -> Result<Arc<Segment>, LogError> {
        if let Some(last) = self.segments.last()
            && last.end() < SEGMENT_BYTES
        {
            return Ok(Arc::clone(last));
        }
        if let Some(full) = self.segments.last() {
            seal(full)?;
        }
        let path = self.log.dir().join(self.manifest.base_name(self.segments.len() + 1));
        let header = SegmentHeader { salt: random::u64(), first_sequence: self.sequence };
        let segment = Arc::new(Segment::create(self.log.disk(), path, self.log.new_id(), header)?);
        self.segments.push(Arc::clone(&segment));
        self.reserved = segment.end();
        Ok(segment)
    }

    /// Makes the segments durable and writes the manifest that will put them in force.
    fn finish(mut self) -> Result<(Manifest, Vec<Arc<Segment>>), Failed> {
        let flushed =
            self.write_batch().and_then(|()| self.segments.last().map_or(Ok(()), |last| seal(last)));
        let flushed = flushed.and_then(|()| {
            self.log
                .disk()
                .sync_dir(self.log.dir())
                .map_err(LogError::io("flush the directory", self.log.dir()))
        });
        self.manifest.base = self.segments.iter().map(|segment| segment.end()).collect();
        match flushed.and_then(|()| self.manifest.write_beside(self.log.disk(), self.log.dir())) {
            Ok(()) => Ok((self.manifest, self.segments)),
            Err(error) => Err((error, self.paths())),
        }
    }
}

fn seal(segment: &Segment) -> Result<(), LogError> {
    segment.file().truncate(segment.end()).map_err(LogError::io("cut", segment.path()))?;
    segment.file().sync_data().map_err(LogError::io("flush", segment.path()))
}
