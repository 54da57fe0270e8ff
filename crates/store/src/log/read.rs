//! Reading segments from front to back.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use stanchion_store_core::batch::{BATCH_HEADER_LEN, BatchHeader, SEGMENT_HEADER_LEN};
use stanchion_store_core::record::{RecordError, frame_len};
use stanchion_store_core::{Location, Record, Revision, StoreError};

use super::segment::Segment;
use super::view::View;

/// Bytes that are read at once.
const WINDOW: usize = 512 * 1024;

/// A whole batch.
#[derive(Debug)]
pub struct Batch {
    /// Where its header begins.
    pub offset: u64,
    /// Its header.
    pub header: BatchHeader,
    /// Its records.
    pub payload: Bytes,
}

/// Why a batch cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The operating system refused to read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No batch that fits stands here.
    #[error("{0}")]
    Damaged(&'static str),
}

/// Reads the batches of a segment in order.
#[derive(Debug)]
pub struct BatchReader {
    segment: Arc<Segment>,
    offset: u64,
    until: u64,
    next_sequence: Option<u64>,
    window: Vec<u8>,
    window_at: u64,
}

impl BatchReader {
    /// Reads what counts of `segment`, from the batch at `offset` on.
    pub fn at(segment: Arc<Segment>, offset: u64) -> Self {
        let until = segment.end();
        Self { segment, offset, until, next_sequence: None, window: Vec::new(), window_at: 0 }
    }

    /// Reads a segment of which it is not known yet how much counts: all of the file, from the first batch on.
    pub fn whole_file(segment: Arc<Segment>) -> io::Result<Self> {
        let until = segment.file().length()?;
        let next_sequence = Some(segment.header().first_sequence);
        let offset = SEGMENT_HEADER_LEN as u64;
        Ok(Self { segment, offset, until, next_sequence, window: Vec::new(), window_at: 0 })
    }

    /// Returns where the next batch begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the sequence number that the next batch has to have.
    pub fn next_sequence(&self) -> Option<u64> {
        self.next_sequence
    }

    /// Returns the segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Reads the next batch; nothing at the end.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, BatchError> {
        if self.offset >= self.until {
            return Ok(None);
        }
        let salt = self.segment.header().salt;
        let head = self.bytes(self.offset, BATCH_HEADER_LEN)?;
        let Some(header) = BatchHeader::decode(head, salt) else {
            return Err(BatchError::Damaged("no batch header stands here"));
        };
        if self.next_sequence.is_some_and(|expected| header.sequence != expected) {
            return Err(BatchError::Damaged("the batch is out of sequence"));
        }
        if self.offset + header.batch_len() > self.until {
            return Err(BatchError::Damaged("the batch is cut short"));
        }
        let length = header.payload_len as usize;
        let offset = self.offset;
        let payload = self.bytes(offset + BATCH_HEADER_LEN as u64, length)?;
        if BatchHeader::of(payload, header.sequence, salt) != header {
            return Err(BatchError::Damaged("the batch's checksum does not fit"));
        }
        let batch = Batch { offset, header, payload: Bytes::copy_from_slice(payload) };
        self.offset += header.batch_len();
        self.next_sequence = Some(header.sequence + 1);
        Ok(Some(batch))
    }

    /// Returns `length` bytes from `offset`, fewer only at the end of the file.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = (offset + length as u64).min(self.until);
        let window_end = self.window_at + self.window.len() as u64;
        if offset < self.window_at || end > window_end {
            let wanted = (end - offset).max((WINDOW as u64).min(self.until - offset));
            self.window.resize(usize::try_from(wanted).map_err(io::Error::other)?, 0);
            self.window_at = offset;
            self.segment.file().read_at(&mut self.window, offset)?;
        }
        let from = usize::try_from(offset - self.window_at).map_err(io::Error::other)?;
        let to = usize::try_from(end - self.window_at).map_err(io::Error::other)?;
        Ok(&self.window[from..to])
    }
}

/// A record and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// Its place.
    pub location: Location,
}

impl Stored {
    /// Returns the revision and key, if the record is a change.
    pub fn change(&self) -> Option<(Revision, &Bytes)> {
        match &self.record {
            Record::Put { kv, .. } => Some((kv.modified, &kv.key)),
            Record::Delete { revision, key, .. } => Some((*revision, key)),
            _ => None,
        }
    }
}

/// A record of a whole batch that is damaged all the same.
#[derive(Debug)]
pub(super) struct BadRecord {
    /// Where it begins.
    pub(super) offset: u64,
    /// What is wrong with it.
    pub(super) error: RecordError,
}

/// Takes a batch of segment `segment` apart.
pub(super) fn records(segment: u32, batch: Batch) -> impl Iterator<Item = Result<Stored, BadRecord>> {
    let mut offset = batch.offset + BATCH_HEADER_LEN as u64;
    let mut payload = batch.payload;
    std::iter::from_fn(move || {
        if payload.is_empty() {
            return None;
        }
        let at = offset;
        let step = frame_len(&payload)
            .and_then(|length| Record::decode(&mut payload).map(|record| (length, record)));
        match step {
            Ok((length, record)) => {
                offset += length as u64;
                let location = Location {
                    segment,
                    offset: u32::try_from(at).expect("a segment ends soon after 64 MiB"),
                    len: u32::try_from(length).expect("a record is shorter than its segment"),
                };
                Some(Ok(Stored { record, location }))
            }
            Err(error) => {
                payload.clear();
                Some(Err(BadRecord { offset: at, error }))
            }
        }
    })
}

/// Reads the records of `view` in the order of the log, from somewhere before the first change at or
/// after `revision`.
pub fn records_from(view: &View, revision: Revision) -> impl Iterator<Item = Result<Stored, StoreError>> {
    let segments = view.ordered();
    let first = segments.iter().rposition(|segment| segment.offset_of(revision).is_some()).unwrap_or(0);
    let readers: Vec<_> = segments[first..]
        .iter()
        .map(|segment| {
            let offset = segment.offset_of(revision).unwrap_or(SEGMENT_HEADER_LEN as u64);
            BatchReader::at(Arc::clone(segment), offset)
        })
        .collect();
    readers.into_iter().flat_map(all_records)
}

fn all_records(mut reader: BatchReader) -> impl Iterator<Item = Result<Stored, StoreError>> {
    let mut batch: Option<Box<dyn Iterator<Item = Result<Stored, BadRecord>> + Send>> = None;
    let mut failed = false;
    std::iter::from_fn(move || {
        while !failed {
            if let Some(records) = &mut batch
                && let Some(record) = records.next()
            {
                let path = reader.segment().path().display();
                return Some(record.map_err(|bad| {
                    failed = true;
                    StoreError::CorruptRecord(format!("{path}: offset {}: {}", bad.offset, bad.error))
                }));
            }
            match reader.next_batch() {
                Ok(Some(next)) => batch = Some(Box::new(records(reader.segment().id(), next))),
                Ok(None) => return None,
                Err(error) => {
                    failed = true;
                    let place = format!("{}: offset {}", reader.segment().path().display(), reader.offset());
                    return Some(Err(StoreError::CorruptRecord(format!("{place}: {error}"))));
                }
            }
        }
        None
    })
}
