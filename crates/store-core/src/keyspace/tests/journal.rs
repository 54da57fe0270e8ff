//! A log in memory.

use bytes::Bytes;

use crate::keyspace::{Journal, Keyspace, Pairs, Replay, ReplayError};
use crate::record::Record;
use crate::types::{KeyValue, Location, Millis, Revision};
use crate::{StoreError, record};

/// Encoded records under the number that locations name.
#[derive(Debug)]
struct Segment {
    id: u32,
    bytes: Vec<u8>,
}

/// Segments of encoded records, the last one growing.
#[derive(Debug)]
pub(super) struct MemoryLog {
    segments: Vec<Segment>,
    next_id: u32,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { segments: vec![Segment { id: 0, bytes: Vec::new() }], next_id: 1 }
    }
}

impl MemoryLog {
    /// Returns the bytes of all records.
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes.len()).sum()
    }

    /// Returns every record with its place, oldest first.
    pub(super) fn records(&self) -> Vec<(Record, Location)> {
        self.segments.iter().flat_map(Segment::records).collect()
    }

    /// Begins a new segment; returns how many are sealed.
    pub(super) fn seal(&mut self) -> usize {
        let segment = self.new_segment();
        self.segments.push(segment);
        self.segments.len() - 1
    }

    /// Replaces the first `sealed` segments by `head` and what the index points at, as a rewrite of the log does.
    pub(super) fn rewrite(&mut self, sealed: usize, head: &[Record], keyspace: &mut Keyspace) {
        let mut base = self.new_segment();
        for record in head {
            record.encode(&mut base.bytes);
        }
        for (record, location) in self.segments[..sealed].iter().flat_map(Segment::records) {
            let of_use = change(&record)
                .is_some_and(|(modified, key)| keyspace.index().points_at(key, modified, location));
            if of_use {
                record.encode(&mut base.bytes);
            }
        }
        for (record, location) in base.records() {
            if let Some((modified, key)) = change(&record) {
                assert!(
                    keyspace.relocate(key, modified, location),
                    "the index knows what was kept: {record:?}"
                );
            }
        }
        self.segments.splice(..sealed, [base]);
    }

    /// Rebuilds the keyspace, as a restart does.
    pub(super) fn replay(&self, now: Millis) -> Result<Keyspace, ReplayError> {
        let mut replay = Replay::begin(now);
        for (record, location) in self.records() {
            replay.apply(record, location)?;
        }
        Ok(replay.finish())
    }

    fn new_segment(&mut self) -> Segment {
        let id = self.next_id;
        self.next_id += 1;
        Segment { id, bytes: Vec::new() }
    }
}

impl Segment {
    fn records(&self) -> Vec<(Record, Location)> {
        let mut rest = Bytes::copy_from_slice(&self.bytes);
        let mut found = Vec::new();
        while !rest.is_empty() {
            let offset = self.bytes.len() - rest.len();
            let len = record::frame_len(&rest).unwrap();
            let record = Record::decode(&mut rest).unwrap();
            found.push((record, self.location(offset, len)));
        }
        found
    }

    fn location(&self, offset: usize, len: usize) -> Location {
        Location {
            segment: self.id,
            offset: u32::try_from(offset).unwrap(),
            len: u32::try_from(len).unwrap(),
        }
    }
}

impl Pairs for MemoryLog {
    fn read(&self, at: Location) -> Result<KeyValue, StoreError> {
        let missing = || StoreError::CorruptRecord(format!("nothing stands at {at:?}"));
        let segment = self.segments.iter().find(|segment| segment.id == at.segment).ok_or_else(missing)?;
        let from = at.offset as usize;
        let bytes = segment.bytes.get(from..from + at.len as usize).ok_or_else(missing)?;
        match Record::decode(&mut Bytes::copy_from_slice(bytes)) {
            Ok(Record::Put { kv, .. }) => Ok(kv),
            Ok(other) => Err(StoreError::CorruptRecord(format!("no pair: {other:?}"))),
            Err(error) => Err(StoreError::CorruptRecord(error.to_string())),
        }
    }
}

impl Journal for MemoryLog {
    fn append(&mut self, record: &Record) -> Location {
        let last = self.segments.last_mut().expect("there is always a growing segment");
        let offset = last.bytes.len();
        let len = record.encode(&mut last.bytes);
        last.location(offset, len)
    }
}

/// Returns the revision and the key, if the record is a change of a key.
pub(super) fn change(record: &Record) -> Option<(Revision, &Bytes)> {
    match record {
        Record::Put { kv, .. } => Some((kv.modified, &kv.key)),
        Record::Delete { revision, key, .. } => Some((*revision, key)),
        Record::Compact { .. }
        | Record::LeaseGrant { .. }
        | Record::LeaseRevoke { .. }
        | Record::LeaseRemaining { .. }
        | Record::Alarm { .. }
        | Record::Base { .. }
        | Record::Closed => None,
    }
}
