//! The appender: gathers records into a batch and makes it durable. There is one, in the writer thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stanchion_store_core::batch::{BATCH_HEADER_LEN, BatchHeader, SegmentHeader};
use stanchion_store_core::{Journal, KeyValue, Location, Pairs, Record, Revision, StoreError};

use bytes::Bytes;

use super::error::LogError;
use super::manifest::Manifest;
use super::segment::Segment;
use super::view::{Log, View};
use super::{RESERVE_STEP, SEGMENT_BYTES};
use crate::random;

/// The growing end of the log.
#[derive(Debug)]
pub struct Appender {
    log: Arc<Log>,
    segment: Arc<Segment>,
    /// The number of the tail segment that grows.
    number: u32,
    sequence: u64,
    /// Up to where the file is known to have room.
    reserved: u64,
    /// The batch that is gathered: room for a header, then records.
    batch: Vec<u8>,
    /// The first change in it.
    first: Option<Revision>,
}

impl Appender {
    pub(super) fn new(log: Arc<Log>, segment: Arc<Segment>, number: u32, sequence: u64) -> Self {
        let reserved = segment.end();
        let batch = vec![0; BATCH_HEADER_LEN];
        Self { log, segment, number, sequence, reserved, batch, first: None }
    }

    /// Returns the log that this is the end of.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Returns how many batches the log has ever had.
    pub fn batches(&self) -> u64 {
        self.sequence - 1
    }

    /// Returns the bytes of records that are gathered.
    pub fn pending(&self) -> usize {
        self.batch.len() - BATCH_HEADER_LEN
    }

    /// Makes sure that `bytes` more of records will fit on the disk.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), LogError> {
        let needed = self.segment.end() + self.batch.len() as u64 + bytes;
        if needed > self.reserved {
            let target = needed.next_multiple_of(RESERVE_STEP);
            let path = self.segment.path();
            self.segment.file().reserve(target).map_err(LogError::io("take room for", path))?;
            self.reserved = target;
        }
        Ok(())
    }

    /// Writes the batch and flushes it; returns how long the flush took, or nothing for an empty batch.
    ///
    /// After an error the state of the disk is unknown, and nothing more may be appended.
    pub fn commit(&mut self) -> Result<Option<Duration>, LogError> {
        if self.pending() == 0 {
            return Ok(None);
        }
        let (head, payload) = self.batch.split_at_mut(BATCH_HEADER_LEN);
        let header = BatchHeader::of(payload, self.sequence, self.segment.header().salt);
        head.copy_from_slice(&header.encode());
        let (offset, path) = (self.segment.end(), self.segment.path());
        self.segment.file().write_at(&self.batch, offset).map_err(LogError::io("write to", path))?;
        let begin = Instant::now();
        self.segment.file().sync_data().map_err(LogError::io("flush", path))?;
        let took = begin.elapsed();
        self.segment.extend(offset + self.batch.len() as u64, self.first.take());
        self.sequence += 1;
        self.batch.truncate(BATCH_HEADER_LEN);
        // One large request must not hold its memory for ever.
        self.batch.shrink_to(4 * super::BATCH_BYTES);
        Ok(Some(took))
    }

    /// Begins a new segment if the current one is full. Nothing may be pending.
    pub fn roll_if_full(&mut self) -> Result<(), LogError> {
        if self.segment.end() < SEGMENT_BYTES { Ok(()) } else { self.roll() }
    }

    /// Seals the current segment and begins a new one. Nothing may be pending.
    pub fn roll(&mut self) -> Result<(), LogError> {
        debug_assert_eq!(self.pending(), 0, "a batch belongs to one segment");
        let number = self.number + 1;
        let path = self.log.dir().join(Manifest::tail_name(number));
        let header = SegmentHeader { salt: random::u64(), first_sequence: self.sequence };
        let created =
            Segment::create(self.log.disk(), path.clone(), self.log.new_id(), header).and_then(|segment| {
                self.log
                    .disk()
                    .sync_dir(self.log.dir())
                    .map_err(LogError::io("flush the directory", self.log.dir()))?;
                Ok(segment)
            });
        let segment = match created {
            Ok(segment) => Arc::new(segment),
            Err(error) => {
                // A file without a whole header would be in the way of the next try.
                if path.exists() {
                    self.log.disk().remove(&path).map_err(LogError::io("remove", &path))?;
                }
                return Err(error);
            }
        };
        if let Err(error) = self.give_back_room() {
            // Zeros behind the last batch are no damage.
            tracing::warn!(error = error.chain(), "cannot give back the unused room of a full segment");
        }
        self.log.change_view(|view| {
            let mut ordered = view.ordered().to_vec();
            ordered.push(Arc::clone(&segment));
            View::of(ordered)
        });
        self.reserved = segment.end();
        self.segment = segment;
        self.number = number;
        Ok(())
    }

    /// Returns the number of the segment that grows.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Cuts off the room that was taken and not used.
    pub fn give_back_room(&mut self) -> Result<(), LogError> {
        let (len, path) = (self.segment.end(), self.segment.path());
        self.segment.file().truncate(len).map_err(LogError::io("cut", path))?;
        self.reserved = len;
        Ok(())
    }

    /// Returns where a record that begins at `at` in the batch will stand.
    fn location(&self, at: usize, len: usize) -> Location {
        let offset = self.segment.end() + at as u64;
        Location {
            segment: self.segment.id(),
            offset: u32::try_from(offset).expect("a segment ends soon after 64 MiB"),
            len: u32::try_from(len).expect("a record is shorter than its segment"),
        }
    }
}

impl Journal for Appender {
    fn append(&mut self, record: &Record) -> Location {
        let at = self.batch.len();
        if self.first.is_none() {
            self.first = match record {
                Record::Put { kv, .. } => Some(kv.modified),
                Record::Delete { revision, .. } => Some(*revision),
                _ => None,
            };
        }
        let len = record.encode(&mut self.batch);
        self.location(at, len)
    }
}

impl Pairs for Appender {
    fn read(&self, at: Location) -> Result<KeyValue, StoreError> {
        let pending = u64::from(at.offset).checked_sub(self.segment.end());
        match pending {
            Some(from) if at.segment == self.segment.id() => {
                let from = usize::try_from(from).expect("it is inside the batch");
                let mut bytes = Bytes::copy_from_slice(&self.batch[from..from + at.len as usize]);
                self.segment.pair(self.segment.decode(&mut bytes, at)?, at)
            }
            Some(_) | None => self.log.view().pair(at),
        }
    }
}
